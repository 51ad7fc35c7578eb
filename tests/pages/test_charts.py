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
