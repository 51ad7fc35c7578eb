"""Pairing, channels, direction, training and evaluation items."""

import numpy as np
import pytest

from gansynth import images
from gansynth.data import color, datasets
from gansynth.data.preprocess import Preprocess

PLAIN = Preprocess("none", flip=False)


class Constant:
  """Pictures whose value is base + index."""

  def __init__(self, count, base, size=(8, 8)):
    self.count = count
    self.base = base
    self.size = size

  def __len__(self):
    return self.count

  def __getitem__(self, index):
    if not 0 <= index < self.count:
      raise IndexError(index)
    image = np.full((*self.size, 3), self.base + index, np.uint8)
    return {"image": image, "name": f"{self.base + index}.png"}


class Pairs:
  """Noise whose negative is its partner."""

  def __init__(self, size=(20, 30), extra=0):
    rng = np.random.default_rng(0)
    height, width = size
    self.a = rng.integers(0, 256, (height, width, 3), np.uint8)
    self.b = np.pad(255 - self.a, ((0, 0), (0, extra), (0, 0)))

  def __len__(self):
    return 1

  def __getitem__(self, index):
    return {"image_a": self.a, "image_b": self.b, "name": "pair.png"}


def rng(seed=0):
  return np.random.default_rng(seed)


def value(item, key):
  return int(item[key][0, 0, 0])


def test_unaligned_takes_a_in_turn_and_b_at_random():
  dataset = datasets.UnalignedDataset(Constant(3, 0), Constant(5, 100), PLAIN)
  assert len(dataset) == 5
  assert not dataset.paired
  for index in range(5):
    partners = set()
    for seed in range(60):
      item = dataset.sample(index, rng(seed))
      assert set(item) == {"image_a", "image_b"}
      assert value(item, "image_a") == index % 3
      partners.add(value(item, "image_b"))
    assert partners == set(range(100, 105))


def test_unaligned_serial():
  dataset = datasets.UnalignedDataset(
    Constant(5, 0), Constant(3, 100), PLAIN, serial=True
  )
  for index in range(5):
    item = dataset.sample(index, rng(index))
    assert value(item, "image_b") == 100 + index % 3


def test_unaligned_evaluation_is_serial_and_named():
  dataset = datasets.UnalignedDataset(Constant(2, 0), Constant(4, 100), PLAIN)
  item = dataset[3]
  assert (value(item, "image_a"), value(item, "image_b")) == (1, 103)
  assert (item["name_a"], item["name_b"]) == ("1.png", "103.png")
  assert item["name"] == "1.png"


def test_sides_are_transformed_independently():
  source = Pairs()
  dataset = datasets.UnalignedDataset(
    _Only(source.a), _Only(source.a), Preprocess("crop", crop_size=16)
  )
  differing = 0
  for seed in range(20):
    item = dataset.sample(0, rng(seed))
    differing += not np.array_equal(item["image_a"], item["image_b"])
  assert differing >= 18


class _Only:
  def __init__(self, image):
    self.image = image

  def __len__(self):
    return 1

  def __getitem__(self, index):
    return {"image": self.image, "name": "only.png"}


def test_samples_depend_on_index_and_generator_only():
  make = lambda: datasets.UnalignedDataset(  # noqa: E731
    Constant(3, 0, (20, 20)),
    Constant(5, 100, (20, 20)),
    Preprocess("crop", crop_size=16),
  )
  first, second = make(), make()
  first.sample(4, rng(9))
  for key in ("image_a", "image_b"):
    np.testing.assert_array_equal(
      first.sample(2, rng(7))[key], second.sample(2, rng(7))[key]
    )


def test_direction_exchanges_entries_and_channels():
  dataset = datasets.UnalignedDataset(
    Constant(2, 0),
    Constant(2, 100),
    PLAIN,
    direction="BtoA",
    input_channels=1,
    serial=True,
  )
  for item in (dataset.sample(1, rng()), dataset[1]):
    assert value(item, "image_a") == 101
    assert value(item, "image_b") == 1
    assert item["image_a"].shape == (8, 8, 1)
    assert item["image_b"].shape == (8, 8, 3)
  assert dataset[1]["name"] == "101.png"


def test_aligned_crops_and_flips_together():
  dataset = datasets.AlignedDataset(Pairs(), Preprocess("crop", crop_size=16))
  assert dataset.paired
  crops = set()
  for seed in range(20):
    item = dataset.sample(0, rng(seed))
    assert item["image_a"].shape == (16, 16, 3)
    np.testing.assert_array_equal(item["image_a"], 255 - item["image_b"])
    crops.add(item["image_a"].tobytes())
  assert len(crops) > 10
  item = dataset[0]
  assert item["name"] == "pair.png"
  np.testing.assert_array_equal(
    item["image_a"], images.resize(Pairs().a, (20, 32))
  )


@pytest.mark.parametrize("mode", ["none", "resize_and_crop"])
def test_aligned_takes_odd_double_pictures(mode):
  dataset = datasets.AlignedDataset(
    Pairs((20, 93), extra=1), Preprocess(mode, load_size=24, crop_size=16)
  )
  for item in (dataset.sample(0, rng()), dataset[0]):
    assert item["image_a"].shape == item["image_b"].shape


def test_aligned_direction():
  source = Pairs((20, 32))
  dataset = datasets.AlignedDataset(source, PLAIN, direction="BtoA")
  np.testing.assert_array_equal(dataset.sample(0, rng())["image_a"], source.b)
  np.testing.assert_array_equal(dataset[0]["image_b"], source.a)


def test_aligned_refuses_different_sizes():
  dataset = datasets.AlignedDataset(Pairs(extra=2), PLAIN)
  with pytest.raises(images.ImageError, match=r"pair\.png: A is 30 x 20 and B"):
    dataset.sample(0, rng())


def test_single():
  dataset = datasets.SingleDataset(Constant(2, 5), PLAIN, channels=1)
  assert dataset.sample(1, rng())["image"].shape == (8, 8, 1)
  assert value(dataset[1], "image") == 6
  assert dataset[1]["name"] == "6.png"


def test_colorization_splits_after_the_transform():
  source = Pairs((20, 32))
  dataset = datasets.ColorizationDataset(_Only(source.a), PLAIN)
  for item in (dataset.sample(0, rng()), dataset[0]):
    assert item["image_a"].shape == (20, 32, 1)
    assert item["image_b"].shape == (20, 32, 2)
    np.testing.assert_array_equal(
      color.from_lightness_and_color(item["image_a"], item["image_b"]), source.a
    )
  assert dataset[0]["name"] == "only.png"


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"direction": "AB"}, "expected one of AtoB, BtoA"),
    ({"input_channels": 4}, "input_channels is 4"),
    ({"output_channels": 2}, "output_channels is 2"),
  ],
)
def test_unknown_options_are_refused(options, message):
  with pytest.raises(ValueError, match=message):
    datasets.UnalignedDataset(Constant(1, 0), Constant(1, 0), PLAIN, **options)
