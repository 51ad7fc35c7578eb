"""Features of instances, label by label, to draw an instance's look from.

pix2pixHD's encoder sees the true picture. Where there is none, features are
drawn from those that it found for other instances of the same label, which
are first reduced to a few centres.

Reference: Wang et al., "High-Resolution Image Synthesis and Semantic
Manipulation with Conditional GANs", CVPR 2018, section 3.4.
"""

import dataclasses
import io
import os
import pathlib
from collections.abc import Iterable, Mapping

import numpy as np

from gansynth import files
from gansynth.convert import clustered_features, npz_reader

# Smaller instances say little: parts of a picture, by the original's rule.
_SHARE = 32
_SMALLEST = 0.5  # times the above


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureTable:
  """Features that instances of a label may have.

  Attributes:
    centres: float32 (n, channels) by label, n at least 1; at least one label.
  """

  centres: Mapping[int, np.ndarray]

  @property
  def num_features(self) -> int:
    """Channels."""
    return next(iter(self.centres.values())).shape[1]

  def draw(
    self,
    labels: np.ndarray,
    instances: np.ndarray,
    rng: np.random.Generator,
  ) -> np.ndarray:
    """Draws one of its label's centres for each instance.

    An instance's label is the one that most of its pixels have. Instances of
    labels that the table lacks get 0, the middle of the encoder's range.

    Args:
      labels: integers (height, width).
      instances: integers (height, width).
      rng: one number is drawn for each instance, in the order of their ids.

    Returns:
      float32 (height, width, channels).
    """
    places, _, owners = _instances(labels, instances)
    chosen = np.zeros((len(owners), self.num_features), np.float32)
    draws = rng.random(len(owners))
    for i, (label, draw) in enumerate(zip(owners.tolist(), draws, strict=True)):
      if label in self.centres:
        centres = self.centres[label]
        chosen[i] = centres[int(draw * len(centres))]
    return chosen[places]

  def save(self, path: str | os.PathLike[str]) -> None:
    """Writes it as `.npz`, for `load`."""
    buffer = io.BytesIO()
    counts = [len(centres) for centres in self.centres.values()]
    np.savez(
      buffer,
      labels=np.repeat(np.array(list(self.centres), np.int32), counts),
      features=np.concatenate(list(self.centres.values())),
    )
    files.write_whole(path, buffer.getvalue())


def load(path: str | os.PathLike[str]) -> FeatureTable:
  """Reads what `FeatureTable.save` wrote, or pix2pixHD's clustered features.

  Args:
    path: `.npz`, or `features_clustered_010.npy` of the original, which is
      read without running anything in it.

  Raises:
    convert.CheckpointError: it is neither, or damaged.
  """
  if pathlib.Path(path).suffix.lower() == ".npy":
    return FeatureTable(clustered_features.read(path))
  with npz_reader.NpzFile(path) as stored:
    try:
      labels, features = stored["labels"], stored["features"]
    except KeyError as error:
      raise ValueError(
        f"{path} holds no {error}; expected a file of features that "
        "`FeatureTable.save` wrote"
      ) from None
  if labels.ndim != 1 or features.ndim != 2 or len(labels) != len(features):
    raise ValueError(
      f"{path} holds labels {labels.shape} and features {features.shape}; "
      "expected (n,) and (n, channels)"
    )
  return FeatureTable(
    {
      int(label): features[labels == label].astype(np.float32)
      for label in np.unique(labels)
    }
  )


def collect(
  features: np.ndarray, labels: np.ndarray, instances: np.ndarray
) -> dict[int, np.ndarray]:
  """Takes the features of a picture's instances that are not too small.

  Args:
    features: (height, width, channels), equal all over an instance.
    labels: integers (height, width).
    instances: integers (height, width); those of less than a 64th of the
      picture are passed over.

  Returns:
    float32 (n, channels) by label.
  """
  places, sizes, owners = _instances(labels, instances)
  _, first = np.unique(places, return_index=True)
  vectors = features.reshape(-1, features.shape[-1])[first]
  large = sizes / max(1, labels.size // _SHARE) > _SMALLEST
  return {
    int(label): vectors[large & (owners == label)].astype(np.float32)
    for label in np.unique(owners[large])
  }


def cluster(
  collected: Iterable[Mapping[int, np.ndarray]],
  number: int = 10,
  seed: int = 0,
) -> FeatureTable:
  """Reduces features to at most `number` centres for each label.

  Args:
    collected: results of `collect`.
    number: centres; labels with fewer features keep them all.
    seed: of the search.

  Raises:
    ValueError: there is not a single feature.
  """
  by_label = {}
  for found in collected:
    for label, vectors in found.items():
      by_label.setdefault(label, []).append(vectors)
  if not by_label:
    raise ValueError(
      "no instance is large enough to have features: each has less than a "
      "64th of its picture"
    )
  centres = {}
  for label, vectors in sorted(by_label.items()):
    sequence = np.random.SeedSequence([seed, label])
    rng = np.random.Generator(np.random.Philox(sequence))
    centres[label] = k_means(np.concatenate(vectors), number, rng)
  return FeatureTable(centres)


def k_means(
  points: np.ndarray,
  number: int,
  rng: np.random.Generator,
  *,
  restarts: int = 10,
  max_steps: int = 300,
) -> np.ndarray:
  """Finds centres that points are near to, by Lloyd's algorithm.

  Args:
    points: (n, channels).
    number: of centres; all points are returned if there are no more.
    rng: for the first centres, which are drawn far from one another.
    restarts: the best of so many searches counts.
    max_steps: of one search, which ends where centres no longer move.

  Returns:
    float32 (number, channels).

  Reference: Arthur and Vassilvitskii, "k-means++: the advantages of careful
  seeding", SODA 2007.
  """
  if len(points) <= number:
    return points.astype(np.float32)
  points = points.astype(np.float64)
  best, smallest = None, np.inf
  for _ in range(restarts):
    centres = _spread(points, number, rng)
    for _ in range(max_steps):
      nearest = _distances(points, centres).argmin(1)
      counts = np.bincount(nearest, minlength=number)
      sums = np.zeros_like(centres)
      np.add.at(sums, nearest, points)
      moved = np.where(
        counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centres
      )
      if np.array_equal(moved, centres):
        break
      centres = moved
    spread = _distances(points, centres).min(1).sum()
    if spread < smallest:
      best, smallest = centres, spread
  return best.astype(np.float32)


def _spread(points, number, rng):
  """Draws points, each likelier the farther it is from those before."""
  chosen = [int(rng.integers(len(points)))]
  for _ in range(number - 1):
    distances = _distances(points, points[chosen]).min(1)
    total = distances.sum()
    # Where all points are already met, any will do.
    weights = distances / total if total > 0 else None
    chosen.append(int(rng.choice(len(points), p=weights)))
  return points[chosen].copy()


def _distances(points, centres):
  """Squared distances (points, centres)."""
  return np.square(points[:, None] - centres).sum(-1)


def _instances(labels, instances):
  """Numbers the instances of a picture in the order of their ids.

  Returns:
    The number of each pixel's (height, width), and by number the pixels and
    the most frequent label.
  """
  _, places = np.unique(instances, return_inverse=True)
  places = places.reshape(instances.shape)
  num_labels = int(labels.max()) + 1
  pairs = places.astype(np.int64) * num_labels + labels
  table = np.bincount(
    pairs.ravel(), minlength=(int(places.max()) + 1) * num_labels
  ).reshape(-1, num_labels)
  return places, table.sum(1), table.argmax(1)
