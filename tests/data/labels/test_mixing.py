"""Real and synthetic items in one source."""

import collections
import contextlib
import json
import pickle
import types

import numpy as np
import pytest

from gansynth import images
from gansynth.data import labels, pipeline, sources
from gansynth.data.labels import datasets, mixing, preprocess, reading


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
  held = [label for items in kinds for label in items.labels]
  return np.eye(num_labels, dtype=bool)[held]


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


COLORS = np.array([[250, 62, 119], [168, 232, 84], [242, 180, 92]], np.uint8)


def write_pair(folder, stem, label, coded=True):
  mask = np.broadcast_to(np.uint8(label), (4, 6))
  images.write(
    folder / "masks" / f"{stem}.png", COLORS[mask] if coded else mask
  )
  images.write(folder / "images" / f"{stem}.jpg", np.zeros((4, 6, 3), np.uint8))


@pytest.fixture
def folders(tmp_path):
  """Real pairs in colours; generated ones in numbers, with a manifest."""
  for number in range(6):
    write_pair(tmp_path / "real" / "train", f"{number}", number == 5)
  lines = []
  for number in range(4):
    write_pair(tmp_path / "pairs", f"pair_{number}", 2, coded=False)
    pixels = [0, 24, 0, 0, 0, 0] if number == 1 else [0, 0, 24, 0, 0, 0]
    lines.append({"mask": f"masks/pair_{number}.png", "pixels": pixels})
  text = "".join(json.dumps(line) + "\n" for line in lines)
  (tmp_path / "pairs" / "manifest.jsonl").write_text(text)
  return tmp_path / "real", tmp_path / "pairs"


def config(real, **fields):
  return types.SimpleNamespace(
    source="geoseg", root=str(real), palette="geoseg", **fields
  )


def mix(real, **fields):
  settings = config(real, **fields)
  reader = labels.label_reader(settings)
  entries = labels.entries(settings, "train")
  items = datasets.LabelFilesSource(entries, reader)
  return mixing.mixed(settings, items, reader)


def test_generated_pairs_are_mixed_with_real_ones_of_another_coding(folders):
  real, pairs = folders
  source = mix(real, synthetic=str(pairs), synthetic_share=0.4)
  assert (source.num_real, source.num_synthetic) == (6, 4)
  assert [source[i]["label"][0, 0] for i in range(10)] == [0] * 5 + [1] + [
    2
  ] * 4
  assert source[9]["image"].shape == (4, 6, 3)
  two = mix(real, synthetic=f" {pairs},{pairs}", synthetic_share=0.4)
  assert len(two.synthetic) == 8


@pytest.mark.parametrize("oversample", ["1", (1,), "rare"])
def test_maps_are_read_for_labels_that_are_to_come_more_often(
  folders, oversample
):
  real, pairs = folders
  for number in range(6, 24):  # label 1 has 4 % of the pixels
    write_pair(real / "train", f"{number}", 0)
  source = mix(
    real,
    synthetic=str(pairs),
    oversample=oversample,
    oversample_factor=3.0,
    cache_bytes=10**6,
  )
  assert source.num_real == 26
  assert sum(source[i]["label"][0, 0] == 1 for i in range(26)) == 3
  # The manifest says that pair_1 holds label 1.
  drawn = [source[i]["name"] for i in range(26, len(source))]
  assert drawn.count("pair_1") == 5
  assert len(drawn) == 9


def test_a_manifest_of_other_labels_is_not_believed(folders):
  _, pairs = folders
  reader = mixing.generated(reading.LabelReader(4))
  source = datasets.LabelFilesSource(mixing.synthetic_entries([pairs]), reader)
  noted = mixing.noted_pixels([pairs])
  assert len(noted) == 4
  counts = mixing.pixel_counts(source, reader, noted)
  np.testing.assert_array_equal(counts, [[0, 0, 24, 0]] * 4)


def test_without_synthetic_pairs_items_are_only_oversampled(folders):
  source = mix(folders[0], synthetic="", oversample="1", oversample_factor=2)
  assert (source.num_real, source.num_synthetic) == (7, 0)


def test_rendered_items_are_counted_too():
  items = Items("real", [3, 0])
  for source in (items, sources.CachedSource(items, 10**6)):
    counts = mixing.pixel_counts(source, reading.LabelReader(4))
    np.testing.assert_array_equal(counts, [[0, 0, 0, 6], [6, 0, 0, 0]])


def test_batches_of_training_hold_both_kinds(folders):
  real, pairs = folders
  source = mix(real, synthetic=str(pairs), synthetic_share=0.4)
  place = preprocess.LabelPreprocess(mode="none", multiple=2)
  dataset = datasets.LabelDataset(pickle.loads(pickle.dumps(source)), place)
  batches = pipeline.train_iterator(dataset, batch_size=5, seed=0)
  with contextlib.closing(batches):
    drawn = np.concatenate([next(batches)["label"] for _ in range(4)])
  # Two epochs of 6 real items, one of them with label 1, and 4 pairs.
  counts = np.bincount(drawn[:, 0, 0])
  np.testing.assert_array_equal(counts, [10, 2, 8])


class WithInstances(Items):
  def __getitem__(self, index):
    return {
      **super().__getitem__(index),
      "instance": np.zeros((2, 3), np.int32),
    }


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"oversample": "village"}, "expected labels such as '4,5', or 'rare'"),
    ({"oversample": "3"}, "label 3 .* none of 10 holds it"),
    ({"oversample": "9"}, "labels are 0 to 5"),
    ({"synthetic_share": 1.0}, "less than 1"),
    ({"synthetic": "nowhere"}, "nowhere"),
  ],
)
def test_wrong_settings_are_refused(folders, fields, message):
  real, pairs = folders
  with pytest.raises(ValueError, match=message):
    mix(real, **{"synthetic": str(pairs), **fields})


def test_items_that_pairs_do_not_fit_are_refused(folders):
  settings = types.SimpleNamespace(synthetic=str(folders[1]))
  items = WithInstances("real", [0])
  with pytest.raises(ValueError, match=r"data\.instances=False"):
    mixing.mixed(settings, items, reading.LabelReader(4))
  with pytest.raises(ValueError, match="num_labels is 0"):
    mixing.mixed(settings, items, reading.LabelReader(0))


def test_a_damaged_manifest_is_named(folders):
  path = folders[1] / "manifest.jsonl"
  path.write_text(path.read_text() + '{"mask": "masks/x.png"}\n')
  with pytest.raises(ValueError, match=r"manifest.jsonl, line 5: .*pixels"):
    mix(folders[0], synthetic=str(folders[1]), oversample="rare")
