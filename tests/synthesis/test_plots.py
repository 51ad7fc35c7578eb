import re
import xml.etree.ElementTree as ElementTree

import pytest

from gansynth.synthesis import plots
from gansynth.synthesis.labels.objects import LabelledImage, LabelledObject
from gansynth.synthesis.statistics import GRID, Statistics

_SPACE = "{http://www.w3.org/2000/svg}"
PLOTS = (
  plots.counts,
  plots.sizes,
  plots.aspects,
  plots.centers,
  plots.classes,
)


def labelled(boxes, class_ids=None):
  class_ids = class_ids or [0] * len(boxes)
  objects = tuple(map(LabelledObject, class_ids, boxes))
  return LabelledImage("a.jpg", 100, 100, objects)


def some(*numbers):
  """Pictures with so many objects, each of a tenth of the side."""
  return Statistics.of([labelled([(10, 10, 20, 20)] * n) for n in numbers])


def drawing(figure):
  root = ElementTree.fromstring(figure)
  assert root.tag == "figure"
  return root.find(f"{_SPACE}svg")


def rectangles(figure, kind):
  """{tooltip: (x, y, width, height)}."""
  found = {}
  for each in drawing(figure).iter(f"{_SPACE}rect"):
    if kind in each.get("class").split():
      title = each.findtext(f"{_SPACE}title")
      sides = ("x", "y", "width", "height")
      found[title] = tuple(float(each.get(side)) for side in sides)
  return found


def words(figure):
  return [
    "".join(each.itertext()) for each in drawing(figure).iter(f"{_SPACE}text")
  ]


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("real", [None, some(1, 5, 0), some(*range(90))])
@pytest.mark.parametrize(
  "synthetic", [some(2), some(1, 1, 3), some(*[250] * 20)]
)
def test_plots_are_well_formed_and_stay_inside(plot, synthetic, real):
  figure = plot(synthetic, real)
  svg_root = drawing(figure)
  _, _, width, height = map(float, svg_root.get("viewBox").split())
  assert svg_root.get("role") == "img"
  assert svg_root.get("aria-label")
  for each in svg_root.iter(f"{_SPACE}rect"):
    x, y, wide, high = (
      float(each.get(side)) for side in ("x", "y", "width", "height")
    )
    assert x >= 0
    assert y >= 0
    assert wide >= 0
    assert high >= 0
    assert x + wide <= width
    assert y + high <= height
  for each in svg_root.iter(f"{_SPACE}text"):
    assert 0 <= float(each.get("x")) <= width
    assert 0 <= float(each.get("y")) <= height
  assert "nan" not in figure
  assert "inf" not in figure
  path = svg_root.find(f"{_SPACE}path")
  if path is not None:
    ys = re.findall(r"V([-\d.]+)", path.get("d"))
    assert all(0 <= float(y) <= height for y in ys)
  assert len(figure) < 100_000


def test_counts_are_as_high_as_they_are():
  bars = rectangles(plots.counts(some(0, 1, 1, 3), None), "synthetic")
  heights = {title: sides[3] for title, sides in bars.items()}
  assert list(heights) == [
    "0 objects: 1 picture",
    "1 object: 2 pictures",
    "3 objects: 1 picture",
  ]
  one = heights["0 objects: 1 picture"]
  assert heights["3 objects: 1 picture"] == pytest.approx(one)
  assert heights["1 object: 2 pictures"] == pytest.approx(2 * one, abs=0.02)


def test_with_real_ones_shares_are_compared():
  figure = plots.counts(some(1, 1, 1, 2), some(1, 0))
  assert list(rectangles(figure, "synthetic")) == [
    "1 object: 3 pictures (75 %), real 1 (50 %)",
    "2 objects: 1 picture (25 %), real 0 (0 %)",
  ]
  path = drawing(figure).find(f"{_SPACE}path")
  zero, one, two = re.findall(r"V([\d.]+)H", path.get("d"))
  assert zero == one  # half of the pictures each
  assert float(two) > float(one)
  assert "share of the pictures" in figure
  assert "75 %" not in words(figure)
  assert "80 %" in words(figure)


def test_many_counts_share_bars():
  figure = plots.counts(some(*range(100)), None)
  bars = rectangles(figure, "synthetic")
  assert len(bars) <= 32
  assert "0 to 3 objects: 4 pictures" in bars


def test_sizes_and_shapes_are_named():
  wide = Statistics.of([labelled([(10, 10, 50, 20)])])  # 4:1, size 0.2
  (title,) = rectangles(plots.sizes(wide, None), "synthetic")
  low, high = map(float, re.findall(r"([\d.]+) %", title))
  assert low <= 20 <= high
  assert "20 %" in words(plots.sizes(wide, None))
  figure = plots.aspects(wide, None)
  (bar,) = rectangles(figure, "synthetic").values()
  texts = drawing(figure).iter(f"{_SPACE}text")
  ticks = {"".join(each.itertext()): float(each.get("x")) for each in texts}
  assert ticks["4:1"] == pytest.approx(bar[0] + bar[2] / 2, abs=0.1)
  assert ticks["1:1"] == pytest.approx((ticks["1:4"] + ticks["4:1"]) / 2)


def test_map_of_centers():
  corner = Statistics.of([labelled([(0, 0, 2, 2)] * 3 + [(98, 0, 100, 2)])])
  figure = plots.centers(corner, some(4))
  cells = [
    each
    for each in drawing(figure).iter(f"{_SPACE}rect")
    if each.get("class") == "heat" and len(each)
  ]
  shares = [each.findtext(f"{_SPACE}title") for each in cells]
  assert shares == [
    "synthetic: 75 % of the objects",
    "synthetic: 25 % of the objects",
    "real: 100 % of the objects",
  ]
  left, right = (float(each.get("x")) for each in cells[:2])
  cell = float(cells[0].get("width"))
  assert (right - left) / cell == pytest.approx(GRID / 2 - 1, abs=0.01)
  strengths = [float(each.get("fill-opacity")) for each in cells]
  assert strengths[1] < strengths[0] < strengths[2] == 1
  assert "100 %" in words(figure)


def test_classes_are_matched_by_name():
  boxes = [(0, 0, 9, 9)] * 4
  synthetic = Statistics.of([labelled(boxes, [0, 0, 0, 1])], ("car", "van"))
  real = Statistics.of([labelled(boxes, [0, 1, 1, 1])], ("<bus>", "car"))
  figure = plots.classes(synthetic, real)
  assert list(rectangles(figure, "synthetic"))[:2] == [
    "synthetic, car: 3 (75 %)",
    "synthetic, van: 1 (25 %)",
  ]
  assert next(iter(rectangles(figure, "real"))) == "real, car: 3 (75 %)"
  assert "real, <bus>: 1 (25 %)" in rectangles(figure, "real")
  unnamed = Statistics.of([labelled(boxes, [0, 0, 1, 1])])
  figure = plots.classes(synthetic, unnamed)
  assert "real, van: 2 (50 %)" in rectangles(figure, "real")


def test_many_classes_are_added_up():
  names = [f"a class with a long name {i}" for i in range(80)]
  many = Statistics.of([labelled([(0, 0, 9, 9)] * 80, list(range(80)))], names)
  bars = rectangles(plots.classes(many, None), "synthetic")
  assert len(bars) == 16
  assert list(bars)[-1] == "synthetic, 65 others: 65 (81 %)"
  assert f"synthetic, {names[3]}: 1 (1.2 %)" in bars
