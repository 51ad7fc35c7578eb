import xml.etree.ElementTree as ElementTree

import pytest

from gansynth.pages import svg


def test_element_escapes_attributes():
  markup = svg.element("a", "x", title='"<&', class_="b", hidden=True, id=None)
  root = ElementTree.fromstring(markup.replace(" hidden", ""))
  assert root.attrib == {"title": '"<&', "class": "b"}


@pytest.mark.parametrize(
  ("largest", "whole", "expected"),
  [
    (1, True, [0, 1]),
    (7, True, [0, 2, 4, 6, 8]),
    (43, True, [0, 20, 40, 60]),
    (1900, True, [0, 500, 1000, 1500, 2000]),
    (0.37, False, [0, 0.1, 0.2, 0.3, 0.4]),
    (1.0, False, [0, 0.5, 1]),
    (0.00012, False, [0, 0.00005, 0.0001, 0.00015]),
  ],
)
def test_round_values(largest, whole, expected):
  assert svg.round_values(largest, 4, whole) == pytest.approx(expected)


@pytest.mark.parametrize(
  ("share", "text"),
  [
    (0, "0 %"),
    (0.0003, "0.03 %"),
    (0.042, "4.2 %"),
    (0.0996, "10 %"),
    (0.564, "56 %"),
    (1, "100 %"),
  ],
)
def test_percent(share, text):
  assert svg.percent(share) == text
