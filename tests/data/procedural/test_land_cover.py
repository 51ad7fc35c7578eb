import zlib

import numpy as np
import pytest

from gansynth.data.procedural import (
  LandCoverScenes,
  country,
  noise,
  regions,
  village,
)


@pytest.fixture(scope="module")
def scenes():
  land = LandCoverScenes(seed=0, size=(64, 64))
  return [land.render(number) for number in range(120)]


@pytest.fixture(scope="module")
def shares(scenes):
  counts = [np.bincount(s["label"].ravel(), minlength=6) for s in scenes]
  return np.array(counts) / 64**2


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (176, 160), (33, 47)])
def test_shapes_and_types(size):
  scene = LandCoverScenes(seed=1, size=size).render(0)
  assert scene["image"].shape == (*size, 3)
  assert scene["label"].shape == size
  assert scene["image"].dtype == scene["label"].dtype == np.uint8
  assert scene["image"].flags.c_contiguous


def test_classes_are_as_common_as_promised(shares):
  assert shares.shape[1] == len(regions.CLASSES)
  mean, present = shares.mean(0), (shares > 0.01).mean(0)
  for label in (regions.FOREST, regions.CROPLAND):
    assert mean[label] > 0.2
    assert present[label] > 0.85
  assert mean[regions.GRASSLAND] > 0.1
  assert 0.02 < mean[regions.BACKGROUND] < 0.1
  for label in (regions.SETTLEMENT, regions.SEMINATURAL):
    assert 0.015 < mean[label] < 0.07
    assert 0.2 < present[label] < 0.45


def test_a_scene_shows_the_same_place_in_any_size():
  small = LandCoverScenes(seed=3, size=(64, 64))
  large = LandCoverScenes(seed=3, size=(192, 192))
  for number in range(6):
    few, many = small.render(number), large.render(number)
    same = few["label"] == many["label"][1::3, 1::3]
    assert same.mean() > 0.9
    means = [scene["image"].mean((0, 1)) for scene in (few, many)]
    assert np.abs(means[0] - means[1]).max() < 8.0


def test_light_and_season_vary(scenes):
  means = np.array([scene["image"].mean((0, 1)) for scene in scenes])
  brightness = means.mean(1)
  assert brightness.std() > 10.0
  fields = np.array(
    [
      scene["image"][scene["label"] == regions.CROPLAND].mean(0)
      for scene in scenes
      if (scene["label"] == regions.CROPLAND).any()
    ]
  )
  redder = fields[:, 0] - fields[:, 1]
  assert redder.min() < -15.0
  assert redder.max() > 10.0


def test_woods_are_dark_and_villages_busy(scenes):
  image = np.stack([scene["image"] for scene in scenes]).astype(int)
  label = np.stack([scene["label"] for scene in scenes])
  means = np.array([image[label == number].mean() for number in range(6)])
  assert means.argmin() == regions.FOREST
  # How much neighbours of the same class differ.
  steps = np.abs(np.diff(image, axis=2)).mean(-1)
  same = np.where(label[..., 1:] == label[..., :-1], label[..., 1:], 255)
  steps = np.array([steps[same == number].mean() for number in range(6)])
  assert steps.argmax() == regions.SETTLEMENT
  assert steps[regions.SEMINATURAL] > 1.2 * steps[regions.GRASSLAND]


def test_colour_alone_does_not_tell_the_classes(scenes):
  """A segmenter that sees single pixels gets some right, and far from all."""

  def bins(scene):
    return (scene["image"] >> 4).astype(int) @ np.array([256, 16, 1])

  counts = np.zeros((4096, 6))
  for scene in scenes[:90]:
    np.add.at(counts, (bins(scene), scene["label"]), 1)
  guess = counts.argmax(1)
  right = [guess[bins(scene)] == scene["label"] for scene in scenes[90:]]
  assert 0.5 < np.mean(right) < 0.85


def test_scenes_are_pinned_and_any_order_is_the_same():
  # Whoever changes the scenes on purpose updates these numbers, and says in
  # the commit that data sets made before differ.
  land = LandCoverScenes(seed=0, size=(64, 64))
  scenes = [land.render(number) for number in range(6)]
  again = [
    LandCoverScenes(seed=0, size=(64, 64)).render(number)
    for number in reversed(range(6))
  ]
  labels = pictures = 0
  for scene, other in zip(scenes, reversed(again), strict=True):
    np.testing.assert_array_equal(scene["image"], other["image"])
    np.testing.assert_array_equal(scene["label"], other["label"])
    labels = zlib.crc32(scene["label"].tobytes(), labels)
    pictures = zlib.crc32(scene["image"].tobytes(), pictures)
  assert (labels, pictures) == (3504146459, 2493020682)
  other = LandCoverScenes(seed=1, size=(64, 64)).render(0)
  assert (other["label"] != scenes[0]["label"]).mean() > 0.1


def test_houses_stand_whole_within_the_settlement():
  """A roof's pixels, and the land a step around it, are all settled."""
  place = village.Settlement(along=0.0, across=0.0, radius=80.0, scale=1.0)
  axis = np.arange(-120.0, 120.0, 0.5, np.float32)
  along, across = (part.ravel() for part in np.meshgrid(axis, axis))
  settled = village.inside(place, along, across, 5)
  lots = village.lots(place, along, across, 5)
  roof = lots.roof & settled
  assert 0.1 < roof.sum() / settled.sum() < 0.4
  for step in ((0.5, 0.0), (-0.5, 0.0), (0.0, 0.5), (0.0, -0.5)):
    beside = village.inside(place, along + step[0], across + step[1], 5)
    assert beside[roof].mean() > 0.995
  assert not (lots.roof & lots.street).any()
  assert lots.street[np.abs(across) < 1.0].all()


def test_shadows_fall_where_the_sun_points():
  place = village.Settlement(along=0.0, across=0.0, radius=80.0, scale=1.0)
  axis = np.arange(-60.0, 60.0, 0.5, np.float32)
  along, across = (part.ravel() for part in np.meshgrid(axis, axis))
  roof = village.lots(place, along, across, 5).roof
  roof &= village.inside(place, along, across, 5)
  dark = village.shaded(place, along, across, 5, sun=(1.0, 0.0), shadow=1.0)
  roof, dark = (part.reshape(240, 240) for part in (roof, dark))
  assert roof.any()
  # 6 m of height throw 6 m of shadow: 12 points to the right.
  np.testing.assert_array_equal(dark[:, 12:], roof[:, :-12])


def test_water_and_roads_are_background():
  for number in range(40):
    place = country.plan(noise.generator(0, number, 200))
    cover = country.survey(place, (48, 64))
    np.testing.assert_array_equal(
      cover.kind != country.LAND, cover.label == regions.BACKGROUND
    )
    wet = cover.kind == country.WATER
    assert place.river or place.lake > 0.0 or not wet.any()
    assert place.paved or not (cover.kind == country.ROAD).any()


def test_wrong_arguments_are_refused():
  with pytest.raises(ValueError, match=r"size is \(31, 64\).*at least 32"):
    LandCoverScenes(size=(31, 64))
  with pytest.raises(ValueError, match="seed is -1"):
    LandCoverScenes(seed=-1)
  with pytest.raises(ValueError, match="Scene number is -1"):
    LandCoverScenes().render(-1)
