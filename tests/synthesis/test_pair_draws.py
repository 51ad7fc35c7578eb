"""Which mask a pair is made of, and that it does not matter who asks when."""

import collections
import pickle
import random

import numpy as np
import pair_folders
import pytest

from gansynth.synthesis import mask_jitter
from gansynth.synthesis.pair_options import Options
from gansynth.synthesis.pair_plan import Plan


@pytest.fixture(scope="module")
def root(tmp_path_factory):
  root = tmp_path_factory.mktemp("masks")
  pair_folders.write(root, count=5, labels=5)
  return root


def plan(root, **changes):
  return Plan(Options.from_dict(pair_folders.options(root, **changes)))


def all_of(made):
  return [made.compose(index) for index in range(len(made))]


def same(first, second):
  assert first.name == second.name
  assert first.source == second.source
  assert first.changes == second.changes
  np.testing.assert_array_equal(first.labels, second.labels)


@pytest.mark.parametrize("mode", ["fixed", "original"])
def test_order_process_and_number_of_pairs_do_not_matter(root, mode):
  forward = all_of(plan(root, mode=mode, pairs=150))
  longer = plan(root, mode=mode, pairs=200)
  for index in (149, 3, 70, 71, 64, 63, 0, 128):
    same(longer.compose(index), forward[index])
  copied = pickle.loads(pickle.dumps(longer))
  for index in (100, 2):
    same(copied.compose(index), forward[index])


def test_the_seed_matters(root):
  first, second = all_of(plan(root)), all_of(plan(root, seed=4))
  assert [x.source for x in first] != [x.source for x in second]
  assert any(
    (a.labels != b.labels).any() for a, b in zip(first, second, strict=True)
  )


def test_original_draws_run_through_all_pairs(root):
  made = all_of(plan(root, mode="original", pairs=12))
  rng, noise = random.Random(3), np.random.RandomState(3)
  masks = {f"train/masks/t{i}.png": pair_folders.draw(i, 5) for i in range(5)}
  for each in made:
    picked = rng.choice(sorted(masks))
    assert each.source == picked
    expected = mask_jitter.original(masks[picked], mask_jitter.Jitter(), noise)
    np.testing.assert_array_equal(each.labels, expected)


def test_each_mask_has_its_turn_before_any_has_the_next(root):
  sources = [x.source for x in all_of(plan(root, pairs=15))]
  for turn in range(3):
    assert len(set(sources[5 * turn : 5 * turn + 5])) == 5
  assert sources[:5] != sources[5:10]


def test_masks_with_rare_labels_come_more_often(tmp_path):
  masks = pair_folders.write(tmp_path, count=5, labels=4)
  masks[2][0, 0] = 5
  pair_folders.images.write(tmp_path / "train" / "masks" / "t2.png", masks[2])
  chosen = {"oversample": "rare", "oversample_factor": 4.0}
  made = plan(tmp_path, pairs=400, masks=chosen)
  pixels = made.masks.pixels()
  share = pixels.sum(axis=0) / pixels.sum()
  rare = {label for label in range(6) if 0 < share[label] < 0.05}
  assert 5 in rare
  weights = [4 if rare & set(np.unique(mask)) else 1 for mask in masks]
  assert len(set(weights)) == 2
  counts = collections.Counter(x.source for x in all_of(made))
  for i, weight in enumerate(weights):
    expected = 400 * weight / sum(weights)
    # A turn of 5 rounds each mask's number up or down; 80 turns even it out.
    assert counts[f"train/masks/t{i}.png"] == pytest.approx(expected, abs=25)


def test_regions_are_pasted_of_masks_that_hold_their_labels(tmp_path):
  masks = pair_folders.write(tmp_path, count=5, labels=4)
  masks[2][2:8, 2:8] = 5
  pair_folders.images.write(tmp_path / "train" / "masks" / "t2.png", masks[2])
  still = {"dilate": 0, "erode": 0, "elastic_alpha": 0.0, "flip": False}
  paste = {**still, "paste": 1.0, "paste_labels": (5,)}
  made = all_of(plan(tmp_path, changes=paste))
  assert all(x.changes["pasted"][0]["label"] == 5 for x in made)
  assert sum((x.labels == 5).any() for x in made) > 8
  plain = all_of(plan(tmp_path, changes=still))
  for each in plain:
    number = int(each.source[-5])
    np.testing.assert_array_equal(each.labels, masks[number])


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"masks": {"oversample": (5,)}}, "label 5 are? to be drawn more often"),
    ({"masks": {"oversample": (7,)}}, "label 7 is to be drawn more often"),
    (
      {"changes": {"paste": 0.5, "paste_labels": (5,)}},
      r"labels \(5,\) are to be pasted .* none of 5 masks holds one",
    ),
  ],
)
def test_labels_that_no_mask_holds_are_found_before(root, changes, message):
  with pytest.raises(ValueError, match=message):
    plan(root, **changes).check()
