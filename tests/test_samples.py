"""What sample sheets show."""

import numpy as np

from gansynth import samples
from gansynth.data.labels import palettes
from gansynth.models import semantics


def test_labels_are_shown_in_the_colours_of_the_data():
  labels = np.array([[0, 5, 6]], np.uint8)
  of_labels = semantics.Conditioning(num_labels=7)
  shown = samples.show_labels(labels, of_labels, palettes.load("geoseg"))
  assert shown.tolist() == [[[250, 62, 119], [33, 150, 243], [0, 0, 0]]]
  np.testing.assert_array_equal(
    samples.show_labels(labels, of_labels),
    palettes.label_colors(7)[labels],
  )
  picture = np.ones((2, 2, 3), np.uint8)
  of_pictures = semantics.Conditioning(num_labels=0)
  assert samples.show_labels(picture, of_pictures) is picture
