import pickle
import subprocess
import sys
import zlib

import numpy as np
import pytest

from gansynth.data.procedural import StreetScenes, cityscapes, layout
from gansynth.data.procedural.weather import WEATHERS

STUFF = {7, 8, 9, 11, 12, 13, 17, 19, 20, 21, 22, 23}
THINGS = {24, 25, 26, 27, 28, 33}


def checksum(sample):
  total = 0
  for key in ("image", "label", "instance", "depth"):
    total = zlib.crc32(sample[key].tobytes(), total)
  return total


# A picture that is drawn twice as large, one that is not, odd sides, the least.
@pytest.mark.parametrize("size", [(64, 96), (176, 160), (45, 67), (32, 32)])
def test_shapes_and_types(size):
  sample = StreetScenes(seed=1, size=size).render(3, "photo")
  assert sample["image"].shape == (*size, 3)
  assert sample["image"].dtype == np.uint8
  assert sample["image"].flags.c_contiguous
  for key, dtype in (
    ("label", np.uint8),
    ("instance", np.int32),
    ("depth", np.float32),
  ):
    assert sample[key].shape == size
    assert sample[key].dtype == dtype


def test_labels_and_instances_follow_cityscapes():
  scenes = StreetScenes(seed=0, size=(128, 128))
  seen = set()
  for index in range(16):
    sample = scenes.render(index)
    label, instance = sample["label"].astype(int), sample["instance"]
    seen |= set(np.unique(label))
    thing = np.isin(label, sorted(THINGS))
    np.testing.assert_array_equal(instance[~thing], label[~thing])
    np.testing.assert_array_equal(instance[thing] // 1000, label[thing])
  assert seen <= STUFF | THINGS
  # 16 scenes hold everything but the rarest.
  assert seen >= {7, 8, 9, 11, 17, 20, 21, 22, 23, 24, 26, 27, 28}


def test_one_instance_is_one_vehicle():
  scenes = StreetScenes(seed=0, size=(128, 128))
  widths = []
  for index in range(8):
    sample = scenes.render(index)
    for number in np.unique(sample["instance"]):
      if number >= cityscapes.CAR * 1000:
        depth = sample["depth"][sample["instance"] == number]
        widths.append(float(depth.max() - depth.min()))
  assert len(widths) > 20
  assert max(widths) < 12.0  # a bus is 11 metres long


def test_renderings_and_weathers_share_geometry():
  scenes = StreetScenes(seed=2, size=(64, 64))
  reference = scenes.render(5)
  for rendering in ("game", "photo"):
    for weather in WEATHERS:
      sample = scenes.render(5, rendering, weather, 0.8)
      for key in ("label", "instance", "depth"):
        np.testing.assert_array_equal(sample[key], reference[key])
      if (rendering, weather) != ("game", "clear"):
        change = sample["image"].astype(int) - reference["image"]
        assert np.abs(change).mean() > 8.0


def test_order_does_not_matter():
  scenes = StreetScenes(seed=0, size=(64, 64))
  forward = [checksum(scenes.render(i, "photo", "snow")) for i in range(6)]
  layout.street.cache_clear()
  again = StreetScenes(seed=0, size=(64, 64))
  backward = [
    checksum(again.render(i, "photo", "snow")) for i in (5, 4, 3, 2, 1, 0)
  ]
  assert forward == backward[::-1]
  assert len(set(forward)) == 6


def test_another_process_draws_the_same():
  scenes = StreetScenes(seed=3, size=(48, 64))
  program = (
    "import pickle, sys, zlib\n"
    "scenes = pickle.load(sys.stdin.buffer)\n"
    "sample = scenes.render(11, 'photo', 'rain')\n"
    "total = 0\n"
    "for key in ('image', 'label', 'instance', 'depth'):\n"
    "  total = zlib.crc32(sample[key].tobytes(), total)\n"
    "print(total)\n"
  )
  result = subprocess.run(
    [sys.executable, "-c", program],
    input=pickle.dumps(scenes),
    capture_output=True,
    check=True,
  )
  assert int(result.stdout) == checksum(scenes.render(11, "photo", "rain"))


def test_seeds_differ():
  first = StreetScenes(seed=0, size=(64, 64)).render(0)
  second = StreetScenes(seed=1, size=(64, 64)).render(0)
  assert (first["label"] != second["label"]).mean() > 0.02


def test_labels_are_pinned():
  # Whoever changes the scenes on purpose updates this number, and says in
  # the commit that data sets made before differ.
  scenes = StreetScenes(seed=0, size=(96, 128))
  total = 0
  for index in range(8):
    sample = scenes.render(index)
    total = zlib.crc32(sample["label"].tobytes(), total)
    total = zlib.crc32(sample["instance"].tobytes(), total)
  assert total == 3107751059


def test_depth_of_the_ground_is_exact():
  scenes = StreetScenes(seed=0, size=(200, 240))
  for index in range(4):
    sample = scenes.render(index)
    camera = layout.street(0, index).camera
    rows = np.arange(200) + 0.5 - camera.horizon * 200
    expected = camera.height * camera.pixels((200, 240)) / rows[:, None]
    expected = np.broadcast_to(np.clip(expected, None, 400.0), (200, 240))
    road = sample["label"] == cityscapes.ROAD
    np.testing.assert_allclose(sample["depth"][road], expected[road], rtol=1e-4)
    sky = sample["label"] == cityscapes.SKY
    assert (sample["depth"][sky] == 1000.0).all()
    assert sample["depth"][~sky].max() <= 400.5
    assert sample["depth"].min() > 0.3


def test_same_scene_at_another_size():
  small = StreetScenes(seed=0, size=(64, 64))
  large = StreetScenes(seed=0, size=(256, 256))
  for index in range(3):
    a, b = small.render(index)["label"], large.render(index)["label"]
    assert (a == b[2::4, 2::4]).mean() > 0.93


def test_renderings_differ_by_much_and_consistently():
  scenes = StreetScenes(seed=0, size=(64, 64))
  games, photos = [], []
  for index in range(12):
    games.append(scenes.render(index, "game")["image"].astype(np.float64))
    photos.append(scenes.render(index, "photo")["image"].astype(np.float64))
  games, photos = np.stack(games), np.stack(photos)
  untouched = np.abs(games - photos).mean()
  assert untouched > 25.0
  # A quadratic map of single colours, fitted to half of the scenes, already
  # explains most of the difference on the others, in both directions.
  for source, target in ((games, photos), (photos, games)):
    unit = source.reshape(-1, 3) / 255.0
    features = np.concatenate(
      [unit, unit**2, unit * np.roll(unit, 1, 1), np.ones_like(unit[:, :1])], 1
    )
    half = len(features) // 2
    wanted = target.reshape(-1, 3)
    weights = np.linalg.lstsq(features[:half], wanted[:half], rcond=None)[0]
    rest = np.abs(features[half:] @ weights - wanted[half:]).mean()
    assert rest < 0.6 * untouched


@pytest.mark.parametrize("weather", ["fog", "rain", "snow", "dusk"])
def test_severity_changes_the_picture_more(weather):
  scenes = StreetScenes(seed=0, size=(64, 64))
  clear = scenes.render(4, "photo")["image"].astype(float)
  change = [
    np.abs(scenes.render(4, "photo", weather, s)["image"] - clear).mean()
    for s in (0.1, 0.5, 1.0)
  ]
  assert change[0] < change[1] < change[2]


def test_wrong_arguments_are_refused():
  with pytest.raises(ValueError, match="each at least 32"):
    StreetScenes(size=(16, 64))
  with pytest.raises(ValueError, match="seed is -1"):
    StreetScenes(seed=-1)
  scenes = StreetScenes(size=(32, 32))
  with pytest.raises(ValueError, match="'film'"):
    scenes.render(0, "film")
  with pytest.raises(ValueError, match="'hail'"):
    scenes.render(0, "game", "hail")
  with pytest.raises(ValueError, match="Severity is 1"):
    scenes.render(0, "game", "fog", 1.5)
  with pytest.raises(ValueError, match="index is -2"):
    scenes.render(-2)
