import numpy as np
import pytest

from gansynth.data.procedural import noise, weather

SIZE = (64, 64)


def scene(depth, level=False, upward=0.0):
  return weather.Scene(
    depth=np.full(SIZE, depth, np.float32),
    horizon=20.0,
    upward=np.full(SIZE, upward, np.float32),
    level=np.full(SIZE, level),
    emission=np.zeros((*SIZE, 3), np.float32),
  )


def grey(value=0.4):
  return np.full((*SIZE, 3), value, np.float32)


def test_fog_leaves_2_percent_contrast_at_the_visibility():
  depth = np.full(SIZE, 150.0, np.float32)
  bright = weather.fog(grey(0.9), depth, 150.0)
  dark = weather.fog(grey(0.1), depth, 150.0)
  np.testing.assert_allclose(bright - dark, 0.8 * 0.02, rtol=1e-3)


def test_fog_follows_koschmieder():
  depth = np.linspace(0.0, 300.0, 64, dtype=np.float32)
  depth = np.broadcast_to(depth, SIZE)
  air = (0.7, 0.8, 0.9)
  foggy = weather.fog(grey(0.2), depth, 120.0, air)
  clear = np.exp(-3.912 * depth.astype(np.float64) / 120.0)[..., None]
  expected = 0.2 * clear + np.array(air) * (1.0 - clear)
  np.testing.assert_allclose(foggy, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["rain", "snow"])
def test_what_falls_hides_behind_near_things(name):
  # Everything is nearer than the nearest layer, so nothing falls in front.
  near = weather.apply(name, grey(), scene(1.0), 1.0, noise.generator(0, 0, 0))
  assert np.ptp(near, axis=(0, 1)).max() < 1e-6
  far = weather.apply(name, grey(), scene(30.0), 1.0, noise.generator(0, 0, 0))
  assert far.std(axis=(0, 1)).max() > 0.01


def test_snow_lies_on_what_faces_up():
  rng = noise.generator(0, 0, 0)
  covered = weather.apply("snow", grey(0.2), scene(1.0, upward=1.0), 0.8, rng)
  rng = noise.generator(0, 0, 0)
  upright = weather.apply("snow", grey(0.2), scene(1.0), 0.8, rng)
  assert covered.mean() > upright.mean() + 0.3


def test_wet_ground_mirrors_what_is_above_the_horizon():
  image = grey(0.3)
  image[:20] = (0.9, 0.2, 0.2)
  level = np.zeros(SIZE, bool)
  level[20:] = True
  flat = scene(1.0)
  wet = weather.Scene(flat.depth, 20.0, flat.upward, level, flat.emission)
  result = weather.rain(image, wet, 1.0, noise.generator(0, 0, 0))
  dry = weather.rain(image, flat, 1.0, noise.generator(0, 0, 0))
  redness = result[..., 0] - result[..., 1]
  assert redness[24:40].min() > 0.05
  assert np.abs(dry[24:40, :, 0] - dry[24:40, :, 1]).max() < 0.02


def test_dusk_darkens_and_lights_lamps():
  flat = scene(10.0)
  flat.emission[30, 30] = (1.0, 0.8, 0.4)
  dusk = weather.apply("dusk", grey(), flat, 1.0, noise.generator(0, 0, 0))
  assert dusk[5, 5].max() < 0.25
  assert dusk[30, 30, 0] > 0.9
  assert dusk[30, 32, 0] > dusk[5, 5, 0]  # its halo


def test_clear_changes_nothing():
  result = weather.apply(
    "clear", grey(), scene(10.0), 1.0, noise.generator(0, 0, 0)
  )
  np.testing.assert_array_equal(result, grey())


def test_visibility_falls_with_severity():
  for name in ("fog", "rain", "snow"):
    metres = [weather.visibility(name, s) for s in (0.0, 0.5, 1.0)]
    assert metres[0] > metres[1] > metres[2] > 20.0
