import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from gansynth.pages import curves
from gansynth.pages.curves import Line

_SVG = "{http://www.w3.org/2000/svg}"


def parts(figure, tag, kind=None):
  return [
    each
    for each in ElementTree.fromstring(figure).iter(f"{_SVG}{tag}")
    if kind is None or kind in each.get("class", "").split()
  ]


def numbers(path):
  return [float(each) for each in re.findall(r"-?[\d.]+", path.get("d"))]


def words(figure):
  return ["".join(each.itertext()) for each in parts(figure, "text")]


def test_points_are_where_their_values_are():
  figure = curves.plot(
    "FID", "lower", [Line("", [0, 50, 100], [10, 20, 0])], [(0, 100)]
  )
  dots = [
    (float(e.get("cx")), float(e.get("cy")))
    for e in parts(figure, "circle", "dot")
  ]
  (left, start), (middle, top), (right, bottom) = dots
  assert middle - left == pytest.approx(right - middle, abs=0.02)
  assert start - top == pytest.approx(bottom - start, abs=0.02)
  assert top < bottom
  titles = [each[0].text for each in parts(figure, "circle", "dot")]
  assert titles == ["step 0: 10", "step 50: 20", "step 100: 0"]
  (ring,) = parts(figure, "circle", "marked")
  assert (float(ring.get("cx")), float(ring.get("cy"))) == (right, bottom)
  # Zero stands at the axis, and the axis has its number.
  (axis,) = parts(figure, "line", "axis")
  assert float(axis.get("y1")) == pytest.approx(bottom)
  assert {"0", "20", "100"} <= set(words(figure))


def test_gaps_divide_a_line():
  figure = curves.plot(
    "t", "l", [Line("", [1, 2, 3, 4, 5], [1, 2, math.nan, math.inf, 3])]
  )
  paths = parts(figure, "path", "line")
  assert [len(numbers(path)) // 2 for path in paths] == [2, 1]
  assert len(parts(figure, "circle")) == 3
  assert "nan" not in figure
  assert "inf" not in figure


def test_several_lines_are_named_and_differ():
  lines = [Line(name, [1, 2], [1, 2]) for name in ("<A>", "B", "C")]
  figure = curves.plot("t", "l", lines)
  kinds = [each.get("class") for each in parts(figure, "path", "line")]
  assert kinds == ["line first", "line second", "line third"]
  root = ElementTree.fromstring(figure)
  keys = [each.get("class") for each in root.iter("i")]
  assert keys == ["key first", "key second", "key third"]
  assert "<A>" in "".join(root.find("figcaption").itertext())
  assert parts(figure, "circle")[0][0].text == "<A>, step 1: 1"


def test_a_spread_is_a_band_around_the_line():
  figure = curves.plot("t", "l", [Line("", [1, 2], [5, 5], [1, 2])])
  (band,) = parts(figure, "path", "band")
  (line,) = parts(figure, "path", "line")
  ys = numbers(band)[1::2]
  middle = numbers(line)[1]
  above, below = middle - ys[0], ys[3] - middle
  assert above == pytest.approx(below, abs=0.2)
  assert middle - ys[1] == pytest.approx(2 * above, abs=0.3)


def test_many_points_are_averaged_and_what_they_span_is_a_band():
  values = [i % 2 for i in range(10_000)]
  figure = curves.plot("t", "l", [Line("", range(10_000), values)])
  assert len(figure) < 30_000
  assert not parts(figure, "circle")
  (line,) = parts(figure, "path", "line")
  ys = numbers(line)[1::2]
  assert max(ys) - min(ys) < 5  # of 184; the mean is a half
  (band,) = parts(figure, "path", "band")
  assert max(numbers(band)[1::2]) - min(numbers(band)[1::2]) > 150


@pytest.mark.parametrize(
  "values",
  [
    [5, 5],
    [0, 0],
    [-3, 4],
    [-3, -2.9],
    [1e-7, 2e-7],
    [1e6, 3e9],
    [41.2, 41.3],
    [0.3, math.nan],
  ],
)
def test_all_is_inside(values):
  figure = curves.plot(
    "t", "l", [Line("", [1000, 20_000], values)], [(0, 1000)]
  )
  for each in parts(figure, "circle"):
    assert 0 < float(each.get("cx")) < 360
    assert 0 < float(each.get("cy")) < 236
  for each in parts(figure, "line"):
    assert 0 <= float(each.get("x1")) <= float(each.get("x2")) <= 360
    assert 0 < float(each.get("y1")) < 236
  names = words(figure)
  assert len(set(names)) == len(names)  # ticks that can be told apart
  for each in parts(figure, "text"):
    if each.get("text-anchor") == "end":
      assert float(each.get("x")) > 5.5 * len(each.text) - 4


def test_a_single_step_is_in_the_middle():
  figure = curves.plot("t", "l", [Line("", [7], [3.0])])
  (dot,) = parts(figure, "circle")
  assert 150 < float(dot.get("cx")) < 250
  assert "7" in words(figure)


@pytest.mark.parametrize(
  ("step", "text"),
  [
    (0, "0"),
    (500, "500"),
    (1500, "1.5k"),
    (1234, "1,234"),
    (20_000, "20k"),
    (2_500_000, "2.5M"),
  ],
)
def test_short(step, text):
  assert curves.short(step) == text
