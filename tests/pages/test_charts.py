import xml.etree.ElementTree as ElementTree

import pytest

from gansynth.pages import charts

_SVG = "{http://www.w3.org/2000/svg}"


def rectangles(drawing):
  """{tooltip: rectangle} of a plot."""
  root = ElementTree.fromstring(drawing)
  return {
    each.findtext(f"{_SVG}title"): each
    for each in root.iter(f"{_SVG}rect")
    if each.find(f"{_SVG}title") is not None
  }


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
def test_a_threshold_stays_inside_the_plot(tau):
  drawing = charts.histogram(
    "IoU", "x", [0.0, 0.5, 1.0], "ab", [], [1, 3], None, "pair", (tau, "kept")
  )
  root = ElementTree.fromstring(drawing).find(f"{_SVG}svg")
  width = float(root.get("viewBox").split()[2])
  (words,) = (t for t in root.iter(f"{_SVG}text") if t.text == "kept")
  assert 40 < float(words.get("x")) < width
  # Words are on the side that has more room.
  assert (words.get("text-anchor") == "end") == (tau > 0.5)


def test_bars_past_the_most_are_added_up():
  rows = [(f"class {i}", (10, i)) for i in range(20)]
  kinds = [("synthetic", "made", 200), ("real", "true", 190)]
  bars = rectangles(
    charts.bars("t", "l", kinds, rows, lambda n, share: f"{n} {share:.2f}")
  )
  assert len(bars) == 32
  assert "made, 5 others: 50 0.25" in bars
  assert "true, 5 others: 85 0.45" in bars


def test_bars_may_be_parts_of_a_known_whole():
  rows = [("road", [0.5]), ("rider", [0.25]), ("train", [0.0])]
  kinds = [("synthetic", "IoU", 1)]
  widths = {}
  for full in (None, 1.0):
    figure = charts.bars(
      "t", "l", kinds, rows, lambda _, share: f"{share:.2f}", full=full
    )
    widths[full] = [
      float(bar.get("width")) for bar in rectangles(figure).values()
    ]
  assert widths[1.0] == pytest.approx([76, 38, 0], abs=0.01)
  assert widths[None] == pytest.approx([152, 76, 0], abs=0.01)


def cells(figure):
  """(x, y, opacity) by tooltip."""
  return {
    note: tuple(float(each.get(key)) for key in ("x", "y", "fill-opacity"))
    for note, each in rectangles(figure).items()
  }


def test_a_matrix_is_read_along_its_rows():
  counts = [[80, 20, 0], [0, 0, 0], [1, 1, 2]]
  figure = charts.matrix("t", "l", ["road", "<car>", "sky"], counts)
  found = cells(figure)
  assert {note: round(each[2], 2) for note, each in found.items()} == {
    "road told: 80 %": 0.8,
    "road taken for <car>: 20 %": 0.2,
    "sky taken for road: 25 %": 0.25,
    "sky taken for <car>: 25 %": 0.25,
    "sky told: 50 %": 0.5,
  }
  road, car = found["road told: 80 %"], found["road taken for <car>: 20 %"]
  sky = found["sky taken for road: 25 %"]
  assert road[1] == car[1] < sky[1]
  assert road[0] == sky[0] < car[0]
  assert "nan" not in figure


@pytest.mark.parametrize("number", [1, 19, 41])
def test_a_matrix_stays_inside(number):
  counts = [[1] * number for _ in range(number)]
  names = [f"a class with a long name {i}" for i in range(number)]
  figure = charts.matrix("t", "l", names, counts)
  root = ElementTree.fromstring(figure).find(f"{_SVG}svg")
  _, _, width, height = map(float, root.get("viewBox").split())
  for x, y, _ in cells(figure).values():
    assert 0 <= x < width
    assert 0 <= y < height
  size = float(root.findall(f"{_SVG}text")[0].get("style")[10:-2])
  # Names below one another do not touch, and the longest has room: a letter
  # is about 0.6 of its size wide.
  assert number * size < width
  assert 15 * 0.6 * size < 88
