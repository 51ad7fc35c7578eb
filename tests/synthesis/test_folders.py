"""Names of results; the loop is tested by what uses it."""

import pytest

from gansynth.synthesis import folders


def test_names_that_would_meet_keep_their_endings():
  names = folders.output_names(["x/a.jpg", "x/a.png", "a.png"], "jpg")
  assert names == {
    "x/a.jpg": "x/a.jpg.jpg",
    "x/a.png": "x/a.png.jpg",
    "a.png": "a.jpg",
  }


@pytest.mark.parametrize(
  "names",
  [
    ["a.jpg", "a.png", "a.jpg.png", "a.jpg.bmp", "b.png"],
    ["a.jpg", "a.png", "a.jpg.bmp"],
    ["a.jpg", "a.png", "a.jpg.bmp", "a.jpg.bmp.bmp", "a.jpg.bmp.jpg"],
  ],
)
def test_names_never_meet_even_where_endings_pile_up(names):
  outputs = folders.output_names(names, "png")
  assert len(set(outputs.values())) == len(names), outputs
