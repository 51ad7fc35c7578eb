"""Cut-outs scaled, mirrored and turned, with their labels."""

import numpy as np
import pytest

from gansynth.synthesis import masks, patches
from gansynth.synthesis.cutouts import Annotation, Cutout
from gansynth.synthesis.rules import Rules
from gansynth.synthesis.warping import Pose

RULES = Rules()


def noise(height, width, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (height, width, 3), np.uint8)


def ellipse(height, width):
  """Height and width of the array that it touches on all sides."""
  y, x = np.indices((height, width)) + 0.5
  return np.hypot(2 * y / height - 1, 2 * x / width - 1) <= 1


def object_cutout(height=60, width=90, margin=30, tight=False, soft=False):
  """A red ellipse on noise, or on nothing."""
  mask = np.zeros((height + 2 * margin, width + 2 * margin), bool)
  mask[margin:-margin, margin:-margin] = ellipse(height, width)
  image = noise(*mask.shape)
  if tight:
    image[:] = 0
  image[mask] = (200, 30, 40)
  box = (margin, margin, margin + width, margin + height)
  values = mask.astype(np.float32)
  if soft:
    values *= 0.9
  return Cutout("ellipse", image, (Annotation(3, box, mask),), values)


def box_cutout(size, *boxes):
  return Cutout("crop", noise(*size), tuple(Annotation(1, b) for b in boxes))


def inner(patch):
  """The window of a rectangle's patch without its continued border."""
  left, top, right, bottom = patch.core
  return slice(top, bottom), slice(left, right)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_right_angles_move_pixels_without_changing_them(quarters, flip):
  cutout = object_cutout(margin=9)
  whole = Cutout("x", cutout.image, cutout.annotations)
  patch = patches.make(whole, Pose(1.0, 90.0 * quarters, flip), RULES)

  def moved(array):
    return np.rot90(array[:, ::-1] if flip else array, quarters)

  at = inner(patch)
  np.testing.assert_array_equal(patch.image[at], moved(cutout.image))
  (label,) = patch.labels
  np.testing.assert_array_equal(
    label.mask[at], moved(cutout.annotations[0].mask)
  )
  assert label.box == masks.edges(label.mask)
  assert label.class_id == 3
  assert patch.context[at].all()


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_boxes_keep_their_fractions_by_right_angles(quarters, flip):
  width, height = 50, 30
  left, top, right, bottom = 12.25, 5.5, 33.75, 21.125
  cutout = box_cutout((height, width), (left, top, right, bottom))
  patch = patches.make(cutout, Pose(1.0, 90.0 * quarters, flip), RULES)
  if flip:
    left, right = width - right, width - left
  expected = [
    (left, top, right, bottom),
    (top, width - right, bottom, width - left),
    (width - right, height - bottom, width - left, height - top),
    (height - bottom, left, height - top, right),
  ][quarters]
  column, row = patch.core[:2]
  (label,) = patch.labels
  found = np.array(label.box) - (column, row, column, row)
  np.testing.assert_allclose(found, expected)
  edges = masks.edges(label.mask)
  assert np.abs(np.array(edges) - label.box).max() < 1


@pytest.mark.parametrize("angle", [0.0, 90.0, 37.3, 200.0, 315.0])
@pytest.mark.parametrize("scale", [0.4, 1.0, 1.7])
@pytest.mark.parametrize("flip", [False, True])
def test_the_box_is_that_of_the_turned_object(angle, scale, flip):
  cutout = object_cutout()
  patch = patches.make(cutout, Pose(scale, angle, flip), RULES)
  (label,) = patch.labels
  assert label.box == masks.edges(label.mask)
  a, b = 45 * scale, 30 * scale  # semi-axes
  radians = np.radians(angle)
  half_width = np.hypot(a * np.cos(radians), b * np.sin(radians))
  half_height = np.hypot(a * np.sin(radians), b * np.cos(radians))
  left, top, right, bottom = label.box
  assert abs(right - left - 2 * half_width) <= 2
  assert abs(bottom - top - 2 * half_height) <= 2
  # And the object is there: red within, not outside.
  red = (patch.image[..., 0] > 150) & (patch.image[..., 1] < 80)
  assert red[label.mask].mean() > 0.93


def test_turning_is_counter_clockwise():
  mask = np.zeros((80, 80), bool)
  mask[36:44, 64:72] = True  # on the right
  box = (64, 36, 72, 44)
  cutout = Cutout("x", noise(80, 80), (Annotation(0, box, mask),))
  patch = patches.make(cutout, Pose(1.0, 60.0, False), RULES)
  left, top, right, bottom = patch.labels[0].box
  centre = (patch.core[0] + patch.core[2]) / 2
  middle = (patch.core[1] + patch.core[3]) / 2
  assert (left + right) / 2 - centre == pytest.approx(28 * 0.5, abs=1)
  assert middle - (top + bottom) / 2 == pytest.approx(28 * 0.866, abs=1)


def test_a_box_turned_by_any_angle_holds_the_turned_rectangle():
  cutout = box_cutout((60, 80), (20, 15, 60, 45))
  patch = patches.make(cutout, Pose(1.0, 30.0, False), RULES)
  (label,) = patch.labels
  left, top, right, bottom = label.box
  cos, sin = np.cos(np.pi / 6), 0.5
  assert right - left == pytest.approx(40 * cos + 30 * sin, abs=2)
  assert bottom - top == pytest.approx(40 * sin + 30 * cos, abs=2)
  assert label.mask.sum() == pytest.approx(1200, rel=0.02)


def test_turning_does_not_darken_the_border():
  image = np.full((50, 50, 3), 200, np.uint8)
  cutout = Cutout("x", image, (Annotation(0, (20, 20, 30, 30)),))
  for angle in (15.0, 45.0, 133.0):
    for scale in (0.6, 1.0, 1.5):
      patch = patches.make(cutout, Pose(scale, angle, False), RULES)
      assert (abs(patch.image[patch.context].astype(int) - 200) <= 1).all()
      assert (patch.context | (patch.region == 0)).all()


@pytest.mark.parametrize("angle", [0.0, 90.0, 33.0])
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.6])
def test_colours_below_transparency_do_not_leak(angle, scale):
  cutout = object_cutout(tight=True, margin=3)
  cutout.image[cutout.mask == 0] = (0, 255, 255)
  patch = patches.make(cutout, Pose(scale, angle, False), RULES)
  seen = patch.image[patch.opacity > 12].astype(int)
  assert (abs(seen - (200, 30, 40)) <= 2).all()
  assert not patch.context.any()


@pytest.mark.parametrize("tight", [False, True])
@pytest.mark.parametrize("angle", [0.0, 33.0])
def test_a_little_around_the_object_is_blended(tight, angle):
  cutout = object_cutout(tight=tight)
  patch = patches.make(cutout, Pose(1.0, angle, False), RULES)
  mask = patch.labels[0].mask
  assert set(np.unique(patch.region)) == {0, 255}
  assert (patch.region[masks.dilate(mask, 2)] == 255).all()
  assert not patch.region[~masks.dilate(mask, 8)].any()
  assert patch.core == masks.edges(patch.region > 0)
  if not tight:  # what the blending reads around it is the cut-out's own
    assert patch.context[masks.dilate(patch.region > 0, 2)].all()


def test_methods_that_paste_get_the_object_alone():
  cutout = object_cutout(soft=True)
  patch = patches.make(cutout, Pose(1.0, 0.0, False), Rules(blend_offset=0))
  mask = patch.labels[0].mask
  assert (patch.region > 0).sum() == mask.sum()
  assert (patch.opacity[mask] == round(255 * 0.9)).all()


def test_shrinking_averages():
  image = np.zeros((64, 64, 3), np.uint8)
  image[::2] = 255
  cutout = Cutout("x", image, (Annotation(0, (20, 20, 40, 40)),))
  patch = patches.make(cutout, Pose(0.25, 0.0, False), RULES)
  assert (abs(patch.image.astype(int) - 128)[8:-8, 8:-8] < 16).all()


@pytest.mark.parametrize("scale", [0.02, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0])
def test_thin_and_small_labels_never_vanish(scale, angle):
  mask = np.zeros((90, 90), bool)
  mask[10:80, 45] = True  # one pixel wide
  dot = np.zeros((90, 90), bool)
  dot[20, 20] = True
  annotations = (
    Annotation(0, (45, 10, 46, 80), mask),
    Annotation(1, (20, 20, 21, 21), dot),
    Annotation(2, (60.2, 60.2, 60.4, 60.4)),
  )
  for outline in (None, np.float32(mask | dot)):
    cutout = Cutout("x", noise(90, 90), annotations, outline)
    patch = patches.make(cutout, Pose(scale, angle, False), RULES)
    for label in patch.labels:
      assert label.mask.any()
      edges = np.array(masks.edges(label.mask))
      assert np.abs(edges - label.box).max() < 1
      assert (patch.region[label.mask] > 0).all()


def test_thin_blades_keep_their_length_when_they_shrink():
  mask = np.zeros((90, 90), bool)
  mask[10:80, 44:46] = True
  cutout = Cutout("x", noise(90, 90), (Annotation(0, (44, 10, 46, 80), mask),))
  patch = patches.make(cutout, Pose(0.4, 0.0, False), RULES)
  _, top, _, bottom = patch.labels[0].box
  assert bottom - top == pytest.approx(28, abs=2)


class TestRim:
  """What is blended of a cut-out without a mask."""

  def region(self, size, *boxes, offset=20):
    cutout = box_cutout(size, *boxes)
    rules = Rules(blend_offset=offset)
    patch = patches.make(cutout, Pose(), rules)
    left, top = patch.core[:2]
    edges = np.array(masks.edges(patch.region > 0))
    return tuple(int(x) for x in edges - (left, top, left, top))

  def test_is_as_wide_as_asked_where_there_is_room(self):
    assert self.region((100, 120), (30, 30, 90, 70)) == (20, 20, 100, 80)

  def test_leaves_labels_and_some_pixels_around_them(self):
    assert self.region((100, 120), (5, 30, 90, 98.5)) == (2, 20, 100, 99)
    assert self.region((100, 120), (50, 50, 60, 60), (3, 3, 9, 9))[:2] == (1, 1)

  def test_of_crops_smaller_than_both_rims_leaves_something(self):
    assert self.region((30, 36), (10, 8, 25, 20)) == (7, 5, 28, 23)
    assert self.region((12, 12), (0, 0, 12, 12)) == (0, 0, 12, 12)

  def test_without_labels_leaves_the_middle(self):
    assert self.region((9, 60)) == (19, 2, 41, 7)

  def test_of_zero_blends_all(self):
    size = (30, 36)
    assert self.region(size, (10, 8, 25, 20), offset=0) == (0, 0, 36, 30)

  def test_always_has_context_beyond(self):
    cutout = box_cutout((12, 12), (0, 0, 12, 12))
    for angle in (0.0, 90.0, 30.0):
      patch = patches.make(cutout, Pose(1.0, angle), RULES)
      assert patch.context[masks.dilate(patch.region > 0, 1)].all()


def test_regions_can_be_chosen():
  cutout = object_cutout()
  boxed = patches.make(cutout, Pose(), Rules(region="box"))
  assert (boxed.region > 0).sum() > 1.2 * cutout.mask.sum()
  assert (boxed.region > 0).sum() == (150 - 40) * (120 - 40)
  unmasked = Cutout("x", cutout.image, cutout.annotations)
  masked = patches.make(unmasked, Pose(), Rules(region="mask"))
  default = patches.make(cutout, Pose(), RULES)
  np.testing.assert_array_equal(masked.region, default.region)
  whole = patches.make(unmasked, Pose(), RULES)
  assert (whole.region > 0).sum() == (boxed.region > 0).sum()
  tight = patches.make(object_cutout(tight=True), Pose(), Rules(region="box"))
  assert not tight.context.any()


def test_labels_beyond_the_mask_are_blended_too():
  cutout = object_cutout()
  extra = np.zeros(cutout.size, bool)
  extra[2:6, 2:9] = True
  label = Annotation(1, (2, 2, 9, 6), extra)
  both = Cutout("x", cutout.image, (*cutout.annotations, label), cutout.mask)
  patch = patches.make(both, Pose(1.0, 20.0), RULES)
  for each in patch.labels:
    assert (patch.region[each.mask] == 255).all()


def test_a_box_around_a_mask_takes_its_outline():
  cutout = object_cutout()
  loose = Cutout(
    "x", cutout.image, (Annotation(0, (25, 25, 130, 95)),), cutout.mask
  )
  assert patches.can_turn(loose)
  patch = patches.make(loose, Pose(1.0, 45.0), RULES)
  exact = patches.make(cutout, Pose(1.0, 45.0), RULES)
  assert patch.labels[0].box == exact.labels[0].box


def test_which_cutouts_may_turn_by_any_angle():
  masked, boxed = object_cutout().annotations[0], Annotation(0, (1, 1, 5, 5))
  image = noise(120, 150)
  assert patches.can_turn(Cutout("x", image, (masked,)))
  assert not patches.can_turn(Cutout("x", image, (masked, boxed)))
  assert not patches.can_turn(Cutout("x", image, ()))


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"mask": np.ones((3, 3), np.float32)}, r"mask is \(3, 3\) and the pict"),
    ({"mask": np.zeros((120, 150), np.float32)}, "mask is empty"),
    (
      {"annotations": (Annotation(0, (1, 1, 2, 2), np.zeros((9, 9), bool)),)},
      "label's mask is",
    ),
    (
      {"annotations": (Annotation(0, (5, 5, 5, 9)),)},
      "box is 5, 5, 5, 9 .* within the picture's 150 x 120",
    ),
    ({"annotations": (Annotation(0, (5, 5, 151, 9)),)}, "box is 5, 5, 151, 9"),
    ({"image": np.zeros((120, 150), np.uint8)}, "picture is uint8"),
  ],
)
def test_cutouts_that_do_not_fit_together_are_named(change, message):
  whole = object_cutout()
  fields = {
    "name": "tree 7",
    "image": whole.image,
    "annotations": whole.annotations,
    "mask": whole.mask,
  }
  with pytest.raises(ValueError, match=f"tree 7: .*{message}"):
    patches.make(Cutout(**(fields | change)), Pose(), RULES)
