"""Protocols: what is resized to what, and scores against counted pixels."""

import numpy as np
import pytest
from PIL import Image

from gansynth import segmenters
from gansynth.metrics import segmentation_protocols as protocols
from gansynth.metrics import segmentation_scoring
from gansynth.segmenters import Segmenter


class Reds(Segmenter):
  """Tells the red of pictures, and remembers what it was shown."""

  def __init__(self, num_classes=19, takes_scales=False):
    super().__init__(num_classes, 2, {"kind": "reds"})
    self.takes_scales = takes_scales
    self.shown = []
    self.multi_scale = False

  def at_scales(self, multi_scale):
    if not self.takes_scales:
      return super().at_scales(multi_scale)
    self.multi_scale = multi_scale
    return self

  def _segment(self, pictures):
    assert 1 <= len(pictures) <= self.batch_size
    self.shown += pictures
    return [np.rint(255 * x[..., 0]).astype(np.int32) for x in pictures]


def picture(classes):
  return np.repeat(np.asarray(classes, np.uint8)[..., None], 3, -1)


def draw(rng, size, high=19):
  return rng.integers(0, high, size)


def brute_force(pairs, classes):
  """IoU of each class, pixel by pixel; class accuracy; pixel accuracy."""
  hits, labelled, told = np.zeros((3, classes))
  for truth, found in pairs:
    for label, other in zip(truth.flat, found.flat, strict=True):
      if label == 255:
        continue
      labelled[label] += 1
      told[other] += 1
      hits[label] += label == other
  union = labelled + told - hits
  there = union > 0
  return (
    (hits[there] / union[there]).mean(),
    (hits[labelled > 0] / labelled[labelled > 0]).mean(),
    hits.sum() / labelled.sum(),
  )


def test_scores_are_of_all_pixels_together():
  rng = np.random.default_rng(0)
  pairs, items = [], []
  for i in range(3):
    truth = draw(rng, (8, 16))
    found = np.where(rng.random(truth.shape) < 0.6, truth, draw(rng, (8, 16)))
    truth[:2, :3] = 255
    pairs.append((truth, found))
    items.append((f"p{i}", picture(found), truth))
  result = segmentation_scoring.score(Reds(), items, "drn", labels="train_ids")
  mean_iou, class_accuracy, accuracy = brute_force(pairs, 19)
  assert result.scores["mean_iou"] == pytest.approx(mean_iou)
  assert result.scores["class_accuracy"] == pytest.approx(class_accuracy)
  assert result.scores["pixel_accuracy"] == pytest.approx(accuracy)
  assert "iou_traffic_light" in result.scores
  assert result.original_words == (
    f"mAP {100 * mean_iou:.2f}, pAcc {100 * accuracy:.2f}, "
    f"cAcc {100 * class_accuracy:.2f}"
  )
  assert result.matrix.sum() == 3 * (8 * 16 - 6)
  for (name, _, _), pair in zip(items, pairs, strict=True):
    assert result.per_picture[name] == pytest.approx(brute_force([pair], 19)[0])
  assert result.over_hosts().scores == result.scores
  assert result.notes == ()


def test_ids_are_looked_up():
  truth = np.array([[7, 8, 0, 26]] * 8).repeat(2, 1)
  told = picture(np.array([[0, 0, 5, 13]] * 8).repeat(2, 1))
  result = segmentation_scoring.score(
    Reds(), [("a", told, truth)], "drn", labels="ids"
  )
  assert result.scores == pytest.approx(
    {
      "mean_iou": (1 / 2 + 0 + 1) / 3,
      "pixel_accuracy": 2 / 3,
      "class_accuracy": (1 + 0 + 1) / 3,
      "iou_road": 1 / 2,
      "iou_sidewalk": 0,
      "iou_car": 1,
    }
  )


def test_pictures_without_counted_pixels_have_no_score():
  truth = np.full((8, 8), 255)
  items = [("void", picture(np.zeros((8, 8))), truth)]
  result = segmentation_scoring.score(Reds(), items, "drn")
  assert result.scores == {}
  assert result.per_picture == {}


def test_semdisc_samples_as_imagemagick_does():
  rng = np.random.default_rng(0)
  shown = rng.integers(0, 256, (256, 256, 3), np.uint8)
  truth = draw(rng, (1024, 2048))
  segment = Reds(256)
  result = segmentation_scoring.score(
    segment, [("a", shown, truth)], "semdisc", 256
  )
  (seen,) = segment.shown
  # To twice the width: each column twice.
  np.testing.assert_array_equal(np.rint(255 * seen), shown.repeat(2, axis=1))
  # By four: of the four the second, for the middle lies between it and the
  # third, and -sample looks a trifle before the middle.
  expected = truth[1::4, 1::4]
  counts = np.bincount(expected.ravel(), minlength=256)
  np.testing.assert_array_equal(result.matrix.sum(1), counts)
  assert "six scales of a picture, and this segmenter" in result.notes[0]


@pytest.mark.parametrize("size", [(256, 512), (37, 53)])
def test_picture_shrinks_labels_as_pillow_does(size):
  rng = np.random.default_rng(0)
  truth = draw(rng, (128, 200)).astype(np.uint8)
  height, width = size
  expected = np.array(
    Image.fromarray(truth).resize((width, height), Image.Resampling.NEAREST)
  )
  items = [("a", picture(expected), truth)]
  result = segmentation_scoring.score(Reds(), items, "picture")
  assert result.scores["pixel_accuracy"] == 1
  assert result.matrix.sum() == expected.size


def test_full_enlarges_pictures_and_leaves_labels():
  rng = np.random.default_rng(0)
  shown = rng.integers(0, 256, (16, 32, 3), np.uint8)
  truth = draw(rng, (64, 128))
  segment = Reds(256)
  result = segmentation_scoring.score(
    segment, [("a", shown, truth)], "full", 256
  )
  (seen,) = segment.shown
  expected = Image.fromarray(shown).resize((128, 64), Image.Resampling.BILINEAR)
  np.testing.assert_array_equal(np.rint(255 * seen), np.array(expected))
  counts = np.bincount(truth.ravel(), minlength=256)
  np.testing.assert_array_equal(result.matrix.sum(1), counts)


@pytest.mark.parametrize("protocol", ["oasis", "clade"])
def test_512_x_256_takes_no_other_pictures(protocol):
  rng = np.random.default_rng(0)
  truth = draw(rng, (1024, 2048))
  told = truth[2::4, 2::4]  # Pillow takes the third of four
  result = segmentation_scoring.score(
    Reds(), [("a", picture(told), truth)], protocol
  )
  assert result.scores["pixel_accuracy"] == 1
  with pytest.raises(
    protocols.ProtocolError,
    match=rf"b: the picture is 256 x 256 .* {protocol} .* takes 512 x 256",
  ):
    segmentation_scoring.score(
      Reds(), [("b", picture(truth[:256, :256]), truth)], protocol
    )


def test_drn_takes_pictures_as_the_original_does():
  labels = np.zeros((16, 24), int)
  with pytest.raises(ValueError, match=r"c: the picture is 16 x 16 .*24 x 16"):
    segmentation_scoring.score(
      Reds(), [("c", picture(labels[:, :16]), labels)], "drn"
    )
  items = [("d", picture(labels[:, :23]), labels[:, :23])]
  with pytest.raises(ValueError, match=r"d: the picture is 23 x 16 .* of 8"):
    segmentation_scoring.score(Reds(), items, "drn")


def test_scales_are_the_protocols_unless_given():
  labels = np.zeros((16, 16), int)
  items = [("a", picture(labels), labels)]
  for protocol, multi_scale, looked, note in (
    ("semdisc", None, True, ""),
    ("picture", None, False, ""),
    ("semdisc", False, False, "at one scale, unlike"),
    ("drn", True, True, "at six scales, unlike"),
  ):
    segment = Reds(takes_scales=True)
    result = segmentation_scoring.score(
      segment, items, protocol, multi_scale=multi_scale
    )
    assert segment.multi_scale == looked
    assert note in " ".join(result.notes)
    assert bool(result.notes) == bool(note)
  with pytest.raises(segmenters.SegmenterError, match="in one size; several"):
    segmentation_scoring.score(Reds(), items, "drn", multi_scale=True)


def test_classes_must_be_known_and_agree():
  labels = np.zeros((8, 8), int)
  items = [("a", picture(labels), labels)]
  with pytest.raises(ValueError, match="tells 19 classes, and 5 are wanted"):
    segmentation_scoring.score(Reds(), items, "drn", 5)
  with pytest.raises(ValueError, match="give num_classes"):
    segmentation_scoring.score(Reds(None), items, "drn")
  result = segmentation_scoring.score(
    Reds(None), items, "drn", labels="train_ids"
  )
  assert result.matrix.shape == (19, 19)
  items = [("a", picture(labels + 7 * (np.arange(8) > 5)), labels)]
  with pytest.raises(ValueError, match="a: predictions are 0 to 7; classes"):
    segmentation_scoring.score(Reds(None), items, "drn", 3)
  with pytest.raises(ValueError, match="'spade'; choose one of semdisc"):
    segmentation_scoring.score(Reds(), items, "spade")
