"""Cut-outs laid on backgrounds, checked pixel by pixel."""

import dataclasses
import json

import numpy as np
import pytest

from gansynth.synthesis import composition, patches
from gansynth.synthesis.cutouts import Annotation, Cutout
from gansynth.synthesis.labels import rle
from gansynth.synthesis.rules import Rules
from gansynth.synthesis.warping import Pose

COLORS = ((230, 20, 20), (20, 230, 20), (20, 20, 230), (230, 230, 20))


def ground(height=200, width=240, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(90, 110, (height, width, 3), np.uint8)


def disc(radius=12, margin=24, color=COLORS[0], kind="mask", class_id=0):
  """A disc on ground that is a little darker; `kind` as of `patches`."""
  size = 2 * (radius + margin)
  y, x = np.indices((size, size)) + 0.5 - size / 2
  mask = np.hypot(x, y) <= radius
  image = ground(size, size, seed=7) // 2
  if kind == "tight":
    image[:] = 0
  image[mask] = color
  box = (margin, margin, size - margin, size - margin)
  label = Annotation(class_id, box, None if kind == "box" else mask)
  outline = mask.astype(np.float32) if kind in ("mask", "tight") else None
  name = f"{kind} {class_id} {color}"
  return Cutout(name, image, (label,), outline)


def drawing(*cutouts):
  return lambda rng: cutouts[int(rng.integers(len(cutouts)))]


def assert_sound(composed, rules):
  """What holds of any composition."""
  height, width = composed.mask.shape
  assert composed.canvas.shape == (height, width, 3)
  assert composed.canvas.dtype == composed.mask.dtype == np.uint8
  json.dumps(composed.placements)
  numbers = [i for p in composed.placements for i in p["objects"]]
  assert numbers == list(range(len(composed.objects)))
  for each in composed.objects:
    mask = rle.decode(each.mask)
    assert mask.shape == (height, width)
    assert mask.any()
    assert (composed.mask[mask] > 0).all()
    edges = np.array(rle.box(each.mask))
    assert np.abs(edges - each.box).max() <= 1
    left, top, right, bottom = each.box
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


def parts(mask):
  """The separate parts of a mask (8-neighbours), by flooding."""
  left = mask > 0
  found = []
  while left.any():
    part = np.zeros_like(left)
    part.flat[np.flatnonzero(left)[0]] = True
    while True:
      grown = np.pad(part, 1)
      grown = np.lib.stride_tricks.sliding_window_view(grown, (3, 3))
      grown = grown.any(axis=(-2, -1)) & left
      if (grown == part).all():
        break
      part = grown
    found.append(part)
    left &= ~part
  return found


@pytest.mark.parametrize("kind", ["mask", "tight", "box", "labels"])
def test_objects_are_where_their_labels_say(kind):
  cutouts = [disc(10 + 2 * i, 24, COLORS[i], kind, i) for i in range(4)]
  rules = Rules(4, 4, flip=True, scale=(0.7, 1.3))
  for seed in range(10):
    composed = composition.compose(
      np.random.default_rng(seed), ground(), drawing(*cutouts), rules
    )
    assert_sound(composed, rules)
    assert len(composed.objects) == composed.asked == 4
    for each in composed.objects:
      near = abs(composed.canvas.astype(int) - COLORS[each.class_id])
      is_disc = (near < 60).all(axis=-1)
      if kind == "box":
        left, top, right, bottom = (round(x) for x in each.box)
        rows, columns = np.nonzero(is_disc[top:bottom, left:right])
        size = right - left
        assert min(rows.min(), columns.min()) <= 1
        assert max(rows.max(), columns.max()) >= size - 2
      else:
        mask = rle.decode(each.mask)
        assert is_disc[mask].mean() > 0.9


@pytest.mark.parametrize("kind", ["mask", "tight", "box"])
@pytest.mark.parametrize("spacing", [0, 2, 7])
def test_regions_keep_off_each_other(kind, spacing):
  """By flooding: as many separate parts as cut-outs, and that far apart."""
  rules = Rules(
    12, 12, spacing=spacing, offset_ctr=0, blend_offset=6, attempts=30
  )
  cutout = disc(6, 10, kind=kind)
  counts = []
  for seed in range(8):
    composed = composition.compose(
      np.random.default_rng(seed), ground(90, 110), drawing(cutout), rules
    )
    assert_sound(composed, rules)
    counts.append(len(composed.placements))
    areas = [rle.area(x.mask) for x in composed.objects]
    assert min(areas) == max(areas) or kind != "box"
    if spacing:
      found = parts(composed.mask)
      assert len(found) == len(composed.placements)
      where = [np.argwhere(part) for part in found]
      for i, first in enumerate(where):
        for second in where[i + 1 :]:
          apart = abs(first[:, None] - second[None]).max(axis=-1).min()
          assert apart > spacing
  assert min(counts) < 12  # It was crowded: the rule was needed.
  assert max(counts) >= 3


def test_no_region_is_blended_twice_at_the_borders():
  """Areas add up: nothing is shared, wherever the cut-outs lie."""
  cutout = disc(9, 5, kind="box")
  alone = Rules(1, 1, blend_offset=4, rotation="none")
  single = composition.compose(
    np.random.default_rng(0), ground(50, 70), drawing(cutout), alone
  )
  area = np.count_nonzero(single.mask)
  rules = Rules(
    9, 9, blend_offset=4, offset_ctr=0, rotation="none", spacing=0, attempts=40
  )
  at_border = 0
  for seed in range(100):
    composed = composition.compose(
      np.random.default_rng(seed), ground(50, 70), drawing(cutout), rules
    )
    count = len(composed.placements)
    assert np.count_nonzero(composed.mask) == count * area
    xs = [p["x"] for p in composed.placements]
    at_border += min(xs) < 18
  assert at_border > 20


def test_the_same_seed_gives_the_same_picture():
  cutouts = [disc(10, 24, COLORS[i], "mask", i) for i in range(4)]
  rules = Rules(
    1,
    6,
    min_distractors=1,
    max_distractors=2,
    scale=(0.6, 1.5),
    flip=True,
    color_match="histogram",
    max_overlap=0.4,
    max_truncation=0.4,
  )

  def once(seed):
    return composition.compose(
      np.random.default_rng(seed),
      ground(),
      drawing(*cutouts),
      rules,
      draw_distractor=drawing(*cutouts),
    )

  first, again, other = once(5), once(5), once(6)
  np.testing.assert_array_equal(first.canvas, again.canvas)
  np.testing.assert_array_equal(first.mask, again.mask)
  assert first.placements == again.placements
  assert first.objects == again.objects
  assert first.placements != other.placements


def test_the_background_and_cutouts_are_left_as_they_are():
  background, cutout = ground(), disc()
  before, image = background.copy(), cutout.image.copy()
  rules = Rules(color_match="mean")
  composed = composition.compose(
    np.random.default_rng(0), background, drawing(cutout), rules
  )
  np.testing.assert_array_equal(background, before)
  np.testing.assert_array_equal(cutout.image, image)
  changed = (composed.canvas != background).any(axis=-1)
  assert changed[composed.mask > 0].mean() > 0.7
  assert not changed.all()


def test_a_cutout_without_surroundings_leaves_the_scene_as_it_is():
  """So that blending has no seam: on the region's border both are the same."""
  background = ground()
  composed = composition.compose(
    np.random.default_rng(0), background, drawing(disc(kind="tight")), Rules()
  )
  seen = np.zeros(composed.mask.shape, bool)
  for each in composed.objects:
    seen |= rle.decode(each.mask)
  grown = np.lib.stride_tricks.sliding_window_view(np.pad(seen, 1), (3, 3))
  beyond = ~grown.any(axis=(-2, -1))
  assert (composed.mask[beyond] > 0).any()
  change = composed.canvas[beyond].astype(int) - background[beyond]
  assert np.abs(change).max() <= 4


def test_narrow_spaces_are_shared_between_both_surroundings():
  """The pixel beyond a region is the cut-out's own, also near another."""
  flat = np.full((40, 40, 3), 50, np.uint8)
  other = np.full((40, 40, 3), 150, np.uint8)
  label = Annotation(0, (14, 14, 26, 26))
  cutouts = [Cutout("a", flat, (label,)), Cutout("b", other, (label,))]
  rules = Rules(12, 12, blend_offset=10, offset_ctr=0, attempts=300)
  touching = 0
  for seed in range(6):
    composed = composition.compose(
      np.random.default_rng(seed), ground(80, 90), drawing(*cutouts), rules
    )
    for place in composed.placements:
      value = 50 if place["cutout"] == "a" else 150
      left, top = int(place["x"] - 10), int(place["y"] - 10)
      window = np.s_[top - 1 : top + 21, left - 1 : left + 21]
      assert (composed.canvas[window] == value).all()
      wider = composed.mask[top - 3 : top + 23, left - 3 : left + 23]
      touching += np.count_nonzero(wider) > 400
  assert touching > 0


def test_centres_keep_off_the_border():
  rules = Rules(5, 5, offset_ctr=60, spacing=0)
  for seed in range(10):
    composed = composition.compose(
      np.random.default_rng(seed), ground(), drawing(disc(5, 4)), rules
    )
    for place in composed.placements:
      assert 60 <= place["x"] <= 180
      assert 60 <= place["y"] <= 140


def test_an_offset_wider_than_half_the_picture_leaves_the_middle():
  rules = Rules(1, 1, offset_ctr=100, blend_offset=2)
  for size in ((30, 41), (31, 40)):
    composed = composition.compose(
      np.random.default_rng(0), ground(*size), drawing(disc(5, 4)), rules
    )
    (place,) = composed.placements
    assert abs(place["x"] - size[1] / 2) <= 1
    assert abs(place["y"] - size[0] / 2) <= 1


@pytest.mark.parametrize("size", [(60, 300), (300, 60), (47, 48)])
def test_pictures_need_not_be_square(size):
  cutout = disc(8, 8, kind="box")
  places = []
  for seed in range(20):
    rules = Rules(3, 3, offset_ctr=10)
    composed = composition.compose(
      np.random.default_rng(seed), ground(*size), drawing(cutout), rules
    )
    assert_sound(composed, rules)
    assert composed.placements
    places += [(p["y"], p["x"]) for p in composed.placements]
  assert (np.max(places, axis=0) <= np.array(size) - 16).all()
  if max(size) == 300:
    assert np.ptp(places, axis=0).max() > 200


@pytest.mark.parametrize("side", [4, 16, 24, 40])
def test_crops_smaller_than_both_rims_are_blended(side):
  image = np.full((side, side, 3), 255, np.uint8)
  label = Annotation(0, (side // 4, side // 4, side - side // 4, side - 1))
  cutout = Cutout("small", image, (label,))
  rules = Rules(3, 3, blend_offset=20)
  composed = composition.compose(
    np.random.default_rng(0), ground(), drawing(cutout), rules
  )
  assert_sound(composed, rules)
  assert len(composed.objects) == 3


def test_labels_at_a_crops_edge_are_blended_whole():
  image = np.full((50, 50, 3), 255, np.uint8)
  labels = (Annotation(0, (0, 10, 12, 50)), Annotation(1, (30, 0, 50, 20)))
  rules = Rules(2, 2)
  for seed in range(4):
    composed = composition.compose(
      np.random.default_rng(seed),
      ground(),
      drawing(Cutout("edge", image, labels)),
      rules,
    )
    assert_sound(composed, rules)
    areas = sorted(rle.area(x.mask) for x in composed.objects)
    assert areas == [400, 400, 480, 480]


def test_crops_of_several_objects_keep_their_classes():
  image = ground(80, 80, seed=3)
  boxes = ((25, 25, 35, 40), (45, 30, 58, 36), (30.5, 44.25, 50.5, 57.75))
  labels = tuple(
    Annotation(class_id, box)
    for class_id, box in zip((4, 0, 4), boxes, strict=True)
  )
  rules = Rules(2, 2, scale=(1, 1), flip=True)
  for seed in range(8):
    composed = composition.compose(
      np.random.default_rng(seed),
      ground(),
      drawing(Cutout("many", image, labels)),
      rules,
    )
    assert_sound(composed, rules)
    assert [x.class_id for x in composed.objects] == [4, 0, 4] * 2
    for each, box in zip(composed.objects, boxes * 2, strict=True):
      sides = each.box[2] - each.box[0], each.box[3] - each.box[1]
      own = box[2] - box[0], box[3] - box[1]
      assert sorted(sides) == pytest.approx(sorted(own))


def test_too_large_cutouts_are_drawn_again():
  large = Cutout("large", ground(201, 60), (Annotation(0, (20, 20, 40, 180)),))
  turned = Cutout("long", ground(60, 220), (Annotation(0, (20, 20, 180, 40)),))
  rules = Rules(2, 2, rotation="right_angles")
  names = []
  for seed in range(12):
    composed = composition.compose(
      np.random.default_rng(seed),
      ground(200, 200),
      drawing(large, turned, disc(8, 8)),
      rules,
    )
    assert len(composed.placements) == 2
    names += [p["cutout"] for p in composed.placements]
  assert set(names) == {disc().name}
  on_wide = composition.compose(
    np.random.default_rng(0), ground(200, 240), drawing(turned), rules
  )
  assert all(p["angle"] in (0, 180) for p in on_wide.placements)


def test_where_nothing_fits_the_picture_has_fewer():
  draws = []

  def draw(rng):
    draws.append(None)
    return disc(60, 60, kind="box")

  rules = Rules(3, 3, attempts=7)
  background = ground(100, 100)
  composed = composition.compose(
    np.random.default_rng(0), background, draw, rules
  )
  assert composed.asked == 3
  assert composed.placements == composed.objects == ()
  assert not composed.mask.any()
  np.testing.assert_array_equal(composed.canvas, background)
  assert len(draws) == 3 * 7


def test_a_crop_as_large_as_the_background_fits():
  cutout = disc(20, 30, kind="box")
  composed = composition.compose(
    np.random.default_rng(0), ground(100, 100), drawing(cutout), Rules(2, 2)
  )
  (place,) = composed.placements
  assert (place["x"], place["y"]) == (50, 50)
  assert composed.asked == 2


def test_numbers_of_objects_are_between_the_limits():
  rules = Rules(1, 3, min_distractors=0, max_distractors=1)
  counts = set()
  for seed in range(40):
    composed = composition.compose(
      np.random.default_rng(seed),
      ground(),
      drawing(disc(4, 3)),
      rules,
      draw_distractor=drawing(disc(4, 3)),
    )
    counts.add((len(composed.objects), len(composed.placements)))
    assert composed.asked == len(composed.placements)
  assert counts == {(1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 4)}


@pytest.mark.parametrize("kind", ["mask", "tight", "box"])
def test_distractors_are_blended_without_labels(kind):
  rules = Rules(1, 1, min_distractors=2, max_distractors=2)
  composed = composition.compose(
    np.random.default_rng(0),
    ground(),
    drawing(disc(color=COLORS[0])),
    rules,
    draw_distractor=drawing(disc(color=COLORS[1], kind=kind)),
  )
  assert_sound(composed, rules)
  assert len(composed.objects) == 1
  assert [p["distractor"] for p in composed.placements] == [False, True, True]
  assert [p["objects"] for p in composed.placements] == [[0], [], []]
  green = (abs(composed.canvas.astype(int) - COLORS[1]) < 60).all(axis=-1)
  assert green.sum() > 700
  assert (composed.mask[green] > 0).all()


def test_scale_and_flip_and_angle_are_as_recorded():
  """An L shape tells all of them from each other."""
  image = ground(60, 60, seed=3) // 2
  mask = np.zeros((60, 60), bool)
  mask[15:45, 20:26] = mask[39:45, 20:40] = True
  image[mask] = (250, 250, 250)
  cutout = Cutout(
    "L", image, (Annotation(0, (20, 15, 40, 45), mask),), np.float32(mask)
  )
  rules = Rules(1, 1, scale=(0.8, 1.6), flip=True, rotation="any")
  flips = set()
  for seed in range(12):
    composed = composition.compose(
      np.random.default_rng(seed), ground(), drawing(cutout), rules
    )
    (place,) = composed.placements
    assert 0.8 <= place["scale"] <= 1.6
    flips.add(place["flip"])
    found = rle.decode(composed.objects[0].mask)
    # The recorded pose, applied to the pixels' coordinates about their mean.
    rows, columns = (x - x.mean() for x in np.nonzero(mask))
    if place["flip"]:
      columns = -columns
    angle = np.radians(place["angle"])
    x = place["scale"] * (columns * np.cos(angle) + rows * np.sin(angle))
    y = place["scale"] * (rows * np.cos(angle) - columns * np.sin(angle))
    there_rows, there_columns = np.nonzero(found)
    x = np.rint(x + there_columns.mean()).astype(int)
    y = np.rint(y + there_rows.mean()).astype(int)
    assert found[y, x].mean() > 0.9
    assert found.sum() == pytest.approx(mask.sum() * place["scale"] ** 2, 0.1)
  assert flips == {False, True}


class TestTruncation:
  """Cut-outs that reach over the picture's border."""

  def test_labels_are_what_is_seen(self):
    rules = Rules(
      2, 2, max_truncation=0.7, offset_ctr=0, min_visible=0.3, scale=(1, 1)
    )
    whole = int(rle.area(self.composed(Rules(1, 1), 0).objects[0].mask))
    cut = 0
    for seed in range(60):
      composed = self.composed(rules, seed)
      assert_sound(composed, rules)
      for each in composed.objects:
        mask = rle.decode(each.mask)
        area = mask.sum()
        assert area >= 0.27 * whole
        if area < 0.9 * whole:
          cut += 1
          left, top, right, bottom = each.box
          assert left == 0 or top == 0 or right == 110 or bottom == 90
          near = abs(composed.canvas[mask].astype(int) - COLORS[0]) < 60
          assert near.all(axis=-1).mean() > 0.85
    assert cut > 5

  def test_no_more_than_allowed_is_cut(self):
    rules = Rules(1, 1, max_truncation=0.2, offset_ctr=0)
    whole = np.count_nonzero(self.composed(Rules(1, 1), 0).mask)
    least = min(
      np.count_nonzero(self.composed(rules, seed).mask) for seed in range(80)
    )
    assert 0.75 * whole <= least < 0.95 * whole

  def test_by_default_nothing_is_cut(self):
    cutout = disc(15, 3, kind="box")
    for seed in range(40):
      composed = self.composed(Rules(2, 2, offset_ctr=0), seed, cutout)
      for each in composed.objects:
        assert each.box[2] - each.box[0] == each.box[3] - each.box[1] == 30

  def test_a_label_too_little_of_which_is_seen_is_dropped(self):
    image = ground(60, 100, seed=3)
    labels = (Annotation(0, (4, 20, 14, 40)), Annotation(1, (60, 4, 96, 56)))
    cutout = Cutout("two", image, labels)
    rules = Rules(
      1,
      1,
      max_truncation=0.4,
      offset_ctr=0,
      min_visible=0.9,
      rotation="none",
      blend_offset=4,
    )
    kept = [self.composed(rules, s, cutout).objects for s in range(60)]
    classes = {tuple(x.class_id for x in objects) for objects in kept}
    assert classes == {(0, 1), (1,), (0,)}
    for objects in kept:
      for each in objects:
        assert rle.area(each.mask) >= 0.9 * (200, 36 * 52)[each.class_id]

  @staticmethod
  def composed(rules, seed, cutout=None):
    return composition.compose(
      np.random.default_rng(seed),
      ground(90, 110),
      drawing(cutout or disc(14, 10)),
      rules,
    )


class TestOverlap:
  """Cut-outs in front of each other."""

  @pytest.mark.parametrize("kind", ["mask", "tight", "labels"])
  def test_labels_are_what_is_seen(self, kind):
    cutouts = [disc(14, 10, COLORS[i], kind, i) for i in range(4)]
    rules = Rules(6, 6, max_overlap=0.6, spacing=0, blend_offset=4)
    area = rle.area(self.composed(Rules(1, 1), 0, cutouts).objects[0].mask)
    hidden = 0
    for seed in range(12):
      composed = self.composed(rules, seed, cutouts)
      assert_sound(composed, rules)
      masks = [rle.decode(x.mask) for x in composed.objects]
      assert np.sum(masks, axis=0).max() <= 1
      for each, mask in zip(composed.objects, masks, strict=True):
        near = abs(composed.canvas[mask].astype(int) - COLORS[each.class_id])
        assert (near < 60).all(axis=-1).mean() > 0.85
        assert mask.sum() >= 0.24 * area
        hidden += mask.sum() < 0.85 * area
    assert hidden > 3

  def test_no_more_than_allowed_is_shared(self):
    cutout = disc(14, 6, kind="box")
    rules = Rules(
      1, 2, max_overlap=0.3, rotation="none", blend_offset=6, offset_ctr=0
    )
    single = self.composed(
      dataclasses.replace(rules, max_objects=1), 0, [cutout]
    )
    area = np.count_nonzero(single.mask)
    shares = []
    for seed in range(60):
      composed = self.composed(rules, seed, [cutout])
      if len(composed.placements) == 2:
        shares.append(2 - np.count_nonzero(composed.mask) / area)
    assert 0.2 < max(shares) <= 0.3

  def test_no_place_hides_an_earlier_label(self):
    rules = Rules(12, 12, max_overlap=1.0, min_visible=0.8, offset_ctr=0)
    cutouts = [disc(10, 8, COLORS[i], "tight", i) for i in range(4)]
    area = rle.area(self.composed(Rules(1, 1), 0, cutouts).objects[0].mask)
    for seed in range(6):
      composed = self.composed(rules, seed, cutouts)
      assert [p["objects"] for p in composed.placements] == [
        [i] for i in range(len(composed.placements))
      ]
      for each in composed.objects:
        assert rle.area(each.mask) >= 0.75 * area

  @staticmethod
  def composed(rules, seed, cutouts):
    return composition.compose(
      np.random.default_rng(seed), ground(90, 110), drawing(*cutouts), rules
    )


class Fixed:
  """Labels of real pictures that are always the same."""

  def draw_count(self, rng):
    return 5

  def draw_size(self, rng):
    return 0.1

  def draw_center(self, rng):
    return float(rng.choice([0.25, 0.75])), 0.5


class TestReal:
  """Numbers, sizes and places as of real pictures."""

  def test_count(self):
    composed = self.composed(Rules(use_real=["count"]))
    assert len(composed.objects) == composed.asked == 5

  def test_size(self):
    for kind in ("mask", "tight", "box"):
      composed = self.composed(Rules(use_real=["size"]), disc(kind=kind))
      for each in composed.objects:
        left, top, right, bottom = each.box
        side = np.sqrt((right - left) * (bottom - top))
        assert side == pytest.approx(0.1 * np.sqrt(200 * 240), rel=0.12)

  def test_place_is_that_of_the_labels_centre(self):
    image = ground(60, 60)
    cutout = Cutout("aside", image, (Annotation(0, (30, 8, 46, 20)),))
    rules = Rules(2, 2, use_real=["place"], rotation="none")
    for seed in range(5):
      composed = self.composed(rules, cutout, seed)
      centres = sorted(
        ((x.box[0] + x.box[2]) / 2, (x.box[1] + x.box[3]) / 2)
        for x in composed.objects
      )
      assert np.abs(np.array(centres) - [(60, 100), (180, 100)]).max() <= 0.5

  def test_needs_labels(self):
    with pytest.raises(ValueError, match=r"use_real is .*'size'.* no labels"):
      composition.compose(
        np.random.default_rng(0),
        ground(),
        drawing(disc()),
        Rules(use_real=["size"]),
      )

  @staticmethod
  def composed(rules, cutout=None, seed=0):
    return composition.compose(
      np.random.default_rng(seed),
      ground(),
      drawing(cutout or disc(8, 8)),
      rules,
      real=Fixed(),
    )


@pytest.mark.parametrize("kind", ["mask", "tight", "box"])
@pytest.mark.parametrize("method", ["mean", "mean_std", "histogram"])
def test_colours_come_nearer_to_the_background(kind, method):
  background = ground() + np.uint8([80, 0, 40])
  errors = []
  plain = Rules(1, 1, keep_colors=False)
  for rules in (
    plain,
    dataclasses.replace(plain, color_match=method, color_strength=0.5),
    dataclasses.replace(plain, color_match=method),
  ):
    composed = composition.compose(
      np.random.default_rng(0), background, drawing(disc(kind=kind)), rules
    )
    changed = composed.mask > 0
    if kind != "tight":
      changed &= ~rle.decode(composed.objects[0].mask)
    difference = composed.canvas[changed].mean(0) - background.mean((0, 1))
    errors.append(np.abs(difference).max())
  assert errors[0] > errors[1] > errors[2]
  if kind != "tight":
    assert errors[2] < 5


@pytest.mark.parametrize("kind", ["mask", "labels"])
def test_ground_is_adjusted_and_the_object_keeps_its_colours(kind):
  """Else blending would move the object by what the grounds differ."""
  background = ground() + np.uint8([80, 0, 40])
  differences = []
  for keep in (False, True):
    composed = composition.compose(
      np.random.default_rng(0),
      background,
      drawing(disc(kind=kind)),
      Rules(1, 1, keep_colors=keep, rotation="right_angles"),
    )
    mask = rle.decode(composed.objects[0].mask)
    assert (composed.canvas[mask] == COLORS[0]).all()
    around = (composed.mask > 0) & ~mask
    change = composed.canvas[around].mean(0) - background[around].mean(0)
    differences.append(np.abs(change).max())
  assert differences[0] > 80
  assert differences[1] < 3


def test_surroundings_fade_into_the_scene():
  """On a region's border both pictures are the same: there is no seam."""
  background = ground() + np.uint8([80, 0, 40])
  changes = []
  for keep in (False, True):
    rules = Rules(1, 1, keep_colors=keep)
    composed = composition.compose(
      np.random.default_rng(0), background, drawing(disc()), rules
    )
    region = composed.mask > 0
    around = np.lib.stride_tricks.sliding_window_view(
      np.pad(region, 1, mode="edge"), (3, 3)
    )
    border = region & ~around.all(axis=(-2, -1))
    beyond = around.any(axis=(-2, -1)) & ~region
    change = abs(composed.canvas.astype(int) - background)
    changes.append((change[border].mean(), change[beyond].mean()))
  assert min(changes[0]) > 60
  assert changes[1][0] < 8
  assert changes[1][1] == 0


def test_a_soft_edge_is_not_faded_twice_where_it_is_pasted():
  cutout = disc()
  soft = np.where(cutout.mask > 0, np.float32(0.5), 0)
  half = dataclasses.replace(cutout, mask=soft)
  rules = Rules(1, 1, blend_offset=0, rotation="none")
  composed = composition.compose(
    np.random.default_rng(0), ground(), drawing(half), rules
  )
  mask = rle.decode(composed.objects[0].mask)
  assert (composed.mask[mask] == 128).all()
  assert (composed.canvas[mask] == COLORS[0]).all()


def test_shadows_stay_darker_than_the_ground_and_are_not_labelled():
  cutout = disc(8, 30)
  shadow = np.zeros(cutout.size, bool)
  shadow[34:42, 46:66] = True
  shadow &= ~cutout.annotations[0].mask
  cutout.image[shadow] = 5
  outline = np.maximum(cutout.mask, shadow)
  with_shadow = dataclasses.replace(cutout, mask=outline)
  background = ground() + np.uint8(80)
  composed = composition.compose(
    np.random.default_rng(0),
    background,
    drawing(with_shadow),
    Rules(1, 1, rotation="none"),
  )
  place = composed.placements[0]
  assert rle.area(composed.objects[0].mask) == cutout.annotations[0].mask.sum()
  dark = (composed.canvas < 150).all(axis=-1)
  assert dark.sum() == pytest.approx(shadow.sum(), rel=0.05)
  assert (composed.mask[dark] == 255).all()
  assert place["objects"] == [0]


def test_what_cannot_be_composed_is_named():
  rng = np.random.default_rng(0)
  with pytest.raises(ValueError, match=r"background is float64 \(9, 9, 3\)"):
    composition.compose(rng, np.zeros((9, 9, 3)), drawing(disc()), Rules())
  with pytest.raises(ValueError, match="max_distractors is 1, and there is no"):
    composition.compose(
      rng, ground(), drawing(disc()), Rules(max_distractors=1)
    )
  empty = dataclasses.replace(disc(), name="a.png", mask=np.zeros((72, 72)))
  inverted = Cutout("b.png", ground(), (Annotation(0, (9, 9, 3, 12)),))
  for cutout in (empty, inverted):
    for rules in (Rules(), Rules(use_real=["size"])):
      with pytest.raises(ValueError, match=f"{cutout.name}: "):
        composition.compose(rng, ground(), drawing(cutout), rules, real=Fixed())


def test_labels_of_boxes_are_found_again_by_their_pixels():
  """Independent of all masks: a white box on black, searched for."""
  image = np.zeros((40, 56, 3), np.uint8)
  image[12:30, 16:41] = 255
  cutout = Cutout("box", image, (Annotation(2, (16, 12, 41, 30)),))
  for seed in range(20):
    composed = composition.compose(
      np.random.default_rng(seed),
      ground(),
      drawing(cutout),
      Rules(1, 1, flip=True, scale=(0.5, 2), blend_offset=5),
    )
    rows, columns = np.nonzero((composed.canvas > 127).all(axis=-1))
    found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    assert np.abs(np.array(found) - composed.objects[0].box).max() <= 1


def random_cutout(rng, number):
  """Of any kind and size: a few pixels too, soft masks, specks."""
  height, width = (int(x) for x in rng.integers(1, 80, 2))
  image = rng.integers(0, 256, (height, width, 3), np.uint8)
  labels = []
  for _ in range(int(rng.integers(1, 4))):
    left, top = rng.uniform(0, width - 0.5), rng.uniform(0, height - 0.5)
    right = min(width, rng.uniform(left + 0.2, width + 1))
    bottom = min(height, rng.uniform(top + 0.2, height + 1))
    mask = np.zeros((height, width), bool)
    mask[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = 1
    mask &= rng.random(mask.shape) < rng.choice([0.1, 1])
    known = mask.any() and rng.random() < 0.5
    box = (left, top, right, bottom)
    labels.append(
      Annotation(int(rng.integers(3)), box, mask if known else None)
    )
  outline = None
  kind = rng.integers(4)
  if kind:
    outline = np.zeros((height, width), np.float32)
    middle = np.s_[height // 4 : height - height // 4]
    outline[middle] = [1, rng.uniform(0.05, 1), 1][kind - 1]
  if kind == 3:
    image[outline == 0] = 0
  return Cutout(str(number), image, tuple(labels), outline)


def random_rules(rng):
  """Any rules at all."""
  low = float(rng.uniform(0.1, 1.2))
  return Rules(
    min_objects=int(rng.integers(0, 3)),
    max_objects=int(rng.integers(3, 8)),
    max_distractors=int(rng.integers(0, 3)),
    scale=(low, low * 1.5),
    rotation=str(rng.choice(["auto", "none", "right_angles", "any"])),
    flip=bool(rng.integers(2)),
    offset_ctr=int(rng.choice([0, 20, 300])),
    blend_offset=int(rng.choice([0, 1, 20, 200])),
    spacing=int(rng.choice([0, 1, 2, 5])),
    max_overlap=float(rng.choice([0, 0, 0.3, 1])),
    max_truncation=float(rng.choice([0, 0, 0.4, 1])),
    min_visible=float(rng.choice([0, 0.25, 1])),
    color_match=str(rng.choice(["none", "mean", "mean_std", "histogram"])),
    attempts=20,
    region=str(rng.choice(["auto", "mask", "box"])),
    keep_colors=bool(rng.integers(2)),
  )


def test_any_rules_and_cutouts_make_sound_pictures():
  """And the placements alone say where everything was blended."""
  num_pairs = num_cut = 0
  for seed in range(120):
    rng = np.random.default_rng(seed)
    cutouts = [random_cutout(rng, i) for i in range(4)]
    rules = random_rules(rng)
    background = ground(*(int(x) for x in rng.integers(2, 140, 2)))
    composed = composition.compose(
      rng,
      background,
      drawing(*cutouts),
      rules,
      draw_distractor=drawing(*cutouts),
    )
    assert_sound(composed, rules)
    height, width = size = composed.mask.shape
    expected = np.zeros(size, np.uint8)
    regions = []
    for place in composed.placements:
      pose = Pose(place["scale"], place["angle"], place["flip"])
      patch = patches.make(cutouts[int(place["cutout"])], pose, rules)
      left, top, right, bottom = patch.core
      row = place["y"] - (top + bottom) / 2
      column = place["x"] - (left + right) / 2
      wide = np.zeros((3 * height + 500, 3 * width + 500), np.uint8)
      start = int(row) + height + 200, int(column) + width + 200
      wide[
        start[0] : start[0] + patch.region.shape[0],
        start[1] : start[1] + patch.region.shape[1],
      ] = patch.region
      inside = np.s_[
        height + 200 : 2 * height + 200, width + 200 : 2 * width + 200
      ]
      num_cut += np.count_nonzero(wide) > np.count_nonzero(wide[inside])
      if not rules.max_truncation:
        assert np.count_nonzero(wide) == np.count_nonzero(wide[inside])
      regions.append(wide[inside])
      expected = np.maximum(expected, regions[-1])
    np.testing.assert_array_equal(composed.mask, expected)
    if not rules.max_overlap:
      for i, first in enumerate(regions):
        for second in regions[i + 1 :]:
          num_pairs += 1
          assert not ((first > 0) & (second > 0)).any()
  assert num_pairs > 100
  assert num_cut > 10
