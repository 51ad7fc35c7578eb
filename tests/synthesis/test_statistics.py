import json
import pickle

import numpy as np
import pytest

from gansynth import images
from gansynth.synthesis import real_labels, statistics
from gansynth.synthesis.labels.objects import (
  LabelError,
  LabelledImage,
  LabelledObject,
)
from gansynth.synthesis.statistics import Distribution, Statistics


def labelled(*boxes, name="a.jpg", height=100, width=200, class_ids=None):
  class_ids = class_ids or [0] * len(boxes)
  return LabelledImage(
    name,
    height,
    width,
    tuple(map(LabelledObject, class_ids, boxes)),
  )


def random_set(number, seed=0, most=4):
  rng = np.random.default_rng(seed)
  made = []
  for i in range(number):
    boxes = []
    for _ in range(rng.integers(0, most + 1)):
      left, top = rng.uniform(0, 150), rng.uniform(0, 70)
      width, height = rng.uniform(2, 50), rng.uniform(2, 30)
      boxes.append((left, top, left + width, top + height))
    class_ids = [int(each) for each in rng.integers(0, 3, len(boxes))]
    made.append(labelled(*boxes, name=f"{i}.jpg", class_ids=class_ids))
  return made


def only(counts):
  (place,) = np.flatnonzero(counts)
  return place, counts[place]


def test_statistics_by_hand():
  # A box of 40 x 20 on 200 x 100: a fifth of each side; centre (0.6, 0.9).
  one = labelled((100, 80, 140, 100))
  found = Statistics.of(
    [one, labelled(), labelled((0, 0, 1, 1), (0, 0, 2, 2), class_ids=[2, 2])],
    ("a", "b", "c"),
  )
  assert found.counts == (1, 1, 1)
  assert (found.images, found.objects) == (3, 3)
  assert found.classes == (1, 0, 2)
  single = Statistics.of([one])
  place, number = only(single.sizes)
  assert number == 1
  assert statistics.SIZE_EDGES[place] <= 0.2 < statistics.SIZE_EDGES[place + 1]
  place, _ = only(single.aspects)
  low, high = statistics.ASPECT_EDGES[place : place + 2]
  assert low < 2 < high
  assert low * high == pytest.approx(4)  # in the middle of its bin
  rows = np.array(single.centers)
  assert (
    rows.sum() == rows[int(0.9 * statistics.GRID)][int(0.6 * statistics.GRID)]
  )


def test_what_lies_beyond_the_bins_is_in_the_outermost():
  found = Statistics.of(
    [
      labelled((0, 0, 0.01, 0.01), (0, 0, 200, 100)),
      labelled((0, 0, 200, 1), (199, 0, 200, 100)),
    ]
  )
  assert found.sizes[0] == found.sizes[-1] == 1
  assert found.aspects[0] == found.aspects[-1] == 1
  assert sum(found.sizes) == sum(found.aspects) == 4
  edge = Statistics.of([labelled((199.99, 99.99, 200.01, 100.01))])
  assert edge.centers[-1][-1] == 1


@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.95])
def test_quantiles_of_size(fraction):
  made = random_set(400)
  sizes = [
    ((x1 - x0) * (y1 - y0) / 20000) ** 0.5
    for image in made
    for x0, y0, x1, y1 in (each.box for each in image.objects)
  ]
  found = Statistics.of(made).size_quantile(fraction)
  assert found == pytest.approx(np.quantile(sizes, fraction), rel=0.03)


def test_merged_is_all_together():
  made = random_set(30)
  parts = [Statistics.of(made[:7], "abc"), Statistics.of(made[7:], "abc")]
  assert parts[0].merged(parts[1]) == Statistics.of(iter(made), "abc")
  short, long = Statistics.of([labelled()]), Statistics.of(random_set(9))
  assert short.merged(long).objects == long.objects
  with pytest.raises(ValueError, match="cannot be added"):
    parts[0].merged(Statistics.of(made))


def test_statistics_through_json():
  found = Statistics.of(random_set(9), "abc")
  assert Statistics.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_statistics_name_labels_that_cannot_be():
  with pytest.raises(ValueError, match=r"a\.jpg: class 1 has no name.*0\.\.0"):
    Statistics.of([labelled((0, 0, 9, 9), class_ids=[1])], ["a"])
  with pytest.raises(ValueError, match=r"b\.jpg: a box of 0 x 3 pixels"):
    Statistics.of([labelled((5, 5, 5, 8), name="b.jpg")])


def test_counts_are_drawn_as_often_as_observed():
  real = Distribution.of([labelled((0, 0, 9, 9))] * 3 + [labelled()] * 1)
  rng = np.random.default_rng(0)
  drawn = [real.draw_count(rng) for _ in range(4000)]
  assert set(drawn) == {0, 1}
  assert np.mean(drawn) == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("percentile", [0, 1, 25, 33, 50, 90, 100])
def test_percentile_of_counts(percentile):
  made = random_set(37, most=9)
  counts = [len(image.objects) for image in made]
  expected = np.percentile(counts, percentile, method="inverted_cdf")
  assert Distribution.of(made).count_percentile(percentile) == expected


def test_percentile_is_checked():
  with pytest.raises(ValueError, match="percentile is 101"):
    Distribution.of(random_set(3)).count_percentile(101)


def test_sizes_are_drawn_between_observations():
  real = Distribution.of(random_set(60))
  rng = np.random.default_rng(1)
  drawn = np.sort([real.draw_size(rng) for _ in range(4000)])
  observed = np.array(real.sizes)
  assert observed[0] <= drawn[0]
  assert drawn[-1] <= observed[-1]
  assert not np.isin(drawn, observed).any()
  fractions = np.linspace(0.01, 0.99, 50)
  np.testing.assert_allclose(
    np.quantile(drawn, fractions), np.quantile(observed, fractions), atol=0.01
  )


def test_centers_keep_to_where_the_real_ones_are():
  # On a line, in two groups: drawn ones are on the line, none in the middle.
  places = [0.1 + 0.01 * k for k in range(10)]
  places += [0.8 + 0.01 * k for k in range(10)]
  real = Distribution.of(
    [
      labelled(
        (200 * p - 2, 100 * p - 2, 200 * p + 2, 100 * p + 2), name=f"{p}"
      )
      for p in places
    ]
  )
  rng = np.random.default_rng(2)
  drawn = np.array([real.draw_center(rng) for _ in range(500)])
  np.testing.assert_allclose(drawn[:, 0], drawn[:, 1], atol=1e-12)
  assert drawn.min() >= 0.1 - 1e-12
  assert drawn.max() <= 0.89 + 1e-12
  assert not ((drawn > 0.2) & (drawn < 0.79)).any()
  assert len(np.unique(drawn.round(6))) > 400
  assert (drawn < 0.5).mean() == pytest.approx(0.5, abs=0.1)


def test_a_single_observation_is_drawn_again():
  real = Distribution.of([labelled((100, 40, 120, 60))])
  rng = np.random.default_rng(0)
  assert real.draw_count(rng) == 1
  assert real.draw_size(rng) == pytest.approx((400 / 20000) ** 0.5)
  assert real.draw_center(rng) == pytest.approx((0.55, 0.5))


def draws(real, seed=3):
  rng = np.random.default_rng(seed)
  return [
    (real.draw_count(rng), real.draw_size(rng), real.draw_center(rng))
    for _ in range(20)
  ]


def test_draws_are_the_same_of_every_copy():
  real = Distribution.of(random_set(25))
  first = draws(real)
  assert draws(pickle.loads(pickle.dumps(real))) == first
  read = Distribution.from_dict(json.loads(json.dumps(real.to_dict())))
  assert draws(read) == first
  assert draws(real, seed=4) != first


def test_distribution_is_of_bounded_size():
  made = random_set(4000)
  real = Distribution.of(made)
  assert len(real.sizes) == len(real.centers) == 4096
  assert real.statistics.objects > 7000
  assert len(pickle.dumps(real)) < 300_000
  sizes = Distribution.of(made[:2000]).sizes
  assert real.sizes[2048] == pytest.approx(sizes[len(sizes) // 2], rel=0.05)


def test_labels_without_any_object_are_refused():
  with pytest.raises(ValueError, match=r"here: no object.* 2 pictures"):
    Distribution.of([labelled(), labelled()], name="here")


def put(path, text):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(text)
  return path


def put_picture(path, height=50, width=100):
  images.write(path, np.zeros((height, width, 3), np.uint8))
  return path


WHOLE = "0 0.5 0.5 1 1\n"
QUARTER = "1 0.25 0.75 0.5 0.5\n"


def test_yolo_with_folders_apart(tmp_path):
  for name in ("train/a", "train/b", "val/c"):
    put_picture(tmp_path / "images" / f"{name}.png")
  put(tmp_path / "labels" / "train" / "a.txt", WHOLE + QUARTER)
  put(tmp_path / "labels" / "val" / "c.txt", QUARTER)
  put(tmp_path / "classes.txt", "cat\ndog\n")
  real = real_labels.read(tmp_path)
  assert real.statistics.counts == (1, 1, 1)  # b has no label file
  assert real.statistics.class_names == ("cat", "dog")
  assert real.statistics.classes == (1, 2)
  assert real.sizes == pytest.approx((0.5, 0.5, 1))
  assert sorted(real.centers) == [(0.25, 0.75), (0.25, 0.75), (0.5, 0.5)]
  # Pictures are twice as wide as high, and so are these boxes.
  place, number = only(real.statistics.aspects)
  assert number == 3
  assert statistics.ASPECT_EDGES[place] < 2 < statistics.ASPECT_EDGES[place + 1]


def test_yolo_beside_pictures_below_a_folder_called_images(tmp_path):
  folder = tmp_path / "images" / "mine"
  put_picture(folder / "a.png")
  put_picture(folder / "b.png")
  put(folder / "a.txt", WHOLE)
  real = real_labels.read(folder)
  assert real.statistics.counts == (1, 1)
  assert real.statistics.class_names == ()


def test_yolo_labels_alone(tmp_path):
  put(tmp_path / "a.txt", QUARTER * 2)
  put(tmp_path / "deep" / "b.txt", "")
  put(tmp_path / "classes.txt", "cat\ndog\n")
  real = real_labels.read(str(tmp_path))
  assert real.statistics.counts == (1, 0, 1)
  assert real.sizes == pytest.approx((0.5, 0.5))
  named = real_labels.read(tmp_path, class_names=("x", "y"))
  assert named.statistics.class_names == ("x", "y")


def test_coco(tmp_path, caplog):
  annotation = {"id": 1, "image_id": 7, "category_id": 5, "iscrowd": 0}
  crowd = {"iscrowd": 1, "id": 2, "segmentation": {"size": [50, 100]}}
  crowd["segmentation"]["counts"] = [0, 5000]
  dataset = {
    "images": [
      {"id": 7, "file_name": "a.jpg", "height": 50, "width": 100},
      {"id": 9, "file_name": "b.jpg", "height": 50, "width": 100},
    ],
    "categories": [{"id": 5, "name": "cat"}],
    "annotations": [
      {**annotation, "bbox": [0, 25, 50, 25], "area": 1250},
      {**annotation, **crowd, "bbox": [0, 0, 100, 50], "area": 5000},
      {**annotation, "id": 3, "bbox": [0, 0, 100, 0], "area": 0},
    ],
  }
  path = put(tmp_path / "real.json", json.dumps(dataset))
  real = real_labels.read(path)
  assert real.statistics.counts == (1, 1)
  assert real.statistics.class_names == ("cat",)
  assert real.sizes == (0.5,)
  assert real.centers == ((0.25, 0.75),)
  (warning,) = caplog.messages
  assert "1 annotations are left out" in warning
  assert "real.json" in warning


def test_labels_that_are_not_there_are_named(tmp_path):
  with pytest.raises(LabelError, match=r"nowhere: does not exist; expected"):
    real_labels.read(tmp_path / "nowhere")
  with pytest.raises(LabelError, match="no label file"):
    real_labels.read(tmp_path)
  put_picture(tmp_path / "a.png")
  put(tmp_path / "notes.txt", "a set")
  with pytest.raises(LabelError, match=r"none of its 1 pictures.*a\.txt"):
    real_labels.read(tmp_path)
  with pytest.raises(LabelError, match=r"notes\.txt: is a file"):
    real_labels.read(tmp_path / "notes.txt")
  put(tmp_path / "a.txt", "\n")
  with pytest.raises(ValueError, match=r"no object is labelled on 1 pictures"):
    real_labels.read(tmp_path)


def test_a_broken_label_is_named(tmp_path):
  put_picture(tmp_path / "a.png")
  put(tmp_path / "a.txt", WHOLE + "0 0.5 0.5 oops 1\n")
  with pytest.raises(LabelError, match=r"a\.txt.*oops"):
    real_labels.read(tmp_path)
  put(tmp_path / "a.txt", WHOLE)
  put_picture(tmp_path / "b.png").write_bytes(b"not a picture")
  with pytest.raises(images.ImageError, match=r"b\.png"):
    real_labels.read(tmp_path)
