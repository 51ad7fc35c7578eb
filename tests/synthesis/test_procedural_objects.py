import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

from gansynth.synthesis.background_sources import ProceduralTiles
from gansynth.synthesis.procedural_objects import ProceduralTurbines


@pytest.mark.parametrize("domain", ["farmland", "desert", "boreal"])
def test_turbines_have_tight_labels_and_wider_masks(domain):
  source = ProceduralTurbines(seed=1)
  for index in range(4):
    cutout = source.read(domain, index)
    assert cutout.name == source.names(domain)[index]
    assert cutout.size == source.size(domain, index)
    (turbine,) = cutout.annotations
    assert source.class_names[turbine.class_id] == "wind_turbine"
    rows, columns = np.nonzero(turbine.mask)
    assert turbine.box == (
      columns.min(),
      rows.min(),
      columns.max() + 1,
      rows.max() + 1,
    )
    assert cutout.mask.dtype == np.float32
    assert (cutout.mask[turbine.mask] > 0).all()
    # The shadow is blended in, too, and there is land all round.
    assert (cutout.mask > 0.5).sum() > 1.3 * (turbine.mask).sum()
    border = cutout.mask.copy()
    border[24:-24, 24:-24] = 0
    assert not border.any()


def test_domains_seeds_and_numbers_are_different_turbines():
  source = ProceduralTurbines(seed=1, domains=["boreal", "desert"], count=7)
  assert source.domains() == ["boreal", "desert"]
  assert len(source.names("boreal")) == 7
  other = ProceduralTurbines(seed=2, domains=["boreal"])
  sizes = {
    source.size("boreal", 0),
    source.size("boreal", 1),
    source.size("desert", 0),
    other.size("boreal", 0),
  }
  assert len(sizes) == 4


def test_all_fit_into_the_tiles_of_the_same_scale():
  source = ProceduralTurbines()
  tiles = ProceduralTiles()
  for domain in source.domains():
    room = tiles.size(domain, 0)
    for index in range(len(source.names(domain))):
      height, width = source.size(domain, index)
      assert height <= room[0]
      assert width <= room[1]
  assert source.described()["metres"] == tiles.described()["metres"]


def test_copies_in_other_processes_give_the_same():
  source = ProceduralTurbines(count=3)
  first = source.read("boreal", 2)
  copy = pickle.loads(pickle.dumps(source))
  np.testing.assert_array_equal(copy.read("boreal", 2).image, first.image)
  assert source.read("boreal", 2) is first
  assert json.loads(json.dumps(copy.described())) == source.described()
  assert source.check() == []


def test_wrong_arguments_are_refused():
  with pytest.raises(ValueError, match="'tundra'"):
    ProceduralTurbines(domains=["tundra"])
  with pytest.raises(ValueError, match="count is 0"):
    ProceduralTurbines(count=0)
  with pytest.raises(ValueError, match="no domain 'desert'"):
    ProceduralTurbines(domains=["boreal"]).read("desert", 0)


def test_workers_need_no_jax():
  code = (
    "import sys; import gansynth.synthesis.procedural_objects; "
    "sys.exit('jax' in sys.modules or 'flax' in sys.modules)"
  )
  assert subprocess.run([sys.executable, "-c", code]).returncode == 0
