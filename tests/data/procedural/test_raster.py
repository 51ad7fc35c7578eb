import numpy as np

from gansynth.data.procedural import raster

CAMERA = raster.Camera(height=2.0, focal=1.0, horizon=0.5, centre=0.5)
SIZE = (100, 100)  # so the focal length is 100 pixels


def painted(*polygons):
  primitives = raster.Primitives()
  for points in polygons:
    primitives.polygon(points, (0.5, 0.5, 0.5), 7)
  primitives.finish()
  return primitives, raster.paint(primitives, CAMERA, SIZE)


def upright(x0, x1, y0, y1, z):
  return ((x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z))


def test_rectangle_covers_the_projected_pixels():
  # 10 metres away a metre is 10 pixels; eye height is row 50.
  _, canvas = painted(upright(-1.0, 2.0, 1.0, 3.0, 10.0))
  expected = np.zeros(SIZE, int)
  expected[40:60, 40:70] = 1
  np.testing.assert_array_equal(canvas, expected)


def test_later_polygons_cover_earlier_ones():
  _, canvas = painted(
    upright(-1.0, 1.0, 1.0, 3.0, 10.0), upright(-0.5, 0.5, 1.5, 2.5, 10.0)
  )
  assert (canvas == 2).sum() == 100
  assert (canvas == 1).sum() == 300


def test_polygons_behind_the_camera_are_cut():
  primitives, canvas = painted(
    ((-3.0, 0.0, -5.0), (3.0, 0.0, -5.0), (3.0, 0.0, 20.0), (-3.0, 0.0, 20.0)),
    upright(-1.0, 1.0, 0.0, 2.0, -4.0),
  )
  assert len(primitives.corners) == 1
  assert primitives.corners[..., 2].min() == raster.NEAR
  # The ground at 20 metres is 10 rows below the horizon.
  assert not canvas[:60].any()
  assert canvas[60:, 50].all()


def test_neighbours_neither_overlap_nor_leave_gaps():
  a, b, c, d = upright(-1.31, 2.17, 0.3, 3.7, 9.0)
  _, both = painted((a, b, c), (a, c, d))
  _, whole = painted((a, b, c, d))
  np.testing.assert_array_equal(both > 0, whole > 0)


def test_ellipse_has_its_area_and_ring_its_hole():
  primitives = raster.Primitives()
  primitives.ellipse((0.0, 2.0, 10.0), (2.0, 1.0), (1, 1, 1), 7)
  disc = raster.paint(primitives.finish(), CAMERA, SIZE) > 0
  assert abs(disc.sum() / (np.pi * 20 * 10) - 1.0) < 0.03
  primitives = raster.Primitives()
  primitives.ellipse((0.0, 2.0, 10.0), (2.0, 1.0), (1, 1, 1), 7, hole=0.5)
  ring = raster.paint(primitives.finish(), CAMERA, SIZE) > 0
  assert abs(ring.sum() / disc.sum() - 0.75) < 0.03
  assert not ring[50, 50]


def test_ellipse_is_hidden_by_the_ground():
  primitives = raster.Primitives()
  primitives.ellipse((0.0, 0.0, 10.0), (2.0, 2.0), (1, 1, 1), 7)
  canvas = raster.paint(primitives.finish(), CAMERA, SIZE)
  # The ground at 10 metres is in row 70.
  assert canvas[69, 50] == 1
  assert not canvas[70:].any()


def test_depth_of_a_slanted_wall():
  wall = ((3.0, 0.0, 5.0), (3.0, 0.0, 50.0), (3.0, 6.0, 50.0), (3.0, 6.0, 5.0))
  primitives, canvas = painted(wall)
  depth = raster.depth_of(primitives, CAMERA, canvas)
  columns = np.arange(100) + 0.5 - 50.0
  expected = np.broadcast_to(300.0 / np.maximum(columns, 1.0), SIZE)
  seen = canvas == 1
  assert seen.sum() > 500
  np.testing.assert_allclose(
    depth[seen], np.clip(expected, 5.0, 50.0)[seen], rtol=1e-5
  )
  empty = canvas == 0
  assert (depth[:50][empty[:50]] == raster.SKY_DEPTH).all()
  below = 200.0 / (np.arange(100)[:, None] + 0.5 - 50.0)
  ground = empty & (np.arange(100)[:, None] >= 51)
  np.testing.assert_allclose(
    depth[ground], np.broadcast_to(below, SIZE)[ground], rtol=1e-5
  )


def test_no_primitives_is_an_empty_picture():
  canvas = raster.paint(raster.Primitives().finish(), CAMERA, SIZE)
  assert not canvas.any()
