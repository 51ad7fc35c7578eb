"""Data sets of GP-GAN: pasted pictures with their truth, and plain pictures.

They offer what all data sets do, see `gansynth.data.datasets`. Entries are
float32 (side, side, 3) in [-1, 1], and evaluation is cropped too, because the
networks take one size.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from gansynth import images
from gansynth.data import resampling
from gansynth.data.recoloring import recolor
from gansynth.data.sources import Source

_PAIRS, _EVALUATION = 0, 1  # what a generator is for, beside seed and index
_SHAPE_TOLERANCE = 0.02  # of the ratio of sides, between pictures of a view


@dataclasses.dataclass(frozen=True)
class Crop:
  """A square cut from a picture that was resized to a short side.

  Attributes:
    load_size: the short side after resizing.
    crop_size: side of the square.
  """

  load_size: int
  crop_size: int

  def __post_init__(self):
    """Refuses a crop larger than what it is cut from."""
    if not 1 <= self.crop_size <= self.load_size:
      raise ValueError(
        f"load_size {self.load_size} is the short side that a crop of "
        f"{self.crop_size} is cut from: crop_size must be at least 1 and at "
        "most load_size."
      )

  def room(self, size: tuple[int, int]) -> tuple[int, int]:
    """The largest origin (row, column) in a resized picture of `size`."""
    return size[0] - self.crop_size, size[1] - self.crop_size

  def cut(
    self, picture: np.ndarray, size: tuple[int, int], origin: Sequence[int]
  ) -> np.ndarray:
    """Resizes to `size`, cuts at `origin`, converts to float32 [-1, 1]."""
    row, column = origin
    part = resampling.resize(picture, size)[
      row : row + self.crop_size, column : column + self.crop_size
    ]
    return (part / 255 * 2 - 1).astype(np.float32)


def draw_origin(
  room: tuple[int, int], rng: np.random.Generator
) -> tuple[int, int]:
  """Draws (row, column), each uniform on 0..room, both ends included."""
  row, column = (int(rng.integers(end, endpoint=True)) for end in room)
  return row, column


def paste_centre(
  picture: np.ndarray, background: np.ndarray, ratio: float
) -> np.ndarray:
  """Puts the centre square of one picture onto another.

  Args:
    picture: (side, side, channels).
    background: the same.
    ratio: side of the square over the side of the picture, rounded down to
      whole pixels; the square begins at side // 2 minus half of its own.

  Returns:
    A new array like `background`.
  """
  side = len(background)
  square = int(side * ratio)
  first = side // 2 - square // 2
  inside = slice(first, first + square)
  pasted = background.copy()
  pasted[inside, inside] = picture[inside, inside]
  return pasted


class ViewPairsDataset:
  """Pairs of views of one place: the centre of one pasted onto the other.

  Pair i, a folder and two different pictures of it, is a function of the seed
  and i; every visit cuts anew. Entries: `image_a` (the pasted picture),
  `image_b` (the background, which is the truth); in evaluation also `name`.

  Args:
    source: pictures of views, with `counts`; see `view_sources`.
    counts: pictures of each folder, in the order of the source.
    crop: how pictures are cut.
    ratio: of the pasted square's side to the picture's, in (0, 1].
    length: number of pairs.
    seed: of the pairs, and of the cuts of evaluation.

  Reference: Wu et al. 2019, section 4.
  """

  paired = True

  def __init__(
    self,
    source: Source,
    counts: Sequence[int],
    crop: Crop,
    *,
    ratio: float,
    length: int,
    seed: int,
  ):
    if not 0 < ratio <= 1:
      raise ValueError(
        f"ratio is {ratio}; the pasted square's side must be above 0 and at "
        "most 1 of the picture's."
      )
    if length < 1:
      raise ValueError(f"the number of pairs is {length}; use at least 1.")
    self.source = source
    self.counts = np.asarray(counts)
    self._first = np.cumsum(self.counts) - self.counts
    self.crop = crop
    self.ratio = ratio
    self.length = length
    self.seed = seed

  def __len__(self) -> int:
    return self.length

  def pair(self, index: int) -> tuple[int, int]:
    """The source's pictures of pair `index`: what is pasted, and onto what."""
    rng = np.random.default_rng((self.seed, index, _PAIRS))
    folder = int(rng.integers(len(self.counts)))
    count = int(self.counts[folder])
    pasted = int(rng.integers(count))
    background = int(rng.integers(count - 1))
    background += background >= pasted  # any of the others
    first = int(self._first[folder])
    return first + pasted, first + background

  def sample(self, index: int, rng: np.random.Generator) -> dict:
    """Draws the training item `index`."""
    pasted, background = self._cut(index, rng)
    return self._example(pasted, background)

  def __getitem__(self, index: int) -> dict:
    rng = np.random.default_rng((self.seed, index, _EVALUATION))
    pasted, background = self._cut(index, rng)
    names = [self.source[i]["name"] for i in self.pair(index)]
    stem = "__".join(name.rpartition(".")[0] or name for name in names)
    return {
      **self._example(pasted, background),
      "name": f"{index:06d}_{stem.replace('/', '_')}.png",
    }

  def _cut(self, index, rng):
    items = [self.source[i] for i in self.pair(index)]
    (height, width), (other_height, other_width) = (
      item["image"].shape[:2] for item in items
    )
    ratio = width / height * other_height / other_width
    if abs(ratio - 1) > _SHAPE_TOLERANCE:
      one, other = (item.get("path", item["name"]) for item in items)
      raise images.ImageError(
        f"{one} is {height} x {width} pixels (height x width) and {other} "
        f"{other_height} x {other_width}: pictures of one folder must show the "
        "same view, so their shapes must be equal. Cut one of them, or move "
        "it to another folder."
      )
    size = resampling.scaled_size((height, width), self.crop.load_size)
    origin = draw_origin(self.crop.room(size), rng)
    return [self.crop.cut(item["image"], size, origin) for item in items]

  def _example(self, pasted, background):
    return {
      "image_a": paste_centre(pasted, background, self.ratio),
      "image_b": background,
    }


class RecoloredObjectsDataset:
  """Objects of pictures recoloured in place: training on pictures of one's own.

  What a mask marks gets other colours, as if it had been pasted from another
  picture; the truth is the picture as it was. Every visit draws new colours
  and a cut that holds some of the object. Entries: `image_a`, `image_b`; in
  evaluation also `name`.

  Args:
    source: gives `image_a` (the picture) and `image_b` (its mask, white or 1
      where the object is), of one size.
    crop: how both are cut.
    strength: of the recolouring, see `recolor`.
    seed: of the draws of evaluation.

  Reference: the recipe for own data of the author of GP-GAN.
  """

  paired = True

  def __init__(
    self, source: Source, crop: Crop, *, strength: float = 1.0, seed: int = 0
  ):
    self.source = source
    self.crop = crop
    self.strength = strength
    self.seed = seed

  def __len__(self) -> int:
    return len(self.source)

  def sample(self, index: int, rng: np.random.Generator) -> dict:
    """Draws the training item `index`."""
    item = self.source[index]
    picture, mask = item["image_a"], item["image_b"].max(-1, keepdims=True)
    where = item.get("path", item["name"])
    if picture.shape[:2] != mask.shape[:2]:
      raise images.ImageError(
        f"{where} is {picture.shape[0]} x {picture.shape[1]} pixels (height x "
        f"width) and its mask {mask.shape[0]} x {mask.shape[1]}; a mask must "
        "have its picture's size. Resize it."
      )
    if mask.max() == 1:  # 0 and 1 instead of 0 and 255
      mask = mask * np.uint8(255)
    size = resampling.scaled_size(picture.shape[:2], self.crop.load_size)
    marked = np.argwhere(resampling.resize(mask, size)[..., 0] >= 127.5)
    if not len(marked):
      raise images.ImageError(
        f"{where}: its mask marks no object that is left at "
        f"{size[0]} x {size[1]} pixels; expected white on black. Correct the "
        "mask, raise load_size, or remove both."
      )
    point = marked[rng.integers(len(marked))]
    origin = [
      int(rng.integers(max(0, at - self.crop.crop_size + 1), min(at, end) + 1))
      for at, end in zip(point, self.crop.room(size), strict=True)
    ]
    truth = self.crop.cut(picture, size, origin)
    share = (self.crop.cut(mask, size, origin) + 1) / 2
    other = recolor((truth + 1) / 2, rng, self.strength) * 2 - 1
    return {
      "image_a": (truth + (other - truth) * share).astype(np.float32),
      "image_b": truth,
    }

  def __getitem__(self, index: int) -> dict:
    rng = np.random.default_rng((self.seed, index, _EVALUATION))
    return {**self.sample(index, rng), "name": self.source[index]["name"]}


class CroppedPicturesDataset:
  """One collection, resized to a short side and cut (the Wasserstein GAN).

  Entries: `image`; in evaluation also `name`.

  Args:
    source: gives the pictures.
    crop: how they are cut.
    seed: of the cuts of evaluation.
  """

  paired = False

  def __init__(self, source: Source, crop: Crop, *, seed: int = 0):
    self.source = source
    self.crop = crop
    self.seed = seed

  def __len__(self) -> int:
    return len(self.source)

  def sample(self, index: int, rng: np.random.Generator) -> dict:
    """Draws the training item `index`."""
    picture = self.source[index]["image"]
    size = resampling.scaled_size(picture.shape[:2], self.crop.load_size)
    origin = draw_origin(self.crop.room(size), rng)
    return {"image": self.crop.cut(picture, size, origin)}

  def __getitem__(self, index: int) -> dict:
    rng = np.random.default_rng((self.seed, index, _EVALUATION))
    return {**self.sample(index, rng), "name": self.source[index]["name"]}
