"""Real and synthetic items in one source."""

import collections
import pickle

import numpy as np
import pytest

from gansynth.data.labels import mixing


class Items:
  """Label maps of one label each, and names."""

  def __init__(self, kind, labels):
    self.kind, self.labels = kind, labels

  def __len__(self):
    return len(self.labels)

  def __getitem__(self, index):
    return {
      "label": np.full((2, 3), self.labels[index], np.uint8),
      "image": np.zeros((2, 3, 3), np.uint8),
      "name": f"{self.kind}_{index}",
    }


def presence(*kinds, num_labels=4):
  labels = [label for items in kinds for label in items.labels]
  return np.eye(num_labels, dtype=bool)[labels]


def names(source):
  return [source[i]["name"] for i in range(len(source))]


def epoch(source, seed):
  rng = np.random.default_rng(seed)
  return [source.sample(i, rng)["name"] for i in range(len(source))]


@pytest.mark.parametrize(
  ("share", "places"), [(0, 0), (0.25, 2), (0.5, 6), (0.75, 18), (0.9, 54)]
)
def test_synthetic_items_have_their_share_of_an_epoch(share, places):
  source = mixing.MixedSource(
    Items("real", [0] * 6), Items("pair", [0] * 5), share
  )
  assert (source.num_real, source.num_synthetic) == (6, places)
  assert len(source) == 6 + places
  for seed in range(3):
    found = epoch(source, seed)
    assert sorted(found[:6]) == [f"real_{i}" for i in range(6)]
    assert all(name.startswith("pair") for name in found[6:])


def test_visits_draw_other_synthetic_items_and_all_are_drawn():
  source = mixing.MixedSource(
    Items("real", [0] * 30), Items("pair", [0] * 40), 0.25
  )
  assert source.num_synthetic == 10
  drawn = collections.Counter()
  for seed in range(400):
    found = epoch(source, seed)[30:]
    # Each place draws from its own 4 of the 40.
    assert len(set(found)) == 10
    drawn.update(found)
  assert epoch(source, 0) == epoch(source, 0) != epoch(source, 1)
  # 100 each are expected, with a standard deviation of 8.7.
  assert len(drawn) == 40
  assert 60 < min(drawn.values()) < max(drawn.values()) < 140


def test_items_without_chance_are_spread_too():
  source = mixing.MixedSource(
    Items("real", [0] * 3), Items("pair", [0] * 9), 0.5
  )
  assert names(source) == [
    "real_0", "real_1", "real_2", "pair_1", "pair_4", "pair_7"
  ]  # fmt: skip
  assert names(pickle.loads(pickle.dumps(source))) == names(source)


@pytest.mark.parametrize("factor", [1, 2, 3, 2.5])
def test_items_with_wanted_labels_come_more_often(factor):
  real = Items("real", [0] * 4 + [3] * 8)
  pairs = Items("pair", [3] * 100 + [1] * 300)
  source = mixing.MixedSource(
    real, pairs, 0.5, [3], factor, presence(real, pairs)
  )
  assert source.num_real == source.num_synthetic == 4 + round(8 * factor)
  drawn = collections.Counter()
  for seed in range(400):
    found = epoch(source, seed)
    counts = collections.Counter(found)
    assert all(counts[f"real_{i}"] == 1 for i in range(4))
    extra = [counts[f"real_{i}"] - int(factor) for i in range(4, 12)]
    assert min(extra) >= 0
    assert sum(extra) == round(8 * (factor % 1))
    drawn.update(extra=extra[0])
    drawn.update(name.split("_")[0] for name in found)
    drawn.update(
      favoured=sum(int(name[5:]) < 100 for name in found[source.num_real :])
    )
  share = drawn["favoured"] / drawn["pair"]
  np.testing.assert_allclose(share, factor / (factor + 3), atol=0.02)
  np.testing.assert_allclose(drawn["extra"] / 400, factor % 1, atol=0.1)


def test_an_epoch_is_shuffled_and_holds_what_the_places_say():
  source = mixing.MixedSource(
    Items("real", [0] * 50), Items("pair", [0] * 50), 0.2
  )
  picks = source.epoch(np.random.default_rng(1))
  assert picks == source.epoch(np.random.default_rng(1))
  real = [pick.index for pick in picks if not pick.synthetic]
  assert sorted(real) == list(range(50)) != real
  assert len(picks) - len(real) == 12
  last = [pick.synthetic for pick in picks[-12:]]
  assert not all(last)


@pytest.mark.parametrize("factor", [1.1, 1.3, 1.7])
def test_no_draw_is_beyond_the_last_item(factor):
  real = Items("real", [3] * 7)
  source = mixing.MixedSource(
    real, real, 0.5, [3], factor, presence(real, real)
  )
  last = np.nextafter(1.0, 0.0)
  picks = [source.pick(i, last) for i in range(len(source))]
  assert max(pick.index for pick in picks) == 6


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"share": 1}, "less than 1"),
    ({"share": -0.1}, "0 or more"),
    ({"share": float("nan")}, "0 or more"),
    ({"factor": 0.5}, "expected 1 or more"),
    ({"factor": float("inf")}, "expected 1 or more"),
    ({"real": Items("real", [])}, "no real items"),
    ({"synthetic": Items("pair", [])}, "there are none; make some"),
    ({"oversample": [1]}, "presence has 0 rows; expected 4"),
    (
      {"oversample": [1], "presence": np.zeros((4, 4), bool)},
      "none of 4 holds it",
    ),
  ],
)
def test_what_cannot_be_mixed_is_refused(fields, message):
  given = {
    "real": Items("real", [0] * 3),
    "synthetic": Items("pair", [0]),
    "share": 0.25,
    **fields,
  }
  with pytest.raises(ValueError, match=message):
    mixing.MixedSource(**given)


def test_without_synthetic_items_a_share_of_none_is_all_real():
  source = mixing.MixedSource(Items("real", [0, 1]), Items("pair", []), 0)
  assert names(source) == ["real_0", "real_1"]
