"""What a pixel shows, read back from its colour alone.

It needs no weights and no training to speak of, so it can follow a run on a
CPU: pictures whose road is road-coloured score higher than pictures whose road
is not. A segmenter sees shapes too, and is what published scores are of.
"""

import numpy as np

_BINS = 16  # of each of the three colours
_PRIOR = 0.1  # pixels in every bin before any was seen


class ColorClassifier:
  """The most likely label of a colour, after pictures with labels.

  p(label | colour) is proportional to the number of training pixels of that
  label in the colour's bin of a 16 x 16 x 16 histogram, which is smoothed by
  one step of (1/4, 1/2, 1/4) in each direction.
  """

  def __init__(self, num_labels: int):
    """Takes the number of labels, 0 .. num_labels - 1."""
    self.num_labels = num_labels
    self._counts = np.zeros((_BINS**3, num_labels))
    self._best = None

  def add(self, picture: np.ndarray, labels: np.ndarray) -> None:
    """Learns a picture.

    Args:
      picture: uint8 (height, width, 3).
      labels: integers (height, width); others than the known are left out.
    """
    known = (labels >= 0) & (labels < self.num_labels)
    index = _bin(picture)[known] * self.num_labels + labels[known]
    self._counts += np.bincount(
      index.ravel(), minlength=self._counts.size
    ).reshape(self._counts.shape)
    self._best = None

  def __call__(self, picture: np.ndarray) -> np.ndarray:
    """Returns labels int64 (height, width) of a uint8 picture."""
    if self._best is None:
      grid = self._counts.reshape(_BINS, _BINS, _BINS, -1)
      for axis in range(3):
        padded = np.pad(
          grid, [(int(axis == i),) * 2 for i in range(4)], mode="edge"
        )
        before, here, after = (
          np.take(padded, np.arange(_BINS) + shift, axis) for shift in range(3)
        )
        grid = 0.25 * before + 0.5 * here + 0.25 * after
      smooth = grid.reshape(self._counts.shape)
      # A colour that was never seen is given the commonest label.
      smooth = smooth + _PRIOR * self._counts.sum(0) / self._counts.sum()
      self._best = smooth.argmax(1)
    return self._best[_bin(picture)]


def _bin(picture):
  index = picture.astype(np.int64) * _BINS // 256
  return (index[..., 0] * _BINS + index[..., 1]) * _BINS + index[..., 2]
