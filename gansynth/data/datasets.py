"""Data sets: from stored pictures to what a train step is fed.

Every data set offers `len()`, the items of an epoch; `sample(index, rng)`, the
training item with its random partner, crop and flip, a function of the index
and the generator's state alone; `dataset[index]`, the evaluation item, the
same every time, with its `name`; and `paired`, whether `image_b` of an
evaluation item is the truth for its `image_a`.

Pictures are uint8 (height, width, channels) except where a class says float.
"""

import numpy as np

from gansynth import images
from gansynth.data import color
from gansynth.data.preprocess import Preprocess
from gansynth.data.sources import Source

DIRECTIONS = ("AtoB", "BtoA")


def _check(direction: str, **channels: int) -> None:
  if direction not in DIRECTIONS:
    raise ValueError(
      f"direction is {direction!r}; expected one of {', '.join(DIRECTIONS)}."
    )
  for name, value in channels.items():
    if value not in (1, 3):
      raise ValueError(
        f"{name} is {value}; pictures have 1 (gray) or 3 (RGB) channels."
      )


def _with_channels(image: np.ndarray, channels: int) -> np.ndarray:
  """Makes a stored picture gray if the network wants one channel."""
  return images.to_gray(image) if channels == 1 else image


def _origin(item: dict) -> str:
  """What to call an item in an error."""
  return item.get("path", item["name"])


class _TwoSided:
  """What the data sets of A and B share.

  `direction` "BtoA" exchanges the two entries, so that `image_a` is always
  what the first network reads, and has `input_channels`.
  """

  def __init__(
    self,
    preprocess: Preprocess,
    direction: str,
    input_channels: int,
    output_channels: int,
  ):
    _check(
      direction, input_channels=input_channels, output_channels=output_channels
    )
    self.preprocess = preprocess
    self.direction = direction
    # Channels of the stored sides A and B: those of the network's input
    # belong to the side that it reads.
    self._channels = (input_channels, output_channels)
    if direction == "BtoA":
      self._channels = self._channels[::-1]

  def _oriented(self, item: dict) -> dict:
    """Exchanges the entries of A and B if the direction asks for it."""
    if self.direction == "AtoB":
      return item
    swap = {
      "image_a": "image_b",
      "image_b": "image_a",
      "name_a": "name_b",
      "name_b": "name_a",
    }
    return {swap.get(key, key): value for key, value in item.items()}


class UnalignedDataset(_TwoSided):
  """Two collections without pairs (CycleGAN).

  Item i: A[i mod size_A] with a random B, or B[i mod size_B] if serial. As
  many items as the larger side has; the two sides are transformed
  independently. In evaluation the partner is always B[i mod size_B].

  Entries: `image_a`, `image_b`; in evaluation also `name` (the name of what
  `image_a` shows), `name_a`, `name_b`.

  Args:
    source_a: gives the pictures of A.
    source_b: gives the pictures of B.
    preprocess: applied to each side by itself.
    serial: take B in order instead of at random.
    direction: "AtoB" or "BtoA".
    input_channels: 3, or 1 for gray, of what `image_a` shows.
    output_channels: the same of `image_b`.
  """

  paired = False

  def __init__(
    self,
    source_a: Source,
    source_b: Source,
    preprocess: Preprocess,
    *,
    serial: bool = False,
    direction: str = "AtoB",
    input_channels: int = 3,
    output_channels: int = 3,
  ):
    super().__init__(preprocess, direction, input_channels, output_channels)
    self.sources = (source_a, source_b)
    self.serial = serial

  def __len__(self) -> int:
    return max(len(source) for source in self.sources)

  @property
  def side_sizes(self) -> tuple[int, int]:
    """How many different pictures `image_a` and `image_b` have."""
    a, b = map(len, self.sources)
    return (a, b) if self.direction == "AtoB" else (b, a)

  def sample(self, index: int, rng: np.random.Generator) -> dict:
    """Draws the training item `index`."""
    a, b = self.sources
    # Drawn in any case, so that crops do not depend on `serial`.
    partner = int(rng.integers(len(b)))
    indices = (index % len(a), index % len(b) if self.serial else partner)
    result = {}
    for side, source, i, channels in zip(
      ("image_a", "image_b"), self.sources, indices, self._channels, strict=True
    ):
      item = source[i]
      picture = _with_channels(item["image"], channels)
      (result[side],) = self.preprocess.train([picture], rng, [_origin(item)])
    return self._oriented(result)

  def __getitem__(self, index: int) -> dict:
    result = {}
    for side, source, channels in zip(
      "ab", self.sources, self._channels, strict=True
    ):
      item = source[index % len(source)]
      picture = _with_channels(item["image"], channels)
      result[f"image_{side}"] = self.preprocess.evaluate(picture)
      result[f"name_{side}"] = item["name"]
    result = self._oriented(result)
    return {**result, "name": result["name_a"]}


class AlignedDataset(_TwoSided):
  """Pairs, cropped and flipped together (pix2pix).

  Entries: `image_a`, `image_b`; in evaluation also `name`.

  Args:
    source: gives `image_a`, `image_b` of one size.
    preprocess: applied to both sides with one draw.
    direction: "AtoB" or "BtoA".
    input_channels: 3, or 1 for gray, of what `image_a` shows.
    output_channels: the same of `image_b`.
  """

  paired = True

  def __init__(
    self,
    source: Source,
    preprocess: Preprocess,
    *,
    direction: str = "AtoB",
    input_channels: int = 3,
    output_channels: int = 3,
  ):
    super().__init__(preprocess, direction, input_channels, output_channels)
    self.source = source

  def __len__(self) -> int:
    return len(self.source)

  def _pair(self, index: int) -> tuple[dict, list[np.ndarray]]:
    item = self.source[index]
    pair = [
      _with_channels(item[side], channels)
      for side, channels in zip(
        ("image_a", "image_b"), self._channels, strict=True
      )
    ]
    a, b = (picture.shape[:2] for picture in pair)
    # An odd double picture leaves B one column wider than A.
    if a[0] != b[0] or abs(a[1] - b[1]) > 1:
      raise images.ImageError(
        f"{_origin(item)}: A is {a[1]} x {a[0]} and B {b[1]} x {b[0]} pixels; "
        "a pair must be of one size. Resize one of them."
      )
    if self.preprocess.mode in ("crop", "none"):
      # Nothing resizes the two to one width, as the other modes do.
      pair = [picture[:, : min(a[1], b[1])] for picture in pair]
    return item, pair

  def sample(self, index: int, rng: np.random.Generator) -> dict:
    """Draws the training item `index`."""
    item, pair = self._pair(index)
    a, b = self.preprocess.train(pair, rng, [_origin(item)])
    return self._oriented({"image_a": a, "image_b": b})

  def __getitem__(self, index: int) -> dict:
    item, pair = self._pair(index)
    a, b = (self.preprocess.evaluate(picture) for picture in pair)
    result = {"image_a": a, "image_b": b, "name": item["name"]}
    return self._oriented(result)


class SingleDataset:
  """One collection, one side (translation, and collections to compare).

  Entries: `image`; in evaluation also `name`.

  Args:
    source: gives the pictures.
    preprocess: how they are transformed.
    channels: 3, or 1 for gray.
  """

  paired = False

  def __init__(
    self, source: Source, preprocess: Preprocess, *, channels: int = 3
  ):
    _check("AtoB", input_channels=channels)
    self.source = source
    self.preprocess = preprocess
    self.channels = channels

  def __len__(self) -> int:
    return len(self.source)

  def sample(self, index: int, rng: np.random.Generator) -> dict:
    """Draws the training item `index`."""
    item = self.source[index]
    picture = _with_channels(item["image"], self.channels)
    (image,) = self.preprocess.train([picture], rng, [_origin(item)])
    return {"image": image}

  def __getitem__(self, index: int) -> dict:
    item = self.source[index]
    picture = _with_channels(item["image"], self.channels)
    return {
      "image": self.preprocess.evaluate(picture),
      "name": item["name"],
    }


class ColorizationDataset:
  """Lightness to colour, from photographs (pix2pix's colorization).

  Entries, float32: `image_a` (H, W, 1) = L* / 50 - 1, `image_b` (H, W, 2) =
  (a*, b*) / 110; in evaluation also `name`. The 8-bit picture is transformed
  first. `gansynth.data.color.from_lightness_and_color` is the way back.

  Args:
    source: gives the photographs.
    preprocess: how they are transformed.
  """

  paired = True

  def __init__(self, source: Source, preprocess: Preprocess):
    self._pictures = SingleDataset(source, preprocess)

  def __len__(self) -> int:
    return len(self._pictures)

  def sample(self, index: int, rng: np.random.Generator) -> dict:
    """Draws the training item `index`."""
    return self._split(self._pictures.sample(index, rng))

  def __getitem__(self, index: int) -> dict:
    return self._split(self._pictures[index])

  @staticmethod
  def visible(image_a: np.ndarray, image_b: np.ndarray) -> np.ndarray:
    """The photograph of both sides, where one side alone is no picture."""
    return color.from_lightness_and_color(image_a, image_b)

  def _split(self, item: dict) -> dict:
    image = item.pop("image")
    item["image_a"], item["image_b"] = color.to_lightness_and_color(image)
    return item
