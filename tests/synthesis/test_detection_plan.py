"""Which pictures a run makes, what they are called, of what, and how large."""

import itertools
import json
import pickle
import random

import detection_folders
import numpy as np
import pytest

from gansynth import images
from gansynth.synthesis.detection_options import Options
from gansynth.synthesis.detection_plan import Item, Plan


@pytest.fixture
def folders(tmp_path):
  return detection_folders.write(tmp_path, ("a", "b", "c"))


def plan(values, **changes):
  merged = dict(values)
  for name, value in changes.items():
    merged[name] = (
      {**merged.get(name, {}), **value} if isinstance(value, dict) else value
    )
  return Plan(Options.from_dict(merged))


def test_every_ordered_pair_in_the_order_of_the_domains(folders):
  def pairs(**changes):
    return [(p.source, p.target) for p in plan(folders, **changes).pairs]

  assert pairs() == list(itertools.product("abc", repeat=2))
  chosen = ("c", "a")
  assert pairs(domains=chosen) == list(itertools.product("ca", repeat=2))
  assert pairs(domains=chosen, pairs="cross") == [("c", "a"), ("a", "c")]
  assert pairs(domains=chosen, pairs="within") == [("c", "c"), ("a", "a")]
  alone = {"path": folders["objects"]["path"] + "/images/a"}
  assert pairs(backgrounds=alone) == [(source, "") for source in "abc"]
  folder = {p.folder for p in plan(folders, backgrounds=alone).pairs}
  assert folder == {"s_a", "s_b", "s_c"}


def test_items_and_positions_are_each_others_inverse(folders):
  made = plan(folders, images=5)
  assert len(made) == 45
  for position in range(45):
    item = made.item(position)
    assert made.position(item) == position
    pair = made.pairs[item.pair]
    assert made.find(pair.source, pair.target, item.index) == item
  with pytest.raises(ValueError, match="no pair of objects of 'a' and backg"):
    made.find("a", "x", 0)


def test_names_differ(folders):
  for naming in ("plain", "original"):
    made = plan(folders, output={"naming": naming})
    names = [made.name(made.item(position)) for position in range(len(made))]
    assert len(set(names)) == len(made)
    item = made.find("b", "c", 3)
    number = made.background(item)
    assert made.name(item) == (
      "b_to_c_000003"
      if naming == "plain"
      else f"src_b_dst_c_mask3_bg_t{number}"
    )


def test_domains_that_would_share_names_are_refused(folders, tmp_path):
  tiles = tmp_path / "tiles"
  for name in ("b_to_c", "c"):
    (tiles / name).mkdir(exist_ok=True)
    images.write(tiles / name / "x.png", np.zeros((64, 64, 3), np.uint8))
  (tmp_path / "crops/images/a").rename(tmp_path / "crops/images/a_to_b")
  (tmp_path / "crops/images/b").rename(tmp_path / "crops/images/a")
  with pytest.raises(ValueError, match="'a_to_b' in 'c' would have the same"):
    plan(folders)


def test_each_background_is_used_before_any_is_used_twice(folders):
  made = plan(folders, images=10)
  used = [made.background(Item(1, index)) for index in range(10)]
  assert sorted(used[:4]) == sorted(used[4:8]) == [0, 1, 2, 3]
  assert used[8] != used[9]
  # In any order, and for more pictures, it is the same.
  again = plan(folders, images=30)
  for index in (7, 0, 9, 4):
    assert again.background(Item(1, index)) == used[index]
  other = [made.background(Item(2, index)) for index in range(10)]
  assert other != used
  limited = plan(folders, images=10, backgrounds={"limit": 2})
  assert {limited.background(Item(1, i)) for i in range(10)} == {0, 1}


def test_pictures_do_not_depend_on_the_other_domains(folders):
  both = plan(folders)
  one = plan(folders, domains=("b",))
  item, alone = both.find("b", "b", 3), one.find("b", "b", 3)
  assert item != alone
  assert both.background(item) == one.background(alone)
  first, second = (
    each.generator(where).integers(1 << 60)
    for each, where in ((both, item), (one, alone))
  )
  assert first == second
  draws = {
    made.generator(made.item(position)).integers(1 << 60)
    for made in (both, plan(folders, seed=4))
    for position in range(len(both))
  }
  assert len(draws) == 2 * len(both)


def test_mode_original_draws_as_the_original(folders):
  size = {"size": (64, 64)}
  made = plan(
    folders,
    mode="original",
    seed=11,
    images=7,
    objects={"limit": 2},
    backgrounds=size,
    rules={"min_objects": 2},
  )
  names = ["c0", "c1", "c2"]
  chosen = random.Random(11).sample(names, 2)
  assert [names[number] for number in made.crops("a")] == chosen
  rng = random.Random(11)
  tiles = ["t0", "t1", "t2", "t3"]
  expected = rng.sample(tiles, 4) + rng.sample(tiles, 3)
  used = [tiles[made.background(Item(5, index))] for index in range(7)]
  assert used == expected
  # The counter runs over the whole run, from 1.
  seeds = [made.canvas_seed(made.item(position)) for position in range(63)]
  assert seeds == list(range(12, 75))


def test_limits(folders):
  made = plan(folders, objects={"limit": 2})
  for domain in "abc":
    assert len(set(made.crops(domain))) == 2
  assert made.crops("a") == plan(folders, objects={"limit": 2}).crops("a")
  few = {"path": folders["objects"]["path"], "limit": 1}
  made = plan(folders, distractors=few, rules={"max_distractors": 1})
  rng = np.random.default_rng(0)
  drawn = {made.distractor(rng) for _ in range(50)}
  assert sorted(domain for domain, _ in drawn) == ["a", "b", "c"]


def test_files_beyond_the_limit_need_not_be_there(folders, tmp_path):
  (tmp_path / "dict.json").write_text(json.dumps({"a": {"Background": ["x"]}}))
  (tmp_path / "tiles/images/a").mkdir(parents=True)
  (tmp_path / "tiles/a").rename(tmp_path / "tiles/images/a/Background")
  values = {"a": {"Background": ["t0", "t3", "gone"]}}
  (tmp_path / "dict.json").write_text(json.dumps(values))
  listed = {"domain_dict": str(tmp_path / "dict.json")}
  made = plan(folders, domains=("a",), backgrounds={**listed, "limit": 2})
  made.check()
  with pytest.raises(ValueError, match=r"gone\.jpg does not exist"):
    plan(folders, domains=("a",), backgrounds=listed).check()


def test_the_percentile_of_real_counts(folders, tmp_path):
  real = tmp_path / "real"
  real.mkdir()
  for number, count in enumerate((1, 1, 2, 5)):
    (real / f"{number}.txt").write_text("0 0.5 0.5 0.1 0.1\n" * count)
  for percentile, count in ((0, 1), (50, 1), (75, 2), (100, 5)):
    made = plan(folders, real_labels=str(real), objects_percentile=percentile)
    assert made.rules.min_objects == made.rules.max_objects == count


def test_sizes_are_checked_before(folders, tmp_path):
  """A cut-out that fits into one background of the pair is no problem."""
  path = tmp_path / "crops/images/a/c1.png"
  images.write(path, np.zeros((50, 70, 3), np.uint8))
  plan(folders).check()  # 64 x 80, and turned it would not fit upright
  images.write(path, np.zeros((70, 50, 3), np.uint8))
  plan(folders).check()  # turned
  for number in (0, 2):
    images.write(
      tmp_path / f"crops/images/a/c{number}.png",
      np.zeros((66, 66, 3), np.uint8),
    )
  plan(folders).check()
  images.write(path, np.zeros((66, 70, 3), np.uint8))
  with pytest.raises(ValueError, match="nothing was made") as caught:
    plan(folders).check()
  text = str(caught.value)
  assert "c1 is 70 x 66 pixels (width x height), and no background" in text
  assert text.count("pixels (width x height)") == 9  # three in each domain
  assert "c0 is 66 x 66" in text
  plan(folders, rules={"scale": (0.9, 1.0)}).check()
  images.write(tmp_path / "tiles/b/t9.png", np.zeros((90, 90, 3), np.uint8))
  plan(folders, domains=("a", "b"), pairs="cross").check()


def test_a_plan_travels_to_workers(folders):
  made = plan(folders)
  made.check()
  data = pickle.dumps(made)
  assert len(data) < 50_000  # without the pictures it has looked at
  again = pickle.loads(data)
  assert [again.background(Item(0, i)) for i in range(4)] == [
    made.background(Item(0, i)) for i in range(4)
  ]
