"""Resizing, cropping and flipping as CycleGAN and pix2pix do it.

Two layers. `transform` and `get_params` are the original's arithmetic, number
for number, on uint8 arrays. `Preprocess` is what our data sets use: the same
geometry, with the position and the flip drawn from a NumPy generator and with
a deterministic form for evaluation.
"""

import dataclasses
import random
from collections.abc import Sequence

import numpy as np

from gansynth import images

MODES = (
  "resize_and_crop",
  "crop",
  "scale_width",
  "scale_width_and_crop",
  "none",
)


def _check_mode(preprocess: str) -> None:
  if preprocess != "none" and not any(
    part in preprocess for part in ("resize", "scale_width", "crop")
  ):
    raise ValueError(
      f"preprocess is {preprocess!r}; expected one of {', '.join(MODES)}."
    )


def resized_size(
  size: tuple[int, int], preprocess: str, load_size: int, crop_size: int
) -> tuple[int, int]:
  """Returns the (height, width) that a picture has before it is cropped.

  The mode is searched for words, as in the original: `resize` makes a square
  of `load_size`; `scale_width` makes it `load_size` wide and as high as the
  shape asks for, but at least `crop_size`; `none`, and only alone, rounds each
  side to the nearest multiple of 4 (half to even: 90 -> 88, 78 -> 80).

  Args:
    size: (height, width) as stored.
    preprocess: the mode, one of `MODES`.
    load_size: see above.
    crop_size: see above.
  """
  _check_mode(preprocess)
  height, width = size
  if "resize" in preprocess:
    return load_size, load_size
  if "scale_width" in preprocess:
    if width == load_size and height >= crop_size:
      return size
    return int(max(load_size * height / width, crop_size)), load_size
  if preprocess == "none":
    return round_to_multiple(size, 4)
  return size


def round_to_multiple(size: tuple[int, int], base: int) -> tuple[int, int]:
  """Rounds (height, width) to multiples of `base`, half to even, at least 1.

  A side below half of `base` would vanish; it becomes `base`.
  """
  return tuple(max(base, round(side / base) * base) for side in size)


def get_params(
  size: tuple[int, int],
  *,
  preprocess: str,
  load_size: int,
  crop_size: int,
  rng: random.Random,
) -> dict:
  """Draws crop and flip in the original's order (aligned mode).

  x, then y, then the flip are drawn even if nothing uses them.

  Args:
    size: (width, height) of the picture, in Pillow's order.
    preprocess: the mode; only `resize_and_crop` and `scale_width_and_crop`
      change the size that the position is drawn for.
    load_size: side or width after resizing.
    crop_size: side of the crop.
    rng: Python's generator; seeded alike it gives the original's numbers.

  Returns:
    {"crop_pos": (x, y), "flip": bool}.
  """
  width, height = size
  if preprocess == "resize_and_crop":
    width = height = load_size
  elif preprocess == "scale_width_and_crop":
    width, height = load_size, load_size * height // width
  x = rng.randint(0, max(0, width - crop_size))
  y = rng.randint(0, max(0, height - crop_size))
  return {"crop_pos": (x, y), "flip": rng.random() > 0.5}


def transform(
  image: np.ndarray,
  *,
  preprocess: str,
  load_size: int,
  crop_size: int,
  params: dict | None = None,
  flip: bool = True,
  grayscale: bool = False,
  method: str = "bicubic",
) -> np.ndarray:
  """Applies one preprocessing mode, equal to the original byte for byte.

  Gray first, then resizing, cropping, flipping. `images.to_unit_range` of the
  result is what the original's networks see.

  Args:
    image: uint8 (height, width, 3) or (height, width, 1).
    preprocess: one of `MODES`, see `resized_size`.
    load_size: side or width after resizing.
    crop_size: side of the crop. A picture that is not larger than it in either
      direction is left alone; larger in one only, it is padded with black.
    params: what `get_params` returns. None neither crops nor flips; it is
      refused where a crop would have to be chosen.
    flip: False ignores the flip in `params` (the original's `no_flip`).
    grayscale: convert to Pillow's "L".
    method: resampling; "nearest" for label maps.

  Returns:
    uint8 (height, width, channels).
  """
  if grayscale:
    image = images.to_gray(image)
  size = resized_size(image.shape[:2], preprocess, load_size, crop_size)
  if size != image.shape[:2]:
    image = images.resize(image, size, method)
  if "crop" in preprocess and max(image.shape[:2]) > crop_size:
    if params is None:
      raise ValueError(
        f"a picture of {image.shape[1]} x {image.shape[0]} is larger than "
        f"crop_size {crop_size}: params must say where to crop."
      )
    image = crop(image, params["crop_pos"], crop_size)
  if flip and params is not None and params["flip"]:
    image = image[:, ::-1]
  return np.ascontiguousarray(image)


def crop(image: np.ndarray, position: tuple[int, int], side: int) -> np.ndarray:
  """Cuts a square at (x, y); what lies beyond the picture is 0 as in Pillow."""
  x, y = position
  part = image[y : y + side, x : x + side]
  if part.shape[:2] == (side, side):
    return part
  padded = np.zeros((side, side, *image.shape[2:]), image.dtype)
  padded[: part.shape[0], : part.shape[1]] = part
  return padded


@dataclasses.dataclass(frozen=True)
class Preprocess:
  """The preprocessing of a data set.

  Attributes:
    mode: one of `MODES`.
    load_size: side (`resize`) or width (`scale_width`) after resizing.
    crop_size: side of the crop.
    flip: whether training mirrors every second picture.
    evaluation_mode: the mode of evaluation; empty chooses by `mode`:
      `resize_and_crop` resizes to crop_size x crop_size and `crop` takes the
      whole picture, as the original's test defaults do;
      `scale_width_and_crop` only scales the width (its documentation's
      advice). Whatever comes out is then resized so that its sides are
      multiples of `multiple`.
    multiple: what the networks' sizes must be divisible by, for evaluation.
  """

  mode: str = "resize_and_crop"
  load_size: int = 286
  crop_size: int = 256
  flip: bool = True
  evaluation_mode: str = ""
  multiple: int = 4

  def __post_init__(self):
    """Refuses unknown modes and a crop larger than what it is cut from."""
    for field in ("mode", "evaluation_mode"):
      value = getattr(self, field)
      if value not in MODES and not (field != "mode" and value == ""):
        raise ValueError(
          f"preprocess {field} is {value!r}; expected one of "
          f"{', '.join(MODES)}."
        )
    if min(self.load_size, self.crop_size) < 1:
      raise ValueError(
        f"load_size {self.load_size} and crop_size {self.crop_size} must be "
        "at least 1."
      )
    resized = "resize" in self.mode or "scale_width" in self.mode
    if resized and "crop" in self.mode and self.load_size < self.crop_size:
      raise ValueError(
        f"load_size {self.load_size} is smaller than crop_size "
        f"{self.crop_size}, so there is nothing to crop from; raise load_size "
        "or lower crop_size."
      )

  def draw(
    self, size: tuple[int, int], rng: np.random.Generator, name: str = ""
  ) -> dict:
    """Draws crop and flip for a stored picture of `size` (height, width).

    Always three draws (x, y, flip), so that what follows does not depend on
    the mode.

    Raises:
      images.ImageError: the picture is smaller than the crop.
    """
    height, width = resized_size(
      size, self.mode, self.load_size, self.crop_size
    )
    room = (width - self.crop_size, height - self.crop_size)
    if "crop" in self.mode and min(room) < 0:
      resized = ""
      if (height, width) != tuple(size):
        resized = f" ({width} x {height} after {self.mode})"
      raise images.ImageError(
        f"{name or 'a picture'} is {size[1]} x {size[0]} pixels{resized}, "
        f"smaller than crop_size {self.crop_size}. Lower crop_size, or use "
        "preprocess 'resize_and_crop' or 'scale_width_and_crop', which "
        "enlarge small pictures, or remove it."
      )
    x = int(rng.integers(0, max(0, room[0]), endpoint=True))
    y = int(rng.integers(0, max(0, room[1]), endpoint=True))
    return {"crop_pos": (x, y), "flip": bool(rng.random() > 0.5)}

  def train(
    self,
    pictures: Sequence[np.ndarray],
    rng: np.random.Generator,
    names: Sequence[str] = (),
  ) -> list[np.ndarray]:
    """Transforms pictures of one size with one draw (one crop, one flip)."""
    params = self.draw(pictures[0].shape[:2], rng, names[0] if names else "")
    return [
      transform(
        picture,
        preprocess=self.mode,
        load_size=self.load_size,
        crop_size=self.crop_size,
        params=params,
        flip=self.flip,
      )
      for picture in pictures
    ]

  def evaluate(self, picture: np.ndarray) -> np.ndarray:
    """Transforms a picture for evaluation: the same every time, never cut."""
    mode = self.evaluation_mode or {
      "resize_and_crop": "resize_and_crop",
      "crop": "none",
      "scale_width_and_crop": "scale_width",
    }.get(self.mode, self.mode)
    load_size = self.crop_size if "resize" in mode else self.load_size
    size = resized_size(
      picture.shape[:2],
      "none" if mode == "crop" else mode,
      load_size,
      # The lower bound on the height is there for the crop to fit.
      1 if mode.startswith("scale_width") else self.crop_size,
    )
    size = round_to_multiple(size, self.multiple)
    if size == picture.shape[:2]:
      return picture
    return images.resize(picture, size)
