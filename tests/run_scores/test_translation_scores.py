"""Numbers of translations, against what they are defined to be."""

import numpy as np
import pytest

from gansynth.run_scores.translation_scores import (
  TranslationScores,
  metric_names,
  translation_metrics,
)


class Shift:
  """Adds grey levels; stands in for a network."""

  def __init__(self, levels):
    self.levels = levels

  def translate(self, pictures):
    return [x + self.levels / 127.5 for x in pictures]


class Pictures:
  """Pairs in which A is i + 10 and B i + 50 everywhere."""

  def __init__(self, paired=True, sizes=((16, 16),) * 5):
    self.paired = paired
    self.sizes = sizes

  def __len__(self):
    return len(self.sizes)

  def __getitem__(self, index):
    shape = (*self.sizes[index], 3)
    return {
      "image_a": np.full(shape, index + 10, np.uint8),
      "image_b": np.full(shape, index + 50, np.uint8),
      "name": str(index),
    }


BOTH = {"AtoB": Shift(30), "BtoA": Shift(-20)}


@pytest.mark.parametrize("batch_size", [1, 2, 5, 9])
def test_errors_in_grey_levels(batch_size):
  found = translation_metrics(BOTH, Pictures(), batch_size=batch_size)
  assert found == pytest.approx(
    {
      "error_AtoB": 10,
      "untouched_AtoB": 40,
      "cycle_A": 10,
      "error_BtoA": 20,
      "untouched_BtoA": 40,
      "cycle_B": 10,
    },
    rel=1e-4,
  )
  assert list(found) == metric_names(BOTH, Pictures())


def test_every_picture_counts_the_same():
  class Growing(Pictures):
    def __getitem__(self, index):
      item = super().__getitem__(index)
      item["image_b"] = item["image_a"] + np.uint8(index)
      return item

  data = Growing(sizes=[(16, 16), (64, 64), (16, 16)])
  found = translation_metrics({"AtoB": Shift(0)}, data)
  assert found["error_AtoB"] == pytest.approx(1)  # (0 + 1 + 2) / 3
  found = translation_metrics({"AtoB": Shift(0)}, data, max_items=2)
  assert found["error_AtoB"] == pytest.approx(0.5)


def test_without_truth_only_the_way_back_is_measured():
  unpaired = Pictures(paired=False)
  found = translation_metrics(BOTH, unpaired)
  assert found == pytest.approx({"cycle_A": 10, "cycle_B": 10}, rel=1e-4)
  single = {"AtoB": Shift(30)}
  assert translation_metrics(single, unpaired) == {}
  found = translation_metrics(single, Pictures())
  assert set(found) == {"error_AtoB", "untouched_AtoB"}


def test_an_observer_sees_every_picture_with_its_scores():
  seen = []

  def observe(direction, item, made, scores):
    assert made.dtype == np.uint8
    seen.append((direction, item["name"], int(made[0, 0, 0]), scores))

  data = Pictures(sizes=((16, 16),) * 3)
  scores = TranslationScores(BOTH, data, max_items=2, batch_size=2)
  found = scores.measure(BOTH, observe)
  assert found == translation_metrics(BOTH, data, max_items=2)
  assert [each[:2] for each in seen] == [
    ("AtoB", "0"),
    ("AtoB", "1"),
    ("BtoA", "0"),
    ("BtoA", "1"),
  ]
  # A + 30, and B - 20; what is between two bytes is cut off.
  assert [each[2] for each in seen] == [
    pytest.approx(value, abs=1) for value in (40, 41, 30, 31)
  ]
  for direction, _, _, each in seen:
    assert each == pytest.approx({name: found[name] for name in each}, rel=1e-4)
    assert list(each) == [f"error_{direction}", f"cycle_{direction[0]}"]


def test_sides_are_counted_and_shown():
  scores = TranslationScores(BOTH, Pictures(), max_items=4)
  assert scores.counts("AtoB") == (4, 4)
  item = Pictures()[1]
  np.testing.assert_array_equal(scores.real("AtoB", item), item["image_b"])
  shown = scores.show("BtoA", item, item["image_b"])
  assert list(shown) == ["input", "generated", "real"]
  np.testing.assert_array_equal(shown["real"], item["image_a"])
  unpaired = TranslationScores(["AtoB"], Pictures(paired=False))
  assert list(unpaired.show("AtoB", item, item["image_b"])) == [
    "input",
    "generated",
    "real_unpaired",
  ]


def test_repeated_pictures_of_the_shorter_side_are_not_counted():
  class Sides(Pictures):
    side_sizes = (2, 5)

  scores = TranslationScores(BOTH, Sides(paired=False))
  assert scores.counts("AtoB") == (2, 5)
  assert scores.counts("BtoA") == (5, 2)
  scores = TranslationScores(BOTH, Sides(paired=False), max_items=3)
  assert scores.counts("AtoB") == (2, 3)


def test_colorization_is_shown_as_photographs():
  class Lightness(Pictures):
    def __getitem__(self, index):
      item = super().__getitem__(index)
      return {
        **item,
        "image_a": np.zeros((16, 16, 1), np.float32),
        "image_b": np.ones((16, 16, 2), np.float32),
      }

    @staticmethod
    def visible(image_a, image_b):
      value = 100 * (1 + image_b[..., :1] + image_a)
      return np.broadcast_to(value, (16, 16, 3)).astype(np.uint8)

  data = Lightness()
  seen = []
  scores = TranslationScores(["AtoB"], data, max_items=1)

  class ToColor:
    def translate(self, pictures):
      return [np.repeat(x, 2, -1) + 0.5 for x in pictures]

  scores.measure({"AtoB": ToColor()}, lambda *each: seen.append(each))
  (_, item, made, _) = seen[0]
  assert (made == 150).all()
  assert (scores.real("AtoB", item) == 200).all()
  assert scores.show("AtoB", item, made)["input"].shape == (16, 16, 3)
