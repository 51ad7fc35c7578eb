"""Where backgrounds come from, and what is said of those that cannot be."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

from gansynth import images
from gansynth.synthesis.background_sources import (
  DomainDict,
  FolderBackgrounds,
  ProceduralTiles,
  Tiled,
  random_window,
)


def picture(height=6, width=8, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (height, width, 3), np.uint8)


def fill(folder, names, **options):
  for number, name in enumerate(names):
    images.write(folder / name, picture(seed=number, **options))


def test_one_folder_has_one_unnamed_domain(tmp_path):
  fill(tmp_path, ["b.png", "a.png"])
  source = FolderBackgrounds(tmp_path)
  assert source.domains() == [""]
  assert source.names("") == ["a", "b"]
  np.testing.assert_array_equal(source.read("", 0), picture(seed=1))
  assert source.size("", 0) == (6, 8)
  assert source.check() == []


def test_folders_are_domains(tmp_path):
  fill(tmp_path / "NW", ["x.jpg", "deep/y.png"])
  fill(tmp_path / "EM", ["z.png"])
  source = FolderBackgrounds(tmp_path)
  assert source.domains() == ["EM", "NW"]
  assert source.names("NW") == ["deep/y", "x"]
  np.testing.assert_array_equal(source.read("EM", 0), picture())
  chosen = FolderBackgrounds(f"{tmp_path}/", domains=("NW", "EM"))
  assert chosen.domains() == ["NW", "EM"]
  with pytest.raises(ValueError, match=r"no domain 'SW'.*'EM', 'NW'"):
    FolderBackgrounds(tmp_path, domains=("SW",))
  with pytest.raises(ValueError, match=r"no domain 'SW'.*'EM', 'NW'"):
    source.names("SW")


def test_names_keep_their_endings_where_they_need_them(tmp_path):
  fill(tmp_path, ["a.png", "a.jpg", "b.png"])
  assert FolderBackgrounds(tmp_path).names("") == ["a.jpg", "a.png", "b.png"]


def test_a_domain_without_backgrounds_is_named(tmp_path):
  fill(tmp_path / "NW", ["x.jpg"])
  (tmp_path / "SW").mkdir()
  (problem,) = FolderBackgrounds(tmp_path).check()
  assert str(tmp_path) in problem
  assert "'SW' has no backgrounds" in problem
  assert "add some, or choose domains" in problem
  assert FolderBackgrounds(tmp_path, domains=["NW"]).check() == []


def test_what_cannot_be_understood_is_refused(tmp_path):
  with pytest.raises(ValueError, match="does not exist"):
    FolderBackgrounds(tmp_path / "none")
  with pytest.raises(ValueError, match="holds no picture"):
    FolderBackgrounds(tmp_path)
  fill(tmp_path, ["a.png"])
  assert FolderBackgrounds(tmp_path, domains=["NW"]).domains() == [""]
  fill(tmp_path / "NW", ["b.png"])
  with pytest.raises(ValueError, match=r"pictures \(a.png\) and folders"):
    FolderBackgrounds(tmp_path)
  assert FolderBackgrounds(tmp_path, domains=["NW"]).names("NW") == ["b"]


def test_unreadable_files_are_all_named(tmp_path):
  fill(tmp_path, ["a.png", "c.png"])
  (tmp_path / "b.png").write_bytes(b"")
  (tmp_path / "d.png").write_bytes(b"<html>")
  source = FolderBackgrounds(tmp_path)
  problems = source.check()
  assert len(problems) == 2
  assert "b.png: is empty" in problems[0]
  assert "d.png: is not a picture" in problems[1]
  with pytest.raises(images.ImageError, match=r"b\.png"):
    source.read("", 1)


def domain_dict(folder, values):
  path = folder / "domain_dict.json"
  path.write_text(json.dumps(values))
  return path


def test_domain_dict_is_read_in_the_climate_programs_layout(tmp_path):
  folder = tmp_path / "images" / "NW" / "Background"
  fill(folder, ["n2.jpg", "n1.png", "n3.JPG", "unused.png"])
  listed = ["n2", "n1", "n3"]
  path = domain_dict(
    tmp_path, {"NW": {"Background": listed, "Real": ["r"]}, "SW": {}}
  )
  source = DomainDict(tmp_path, path, domains=["NW"])
  assert source.domains() == ["NW"]
  assert source.names("NW") == listed
  np.testing.assert_array_equal(source.read("NW", 1), picture(seed=1))
  assert source.size("NW", 2) == (6, 8)
  assert source.check() == []
  first = DomainDict(tmp_path, path, limit=2, domains=["NW"])
  assert first.names("NW") == ["n2", "n1"]
  assert first.described() != source.described()
  (problem,) = DomainDict(tmp_path, path).check()
  assert "domain_dict.json: the domain 'SW' has no backgrounds" in problem


def test_domain_dict_names_files_that_are_not_there(tmp_path):
  path = domain_dict(tmp_path, {"NW": {"Background": ["gone"]}})
  source = DomainDict(tmp_path, path)
  (problem,) = source.check()
  assert "NW/Background/gone.jpg does not exist" in problem
  assert "domain_dict.json names it" in problem
  with pytest.raises(FileNotFoundError, match=r"gone\.jpg"):
    source.read("NW", 0)


@pytest.mark.parametrize(
  ("content", "message"),
  [
    ("{", "is no JSON"),
    ("[]", r'holds \[\]; expected {"domain": {"Background": \["name"'),
    ('{"NW": ["a"]}', "domain 'NW' holds"),
    ('{"NW": {"Background": "a"}}', "domain 'NW' holds"),
    ('{"NW": {"Background": [1]}}', "domain 'NW' holds"),
    ('{"NW": {"Background": ["a", "a"]}}', "names 'a' more than once"),
  ],
)
def test_what_is_no_domain_dict(tmp_path, content, message):
  path = tmp_path / "d.json"
  path.write_text(content)
  with pytest.raises(ValueError, match=f"d.json.*{message}"):
    DomainDict(tmp_path, path)


def test_domain_dict_refuses_a_negative_limit(tmp_path):
  with pytest.raises(ValueError, match="limit is -1"):
    DomainDict(tmp_path, "d.json", limit=-1)


def test_procedural_tiles():
  source = ProceduralTiles(seed=3, size=64)
  assert source.domains() == ["farmland", "desert", "boreal"]
  assert len(source.names("desert")) == 1000
  tile = source.read("desert", 5)
  assert tile.shape == (*source.size("desert", 5), 3) == (64, 64, 3)
  assert (source.read("boreal", 5) != tile).mean() > 0.9
  assert (ProceduralTiles(seed=4, size=64).read("desert", 5) != tile).any()
  wide = ProceduralTiles(size=(32, 48), domains=["boreal"], count=2)
  assert wide.read("boreal", 1).shape == (32, 48, 3)
  assert wide.names("boreal") == ["tile_000000", "tile_000001"]
  assert wide.check() == []
  with pytest.raises(ValueError, match="'tundra'"):
    ProceduralTiles(domains=["tundra"])
  with pytest.raises(ValueError, match="no domain 'desert'"):
    wide.read("desert", 0)
  with pytest.raises(ValueError, match="count is 0"):
    ProceduralTiles(count=0)
  with pytest.raises(ValueError, match="size is"):
    ProceduralTiles(size=(64, 64, 3))


def test_tiles_cover_their_picture(tmp_path):
  fill(tmp_path, ["a.png"], height=7, width=8)
  source = Tiled(FolderBackgrounds(tmp_path), (3, 4))
  assert source.names("") == [
    "a@0,0",
    "a@0,4",
    "a@3,0",
    "a@3,4",
    "a@4,0",  # moved inwards
    "a@4,4",
  ]
  whole = np.zeros((7, 8, 3), np.uint8)
  for index, name in enumerate(source.names("")):
    row, column = map(int, name.split("@")[1].split(","))
    tile = source.read("", index)
    assert tile.shape[:2] == source.size("", index) == (3, 4)
    whole[row : row + 3, column : column + 4] = tile
  np.testing.assert_array_equal(whole, picture(7, 8))
  assert source.check() == []
  assert Tiled(FolderBackgrounds(tmp_path), 7).names("") == ["a@0,0", "a@0,1"]


def test_pictures_smaller_than_a_tile_are_named(tmp_path):
  images.write(tmp_path / "a.png", picture(5, 9))
  images.write(tmp_path / "b.png", picture(6, 6))
  (tmp_path / "c.png").write_bytes(b"")
  source = Tiled(FolderBackgrounds(tmp_path), 6)
  assert source.names("") == ["b@0,0"]
  problems = source.check()
  assert len(problems) == 2
  assert "c.png: is empty" in problems[0]
  assert "a is 9 x 5 pixels" in problems[1]
  assert "6 x 6" in problems[1]
  with pytest.raises(ValueError, match=r"size is \(6,\)"):
    Tiled(FolderBackgrounds(tmp_path), (6,))


def test_random_windows_reach_every_place():
  rng = np.random.default_rng(0)
  drawn = {random_window(rng, (5, 4), (3, 4)) for _ in range(60)}
  assert drawn == {(0, 0), (1, 0), (2, 0)}
  with pytest.raises(ValueError, match=r"tile_7 is 4 x 5 pixels.*5 x 3"):
    random_window(rng, (5, 4), (3, 5), "tile_7")


def sources(folder):
  fill(folder / "NW", ["x.png", "y.png"])
  return [
    FolderBackgrounds(folder),
    Tiled(FolderBackgrounds(folder), 4),
    ProceduralTiles(size=48, count=3, domains=["desert"]),
  ]


def test_copies_in_other_processes_give_the_same(tmp_path):
  for source in sources(tmp_path):
    (domain,) = source.domains()
    first = source.read(domain, 1)
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy.read(domain, 1), first)
    assert copy.names(domain) == source.names(domain)
    assert json.loads(json.dumps(copy.described())) == source.described()


def test_what_is_read_cannot_be_changed(tmp_path):
  for source in sources(tmp_path):
    (domain,) = source.domains()
    with pytest.raises(ValueError, match="read-only"):
      source.read(domain, 0)[0, 0] = 0


def test_description_tells_when_pictures_were_added(tmp_path):
  fill(tmp_path, ["a.png"])
  before = FolderBackgrounds(tmp_path).described()
  assert FolderBackgrounds(tmp_path).described() == before
  fill(tmp_path, ["a.png", "b.png"])
  assert FolderBackgrounds(tmp_path).described() != before


def test_workers_need_no_jax():
  code = (
    "import sys; import gansynth.synthesis.background_sources; "
    "sys.exit('jax' in sys.modules or 'flax' in sys.modules)"
  )
  assert subprocess.run([sys.executable, "-c", code]).returncode == 0
