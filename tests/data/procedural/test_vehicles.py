import numpy as np
import pytest

from gansynth.data.procedural import raster, vehicles

KINDS = ("sedan", "hatch", "wagon", "suv", "van", "bus", "truck")
CAMERA = raster.Camera(height=1.6, focal=1.0, horizon=0.5, centre=0.5)


def drawn(kind, position, heading):
  primitives = raster.Primitives()
  added = vehicles.add(
    primitives, CAMERA.height, kind, position, heading, (0.8, 0.1, 0.1), 26001
  )
  return added, primitives.finish()


@pytest.mark.parametrize("kind", KINDS)
def test_faces_stay_inside_the_footprint(kind):
  model = vehicles.shape(kind)
  for faces, normals, slots, _ in model.parts:
    assert len(faces) == len(normals) == len(slots)
    assert np.abs(faces[..., 0]).max() <= 0.5 * model.width + 0.02
    assert np.abs(faces[..., 2]).max() <= 0.5 * model.length + 0.02
    assert faces[..., 1].min() >= -1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_only_faces_toward_the_camera_are_drawn(kind):
  _, ahead = drawn(kind, (0.0, 20.0), (0.0, 1.0))
  tail = np.array(vehicles._SLOT_COLOURS[vehicles.TAIL], np.float32)
  head = np.array(vehicles._SLOT_COLOURS[vehicles.HEAD], np.float32)
  assert (ahead.albedo == tail).all(1).any()
  assert not (ahead.albedo == head).all(1).any()
  _, oncoming = drawn(kind, (0.0, 20.0), (0.0, -1.0))
  assert (oncoming.albedo == head).all(1).any()
  assert not (oncoming.albedo == tail).all(1).any()


@pytest.mark.parametrize("kind", KINDS)
def test_vehicles_at_the_camera_are_left_out(kind):
  added, primitives = drawn(kind, (1.0, 1.5), (0.0, 1.0))
  assert not added
  assert not len(primitives.corners)


def test_shadow_turns_with_the_vehicle():
  along = np.array(vehicles.shadow("sedan", (3.0, 30.0), (0.0, 1.0)))
  across = np.array(vehicles.shadow("sedan", (3.0, 30.0), (1.0, 0.0)))
  np.testing.assert_allclose(along.mean(0), (3.0, 30.0))
  np.testing.assert_allclose(np.ptp(along, 0), (1.78, 4.5))
  np.testing.assert_allclose(np.ptp(across, 0), (4.5, 1.78))
