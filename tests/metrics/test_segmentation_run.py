"""Folders of pictures to classes, colours and scores; resumed; refused."""

import json
import pathlib

import numpy as np
import pytest

from gansynth import images, segmenters
from gansynth.data.labels import cityscapes
from gansynth.metrics import (
  picture_sets,
  segmentation_run,
  segmentation_scoring,
)
from gansynth.metrics import segmentation_protocols as protocols
from gansynth.segmenters import Segmenter, SegmenterError

SIZE = (16, 24)


class Reds(Segmenter):
  """Tells the red of pictures; counts them."""

  def __init__(self, num_classes=19, weights="0123"):
    super().__init__(num_classes, 2, {"kind": "reds", "weights": weights})
    self.count = 0

  def _segment(self, pictures):
    self.count += len(pictures)
    return [np.rint(255 * x[..., 0]).astype(np.int32) for x in pictures]


def picture(classes):
  return np.repeat(np.asarray(classes, np.uint8)[..., None], 3, -1)


@pytest.fixture
def place(tmp_path):
  """Five pictures as Cityscapes names them, of which 9 in 10 pixels are right.

  Ids and train ids lie in folders of their own, lists beside them.
  """
  rng = np.random.default_rng(0)
  ids = np.array([label.id for label in cityscapes.trained_labels()], np.uint8)
  names = {"images": [], "labels": []}
  for i in range(5):
    truth = rng.integers(0, 19, SIZE).astype(np.uint8)
    other = rng.integers(0, 19, SIZE).astype(np.uint8)
    told = np.where(rng.random(SIZE) < 0.9, truth, other)
    stem = f"ulm_{i:06d}_000019"
    names["images"].append(f"shown/sub/{stem}_leftImg8bit.png")
    names["labels"].append(f"train_ids/{i}.png")
    images.write(tmp_path / names["images"][-1], picture(told))
    images.write(tmp_path / names["labels"][-1], truth)
    ulm = tmp_path / "ids" / "ulm"
    images.write(ulm / f"{stem}_gtFine_labelIds.png", ids[truth])
    images.write(ulm / f"{stem}_gtFine_color.png", picture(truth))
  for phase, lines in names.items():
    (tmp_path / f"val_{phase}.txt").write_text("\n".join(lines) + "\n")
  return tmp_path


def run(place, segmenter, *, labels="ids", protocol="picture", **options):
  pictures = picture_sets.open(place / "shown")
  truth = None
  if labels:
    paths = segmentation_run.find_labels(place / labels, pictures)
    kind = segmentation_run.label_kind(
      paths, segmenter.num_classes or options.get("num_classes")
    )
    truth = segmentation_run.Truth(paths, kind, protocols.find(protocol))
  return segmentation_run.segment(
    segmenter, pictures, place / "out", truth, **options
  )


def test_classes_colours_and_scores_are_written(place):
  done = run(place, Reds())
  assert (done.told, done.already_there) == (5, 0)
  assert 0.8 < done.evaluation.scores["pixel_accuracy"] < 0.95
  out = place / "out"
  for path in (place / "shown").rglob("*.png"):
    name = pathlib.Path("sub") / path.name
    told = images.read(path)[..., 0]
    stored = images.read_integers(out / name)
    np.testing.assert_array_equal(stored, told)
    assert stored.dtype == np.uint8
    colors = images.read(out / "color" / name)
    np.testing.assert_array_equal(colors, cityscapes.train_colors()[told])
  summary = json.loads((out / "scores.json").read_text())
  assert summary["scores"] == pytest.approx(done.evaluation.scores)
  assert summary["about"]["labels"] == "ids"
  assert summary["about"]["protocol"].startswith("picture: labels")
  assert np.sum(summary["about"]["confusion_matrix"]) == 5 * SIZE[0] * SIZE[1]
  assert len(summary["per_picture"]["mean_iou"]) == 5
  assert "mAP" in summary["about"]["as SemDisc prints it"]
  assert done.evaluation.notes == ()
  # The same as without files.
  items = [
    (path.name, images.read(path), images.read_integers(label))
    for path, label in zip(
      sorted((place / "shown").rglob("*.png")),
      sorted((place / "ids").rglob("*_labelIds.png")),
      strict=True,
    )
  ]
  expected = segmentation_scoring.score(Reds(), items, "picture", labels="ids")
  assert done.evaluation.scores == pytest.approx(expected.scores)


def test_best_and_worst_pictures_are_kept(place):
  path = place / "ids" / "ulm" / "ulm_000003_000019_gtFine_labelIds.png"
  labels = images.read_integers(path)
  labels[0] = 255
  images.write(path, labels)
  evaluation = run(place, Reds(), shown=1).evaluation
  (scores,) = evaluation.per_picture.values()
  names = [each.name for each in evaluation.shown]
  assert names == [max(scores, key=scores.get), min(scores, key=scores.get)]
  everything = run(place, Reds(), shown=5).evaluation.shown
  (shown,) = [x for x in everything if "000003" in x.name]
  assert shown.scores == {"mean_iou": scores[shown.name]}
  lookup, colors = cityscapes.train_id_lookup(), cityscapes.train_colors()
  assert (shown.pictures["labels"][0] == 0).all()  # what is void is black
  np.testing.assert_array_equal(
    shown.pictures["labels"][1:], colors[lookup[labels[1:]]]
  )
  told = shown.pictures["picture"][..., 0]
  np.testing.assert_array_equal(shown.pictures["prediction"], colors[told])


def test_lists_belong_together_by_order(place):
  pictures = picture_sets.open(place / "val_images.txt")
  by_name = run(place, Reds()).evaluation.scores
  paths = segmentation_run.find_labels(place / "val_labels.txt", pictures)
  assert [pathlib.Path(path).name for path in paths] == [
    f"{i}.png" for i in range(5)
  ]
  assert segmentation_run.label_kind(paths, 19) == "train_ids"
  assert segmentation_run.label_kind(paths, 5) == "classes"
  truth = segmentation_run.Truth(paths, "train_ids", protocols.find("drn"))
  done = segmentation_run.segment(Reds(), pictures, place / "listed", truth)
  assert done.evaluation.scores == pytest.approx(by_name)
  name = "shown/sub/ulm_000000_000019_leftImg8bit.png"
  assert (place / "listed" / name).exists()


def test_what_is_there_is_not_told_again(place):
  first = run(place, Reds())
  out = place / "out"
  removed = next(iter((out / "color" / "sub").iterdir()))
  kept = removed.read_bytes()
  removed.unlink()
  segment = Reds()
  again = run(place, segment)
  assert segment.count == 1
  assert (again.told, again.already_there) == (1, 4)
  assert removed.read_bytes() == kept
  assert again.evaluation == first.evaluation
  with pytest.raises(ValueError, match="holds pictures made with segmenter"):
    run(place, Reds(weights="4567"))
  with pytest.raises(ValueError, match="protocol 'picture', now it is 'full'"):
    run(place, Reds(), protocol="full")


def test_random_weights_are_in_every_name(place):
  done = run(place, Reds(weights="random_features"))
  assert done.evaluation.scores
  assert all(
    name.startswith("random_features_") for name in done.evaluation.scores
  )
  assert "mAP" not in str(done.evaluation.about)
  assert "mean nothing" in " ".join(done.evaluation.notes)
  summary = json.loads((place / "out" / "scores.json").read_text())
  assert set(summary["per_picture"]) == {"random_features_mean_iou"}
  assert "confusion_matrix" not in summary["about"]


def test_without_labels_there_are_no_scores(place):
  colors = np.arange(57, dtype=np.uint8).reshape(19, 3)
  done = run(place, Reds(None), labels="", colors=colors)
  assert done.told == 5
  assert done.evaluation is None
  assert not (place / "out" / "scores.json").exists()
  path = place / "out" / "sub" / "ulm_000002_000019_leftImg8bit.png"
  shown = images.read(place / "out" / "color" / "sub" / path.name)
  np.testing.assert_array_equal(shown, colors[images.read_integers(path)])


def test_many_classes_are_kept_in_16_bits(place):
  segment = segmenters.load(lambda x: np.full(x.shape[:2], 300))
  run(place, segment, labels="")
  (path, *_) = (place / "out" / "sub").iterdir()
  assert (images.read_integers(path) == 300).all()
  below = segmenters.load(lambda x: np.full(x.shape[:2], -1))
  pictures = picture_sets.open(place / "shown")
  with pytest.raises(ValueError, match="told classes from -1 to -1"):
    segmentation_run.segment(below, pictures, place / "other")


def test_pictures_and_labels_that_do_not_belong_together(place):
  (place / "train_ids" / "4.png").unlink()
  pictures = picture_sets.open(place / "val_images.txt")
  with pytest.raises(ValueError, match="1 label maps that do not exist"):
    segmentation_run.find_labels(place / "val_labels.txt", pictures)
  (place / "val_labels.txt").write_text("train_ids/0.png\n")
  with pytest.raises(
    ValueError, match=r"lists 1 label maps, and .* 5 pictures"
  ):
    segmentation_run.find_labels(place / "val_labels.txt", pictures)
  with pytest.raises(ValueError, match=r"absent\.txt cannot be read"):
    segmentation_run.find_labels(place / "absent.txt", pictures)
  with pytest.raises(ValueError, match="has no picture"):
    segmentation_run.find_labels(place / "train_ids", pictures)
  next((place / "ids" / "ulm").glob("*_labelIds.png")).unlink()
  with pytest.raises(ValueError, match=r"1 of 5 are left|1 of\s+5"):
    segmentation_run.find_labels(place / "ids", pictures)


def test_labels_are_checked_before_classes_are_told(place):
  path = place / "ids" / "ulm" / "ulm_000000_000019_gtFine_labelIds.png"
  images.write(path, np.full(SIZE, 77, np.uint8))
  segment = Reds()
  with pytest.raises(
    ValueError,
    match=r"000000_000019_.* holds 77; ids of .*"
    r"--label-ids=classes or train_ids or ids",
  ):
    run(place, segment)
  assert segment.count < 5
  assert not (place / "out" / "scores.json").exists()


def test_classes_of_another_size_cannot_be_compared(place):
  halved = segmenters.load(lambda x: x[::2, ::2, 0].astype(int))
  with pytest.raises(ValueError, match=r"of shape \(8, 12\) for a picture"):
    run(place, halved, num_classes=19)


def is_white(pictures):
  return (pictures.mean((1, 2, 3)) > 0.99).any()


@pytest.mark.parametrize(
  ("refuses", "message"),
  [
    (is_white, r"^sub/ulm_000003_\w+\.png: no"),
    (lambda x: len(x) > 1, r"^sub/ulm_000000_.*, sub/ulm_000001_\w+\.png: no"),
  ],
)
def test_pictures_that_a_segmenter_refuses_are_named(place, refuses, message):
  class Picky(Reds):
    def _segment(self, pictures):
      if refuses(np.stack(pictures)):
        raise SegmenterError("no")
      return super()._segment(pictures)

  (path,) = (place / "shown" / "sub").glob("ulm_000003_*")
  images.write(path, np.full((*SIZE, 3), 255, np.uint8))
  with pytest.raises(SegmenterError, match=message):
    run(place, Picky())


def test_places_that_cannot_be_written_are_refused_at_once(place):
  segment = Reds()
  path = place / "train_ids" / "0.png" / "out"
  pictures = picture_sets.open(place / "shown")
  with pytest.raises(ValueError, match=r"0\.png is a file, .* another place"):
    segmentation_run.segment(segment, pictures, path)
  assert segment.count == 0


def test_nothing_to_count(place):
  for path in (place / "ids").rglob("*_labelIds.png"):
    images.write(path, np.full(SIZE, 255, np.uint8))
  with pytest.raises(ValueError, match="no pixel of any label map was counted"):
    run(place, Reds())


def test_results_must_not_lie_among_pictures_nor_meet(place):
  pictures = picture_sets.open(place / "shown")
  with pytest.raises(ValueError, match=r"the output .*0\.png is a file; expec"):
    segmentation_run.segment(Reds(), pictures, place / "train_ids" / "0.png")
  with pytest.raises(ValueError, match="lies in the input"):
    segmentation_run.segment(Reds(), pictures, place / "shown" / "out")
  (source,) = list((place / "shown" / "sub").iterdir())[:1]
  images.write(place / "shown" / "a.png", images.read(source))
  images.write(place / "shown" / "color" / "a.png", images.read(source))
  pictures = picture_sets.open(place / "shown")
  with pytest.raises(ValueError, match="would have one result"):
    segmentation_run.segment(Reds(), pictures, place / "out")
