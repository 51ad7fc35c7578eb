"""Resizing, cropping and flipping a picture with its label and instance maps.

Two layers, as in `gansynth.data.preprocess`. `params`, `transform` and
`label_transform` are the arithmetic of SPADE and pix2pixHD, number for number.
`LabelPreprocess` is what our data sets use: the same geometry with draws from
a NumPy generator, and a deterministic form for evaluation.
"""

import dataclasses
import random
from typing import Any

import numpy as np

from gansynth import images
from gansynth.data import preprocess as pictures
from gansynth.data.labels.placement import Placement

MODES = (
  "resize_and_crop",
  "crop",
  "scale_width",
  "scale_width_and_crop",
  "scale_shortside",
  "scale_shortside_and_crop",
  "fixed",
  "none",
)
DONT_CARE = 255  # in files


def resized_size(
  size: tuple[int, int],
  *,
  mode: str,
  load_size: int,
  crop_size: int,
  aspect_ratio: float = 1.0,
  multiple: int = 32,
  original: bool = True,
) -> tuple[int, int]:
  """Returns the (height, width) that a picture has before it is cropped.

  - `resize_and_crop`: load_size x load_size, whatever the shape;
  - `scale_width`, `scale_width_and_crop`: load_size wide, the height follows,
    rounded down;
  - `scale_shortside`, `scale_shortside_and_crop`: the short side becomes
    load_size and the long one follows. The original leaves the short side as
    it is stored and so distorts;
  - `fixed`: crop_size wide and crop_size / aspect_ratio high;
  - `none`: the nearest multiples of `multiple` (half to even);
  - `crop`: as it is.

  Args:
    size: (height, width) as stored.
    mode: one of `MODES`.
    load_size: see above.
    crop_size: see above.
    aspect_ratio: width / height.
    multiple: 32 in SPADE; in pix2pixHD 2 to the number of halvings.
    original: whether `scale_shortside` does as the original does.

  Raises:
    ValueError: an unknown mode.
  """
  _check_mode(mode)
  height, width = size
  if mode == "resize_and_crop":
    return load_size, load_size
  if mode.startswith("scale_width"):
    return int(load_size * height / width), load_size
  if mode.startswith("scale_shortside"):
    short, long = min(size), max(size)
    scaled = int(load_size * long / short)
    kept = short if original else load_size
    return (scaled, kept) if width == short else (kept, scaled)
  if mode == "fixed":
    return round(crop_size / aspect_ratio), crop_size
  if mode == "none":
    return pictures.round_to_multiple(size, multiple)
  return size


def params(
  rng: random.Random,
  size: tuple[int, int],
  *,
  mode: str,
  load_size: int,
  crop_size: int,
) -> dict:
  """Draws crop and flip in the original's order: x, y, flip, always all three.

  Args:
    rng: Python's generator; seeded alike it gives the original's numbers.
    size: (height, width) of the label map as stored.
    mode: one of `MODES`; only those that resize and crop change the size that
      the position is drawn for.
    load_size: see `resized_size`.
    crop_size: side of the crop.

  Returns:
    {"crop_pos": (x, y), "flip": bool}.
  """
  _check_mode(mode)
  height, width = size
  if mode == "scale_shortside_and_crop":
    height, width = resized_size(
      size, mode=mode, load_size=load_size, crop_size=crop_size
    )
  return pictures.get_params(
    (width, height),
    preprocess=mode,
    load_size=load_size,
    crop_size=crop_size,
    rng=rng,
  )


def transform(
  image: np.ndarray,
  *,
  mode: str,
  load_size: int,
  crop_size: int,
  aspect_ratio: float = 1.0,
  multiple: int = 32,
  params: dict | None = None,
  method: str = "bicubic",
  pad: bool = True,
  original: bool = True,
) -> np.ndarray:
  """Applies one mode, equal to the original byte for byte.

  Args:
    image: (height, width) or (height, width, channels), uint8 or int32.
    mode: see `resized_size`, as the following three.
    load_size: see there.
    crop_size: side of the crop.
    aspect_ratio: see there.
    multiple: see there.
    params: what `params` returns; None does not flip, and crops at (0, 0).
    method: of `images.resize`; "nearest" for label and instance maps.
    pad: whether a picture smaller than the crop is filled up with 0 (SPADE) or
      left as it is (pix2pixHD).
    original: see `resized_size`.

  Returns:
    The same type and number of axes.
  """
  size = resized_size(
    image.shape[:2],
    mode=mode,
    load_size=load_size,
    crop_size=crop_size,
    aspect_ratio=aspect_ratio,
    multiple=multiple,
    original=original,
  )
  if size != image.shape[:2]:
    image = images.resize(image, size, method)
  position, flip = (0, 0), False
  if params is not None:
    position, flip = params["crop_pos"], params["flip"]
  if "crop" in mode and (pad or max(image.shape[:2]) > crop_size):
    image = pictures.crop(image, position, crop_size)
  if flip:
    image = image[:, ::-1]
  return np.ascontiguousarray(image)


def label_transform(
  labels: np.ndarray, *, num_labels: int, **options: Any
) -> np.ndarray:
  """`transform` of a stored label map, its 255 made `num_labels`.

  Args:
    labels: integers (height, width).
    num_labels: label_nc.
    **options: of `transform`, but the method.

  Returns:
    int32 (height, width) of the transformed size.
  """
  labels = transform(labels.astype(np.int32), method="nearest", **options)
  return np.where(labels == DONT_CARE, np.int32(num_labels), labels)


def _check_mode(mode: str) -> None:
  if mode not in MODES:
    raise ValueError(
      f"preprocess is {mode!r}; expected one of {', '.join(MODES)}."
    )


@dataclasses.dataclass(frozen=True)
class LabelPreprocess:
  """The preprocessing of a data set of label maps.

  Attributes:
    mode: one of `MODES`, see `resized_size`.
    load_size: see `resized_size`.
    crop_size: side of the crop, or width of `fixed`.
    aspect_ratio: width / height of `fixed`.
    flip: whether training mirrors every second picture.
    evaluation_mode: the mode of evaluation, which does not cut: of this mode,
      or where it is empty of `mode`, `resize_and_crop` resizes to crop_size x
      crop_size, `crop` takes the whole picture, the others only scale.
    multiple: what sides that follow from the stored shape are rounded to (all
      modes but `resize_and_crop`, `fixed` and, in training, those that crop).
    pad: see `transform`.
    original_crops: scale the short side as the original does, see
      `resized_size`.
    center_crop: cut out the middle, in evaluation too (ASAP-Nets' option).
  """

  mode: str = "resize_and_crop"
  load_size: int = 286
  crop_size: int = 256
  aspect_ratio: float = 1.0
  flip: bool = True
  evaluation_mode: str = ""
  multiple: int = 32
  pad: bool = True
  original_crops: bool = False
  center_crop: bool = False

  def __post_init__(self):
    """Refuses what cannot be."""
    _check_mode(self.mode)
    if self.evaluation_mode:
      _check_mode(self.evaluation_mode)
    for name in ("load_size", "crop_size", "aspect_ratio", "multiple"):
      value = getattr(self, name)
      if not value > 0:
        raise ValueError(f"{name} is {value}; expected more than 0.")
    if self.mode.endswith("_and_crop") and self.load_size < self.crop_size:
      raise ValueError(
        f"load_size {self.load_size} is smaller than crop_size "
        f"{self.crop_size}, so there is nothing to crop from; raise load_size "
        "or lower crop_size."
      )
    if self.center_crop and "crop" not in self.mode:
      raise ValueError(
        f"center_crop is set, and preprocess {self.mode!r} does not crop; use "
        "one that does, as 'scale_width_and_crop', or leave it out."
      )

  def train(
    self, maps: dict[str, np.ndarray], rng: np.random.Generator, name: str = ""
  ) -> dict[str, np.ndarray]:
    """Transforms all maps of an item with one draw of crop and flip.

    Args:
      maps: arrays (height, width) or (height, width, channels); those with
        channels are resized bicubic, the others nearest.
      rng: three draws are made (x, y, flip), whatever the mode.
      name: of the item, for errors.

    Raises:
      images.ImageError: the maps have sizes that do not fit each other.
    """
    placement = self.training_placement(maps, rng, name)
    return {key: placement.place(value) for key, value in maps.items()}

  def evaluate(
    self, maps: dict[str, np.ndarray], name: str = ""
  ) -> dict[str, np.ndarray]:
    """Transforms for evaluation: the same every time.

    Args:
      maps: see `train`.
      name: see `train`.
    """
    placement = self.evaluation_placement(maps, name)
    return {key: placement.place(value) for key, value in maps.items()}

  def training_placement(
    self, maps: dict[str, np.ndarray], rng: np.random.Generator, name: str = ""
  ) -> Placement:
    """Draws what `train` does with an item; the same arguments."""
    size = self._common_size(maps, self.mode, name)
    sized = self._size(size, self.mode, self.load_size)
    x, y, flip = rng.random(3)
    return self._placement(
      sized, "crop" in self.mode, (x, y), self.flip and flip > 0.5
    )

  def evaluation_placement(
    self, maps: dict[str, np.ndarray], name: str = ""
  ) -> Placement:
    """What `evaluate` does with an item; the same arguments."""
    mode = self.evaluation_mode or self.mode
    load_size = self.load_size
    cut = self.center_crop and "crop" in mode
    if not cut and mode == "resize_and_crop":
      load_size = self.crop_size
    elif not cut:
      mode = "none" if mode == "crop" else mode.removesuffix("_and_crop")
    size = self._common_size(maps, mode, name)
    return self._placement(self._size(size, mode, load_size), cut)

  def _placement(
    self,
    size: tuple[int, int],
    cut: bool,
    draws: tuple[float, float] = (0.0, 0.0),
    flip: bool = False,
  ) -> Placement:
    """Cuts, where it is to be, at a corner drawn in [0, 1)^2 or midway."""
    room = [max(0, side - self.crop_size) for side in size[::-1]]
    if self.center_crop:
      corner = tuple(r // 2 for r in room)
    else:
      corner = tuple(
        int(draw * (r + 1)) for draw, r in zip(draws, room, strict=True)
      )
    cut = cut and (self.pad or max(size) > self.crop_size)
    return Placement(size, self.crop_size if cut else 0, corner, bool(flip))

  def _size(
    self, size: tuple[int, int], mode: str, load_size: int
  ) -> tuple[int, int]:
    """The size before a crop."""
    size = resized_size(
      size,
      mode=mode,
      load_size=load_size,
      crop_size=self.crop_size,
      aspect_ratio=self.aspect_ratio,
      multiple=self.multiple,
      original=self.original_crops,
    )
    if mode in ("scale_width", "scale_shortside"):
      return pictures.round_to_multiple(size, self.multiple)
    return size

  def _common_size(
    self, maps: dict[str, np.ndarray], mode: str, name: str
  ) -> tuple[int, int]:
    """The stored size of all maps; the label map's where it is no matter."""
    sizes = {key: value.shape[:2] for key, value in maps.items()}
    if (
      mode not in ("resize_and_crop", "fixed") and len(set(sizes.values())) > 1
    ):
      found = ", ".join(f"{key} {w} x {h}" for key, (h, w) in sizes.items())
      raise images.ImageError(
        f"{name or 'an item'}: the sizes differ ({found}). Resize the maps to "
        "the picture's size (nearest), or use preprocess 'resize_and_crop' or "
        "'fixed', which give one size to all."
      )
    return sizes["label"] if "label" in sizes else sizes["image"]
