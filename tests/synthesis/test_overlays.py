import numpy as np
import pytest

from gansynth.pages.style import COLORS
from gansynth.synthesis import overlays
from gansynth.synthesis.labels import rle
from gansynth.synthesis.labels.objects import LabelledImage, LabelledObject


def square(class_id, left, top, side, shape=(40, 60)):
  mask = np.zeros(shape, bool)
  mask[top : top + side, left : left + side] = True
  box = (left, top, left + side, top + side)
  return LabelledObject(class_id, box, rle.encode(mask))


def labelled(*objects, height=40, width=60):
  return LabelledImage("a.png", height, width, objects)


def test_colors_are_far_apart():
  colors = np.array(COLORS, int)
  apart = np.abs(colors[:, None] - colors[None]).sum(-1)
  assert (apart + 999 * np.eye(len(colors)) > 80).all()
  assert overlays.color(len(COLORS) + 1) == overlays.color(1)


def test_mask_layer_fills_and_outlines():
  layer = overlays.mask_layer(labelled(square(1, 10, 5, 8)), 40, 60)
  assert (layer[5:13, 10:18] == (*overlays.color(1), 128)).all()
  assert (layer[4, 10:18] == (*overlays.color(1), 255)).all()
  assert layer[..., 3].astype(bool).sum() == 64 + 4 * 8


def test_later_masks_are_above_and_boxes_alone_leave_nothing():
  layer = overlays.mask_layer(
    labelled(square(0, 10, 5, 8), square(1, 12, 5, 8)), 40, 60
  )
  assert tuple(layer[8, 14]) == (*overlays.color(1), 128)
  boxes = labelled(LabelledObject(0, (1, 2, 9, 9)))
  assert not overlays.mask_layer(boxes, 40, 60).any()


def test_thin_masks_survive_shrinking():
  mask = np.zeros((400, 600), bool)
  mask[:, 300:303] = True
  blade = LabelledObject(0, (300, 0, 303, 400), rle.encode(mask))
  layer = overlays.mask_layer(labelled(blade, height=400, width=600), 100, 150)
  assert (layer[:, 75, 3] == 128).all()


@pytest.mark.parametrize(("masks", "boxes"), [(True, False), (False, True)])
def test_draw(masks, boxes):
  image = np.full((40, 60, 3), 100, np.uint8)
  drawn = overlays.draw(image, labelled(square(0, 10, 5, 8)), boxes, masks)
  assert (image == 100).all()
  color = np.array(overlays.color(0))
  inside = drawn[6:12, 11:17]
  expected = np.round((color * 128 + 100 * 127) / 255) if masks else 100
  np.testing.assert_array_equal(inside, np.broadcast_to(expected, inside.shape))
  # Outline and box are both just outside; only the box has corners.
  assert (drawn[4, 10:18] == color).all()
  assert (drawn[4, 9] == color).all() == boxes
  assert (drawn[3] == 100).all()
  assert (drawn[:, 8] == 100).all()


def test_boxes_at_the_border_are_seen():
  image = np.zeros((40, 60, 3), np.uint8)
  whole = LabelledObject(0, (0, 0, 60, 40))
  corner = LabelledObject(1, (59.5, 39.5, 60, 40))
  drawn = overlays.draw(image, labelled(whole, corner))
  color = overlays.color(0)
  for line in (drawn[0], drawn[:, 0], drawn[-1, :58], drawn[:38, -1]):
    assert (line == color).all()
  assert tuple(drawn[-1, -1]) == overlays.color(1)
