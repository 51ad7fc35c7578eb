"""Which label maps are drawn more often, for the labels that they hold."""

from collections.abc import Collection, Iterable

import numpy as np

RARE = "rare"  # in place of labels: those of under `RARE_SHARE` of the pixels
RARE_SHARE = 0.05


def rare_labels(
  pixels: np.ndarray, share: float = RARE_SHARE
) -> tuple[int, ...]:
  """Returns the labels that are there and cover little.

  Args:
    pixels: integers (labels,): how many pixels each has in the whole data set.
    share: of all pixels, in [0, 1]; a label under it is rare.

  Raises:
    ValueError: the share is none.
  """
  if not 0 <= share <= 1:
    raise ValueError(
      f"a share of {share} of the pixels makes a label rare; expected 0 to 1"
    )
  pixels = np.asarray(pixels)
  rare = (pixels > 0) & (pixels < share * pixels.sum())
  return tuple(np.flatnonzero(rare).tolist())


def chosen_labels(
  oversample: str | Iterable[int], pixels: np.ndarray
) -> tuple[int, ...]:
  """Returns the labels that an option `oversample` means, ascending.

  Args:
    oversample: labels, or "rare" for `rare_labels`.
    pixels: see `rare_labels`.

  Raises:
    ValueError: it is another word, or a label is none of those counted.
  """
  if oversample == RARE:
    return rare_labels(pixels)
  if isinstance(oversample, str):
    raise ValueError(
      f"labels to draw more often are {oversample!r}; expected numbers, or "
      f"{RARE!r} for those with under {RARE_SHARE:.0%} of the pixels"
    )
  labels = sorted(set(oversample))
  _check_range(labels, len(pixels))
  return tuple(labels)


def weights(
  presence: np.ndarray, oversample: Collection[int], factor: float
) -> np.ndarray:
  """How often each label map is drawn, where an ordinary one is drawn once.

  Args:
    presence: bool (maps, labels): which map holds which label. Maps of
      several folders belong in one array: a label must be somewhere.
    oversample: labels of which a map must hold one to be favoured.
    factor: how much more often such a map is drawn, above 0.

  Returns:
    float64 (maps,): `factor` or 1. They are no probabilities: divide by the
    sum for those.

  Raises:
    ValueError: a label is out of range or on no map, or the factor is not a
      finite number above 0.
  """
  presence = np.asarray(presence, bool)
  if not (np.isfinite(factor) and factor > 0):
    raise ValueError(
      f"maps are to be drawn {factor} times as often; expected a number above 0"
    )
  labels = sorted(set(oversample))
  _check_range(labels, presence.shape[1])
  absent = [label for label in labels if not presence[:, label].any()]
  if absent:
    raise ValueError(
      f"maps with label {', '.join(map(str, absent))} are to be drawn more "
      f"often, and none of {len(presence)} holds it; leave it out, or add maps "
      "that have it"
    )
  favoured = presence[:, labels].any(axis=1)
  return np.where(favoured, float(factor), 1.0)


def _check_range(labels, count):
  for label in labels:
    if not 0 <= label < count:
      raise ValueError(
        f"label {label} is to be drawn more often; labels are 0 to {count - 1}"
      )
