"""Pictures as arrays: resized, turned, painted, and brought to other ranges."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

_METHODS = {
  "nearest": Image.Resampling.NEAREST,
  "box": Image.Resampling.BOX,
  "bilinear": Image.Resampling.BILINEAR,
  "hamming": Image.Resampling.HAMMING,
  "bicubic": Image.Resampling.BICUBIC,
  "lanczos": Image.Resampling.LANCZOS,
}


def resize(
  image: np.ndarray, size: tuple[int, int], method: str = "bicubic"
) -> np.ndarray:
  """Resizes exactly as Pillow does (antialiased when shrinking).

  Args:
    image: (height, width) or (height, width, channels); uint8, or int32 and
      float32, which Pillow resizes without rounding to bytes.
    size: the new (height, width), each at least 1.
    method: one of nearest, box, bilinear, hamming, bicubic (a = -0.5), lanczos.

  Returns:
    The same type and number of axes.
  """
  if method not in _METHODS:
    raise ValueError(
      f"method is {method!r}; expected one of {', '.join(_METHODS)}."
    )
  height, width = size
  if min(height, width) < 1:
    raise ValueError(f"cannot resize to {height} x {width}; at least 1 x 1.")
  return _by_picture(
    image, lambda x: x.resize((width, height), _METHODS[method]), "resize"
  )


def rotate(
  image: np.ndarray, degrees: float, method: str = "bicubic"
) -> np.ndarray:
  """Turns a picture counter-clockwise about its centre, grown to hold it all.

  Multiples of 90 degrees are exact. What the picture does not cover is 0, and
  mixed with it along the border: pad a picture whose border matters.

  Args:
    image: (height, width) or (height, width, channels), uint8, int32 or
      float32.
    degrees: any number.
    method: nearest, bilinear or bicubic.

  Returns:
    The same type and number of axes.
  """
  if method not in ("nearest", "bilinear", "bicubic"):
    raise ValueError(
      f"method is {method!r}; expected nearest, bilinear or bicubic."
    )
  return _by_picture(
    image, lambda x: x.rotate(degrees, _METHODS[method], expand=True), "rotate"
  )


def _by_picture(
  image: np.ndarray,
  change: Callable[[Image.Image], Image.Image],
  name: str,
) -> np.ndarray:
  """Applies what treats channels alike, in as few calls as Pillow allows."""
  image = np.asarray(image)
  if image.dtype not in (np.uint8, np.int32, np.float32):
    raise ValueError(
      f"cannot {name} {image.dtype}; expected uint8, int32 or float32."
    )

  def one(plane: np.ndarray) -> np.ndarray:
    return np.array(change(Image.fromarray(plane)))

  if image.ndim == 2 or (image.shape[2] == 3 and image.dtype == np.uint8):
    return one(image)
  # Pillow resamples each channel by itself, so planes give the same numbers.
  planes = [
    one(np.ascontiguousarray(image[..., channel]))
    for channel in range(image.shape[2])
  ]
  return np.stack(planes, axis=-1)


def fill_polygons(
  size: tuple[int, int],
  polygons: Sequence[Sequence[Sequence[float]]],
) -> np.ndarray:
  """Paints polygons one over the other, by Pillow's rule.

  Pixels that the outline runs through belong to a polygon.

  Args:
    size: (height, width).
    polygons: each of at least 2 points (x, y); they may leave the picture.

  Returns:
    int32 (height, width): the index of the last polygon that covers a pixel,
    -1 where there is none.
  """
  canvas = Image.new("I", (size[1], size[0]), -1)
  draw = ImageDraw.Draw(canvas)
  for index, polygon in enumerate(polygons):
    draw.polygon([tuple(point) for point in polygon], fill=index)
  return np.array(canvas)


def draw_line(
  canvas: np.ndarray,
  start: Sequence[float],
  end: Sequence[float],
  thickness: float,
  value: int,
) -> None:
  """Draws a line with round ends into `canvas`, without smoothing.

  It covers the pixels whose centres are at most thickness / 2 away, and so
  has no gap from a thickness of 1 on.

  Args:
    canvas: (height, width), of which pixels are set.
    start: (x, y), where (0, 0) is the centre of the first pixel; it may lie
      outside the picture.
    end: likewise; equal to `start` for a dot.
    thickness: in pixels.
    value: what is set.
  """
  start, end = np.asarray(start, float), np.asarray(end, float)
  radius = thickness / 2
  low = np.ceil(np.minimum(start, end) - radius).clip(0)
  high = np.floor(np.maximum(start, end) + radius) + 1
  left, top = low.astype(int)
  right, bottom = np.clip(high, 0, canvas.shape[::-1]).astype(int)
  if left >= right or top >= bottom:
    return
  x = np.arange(left, right) - start[0]
  y = np.arange(top, bottom)[:, None] - start[1]
  along, down = end - start
  length = along**2 + down**2
  share = np.clip((x * along + y * down) / length, 0, 1) if length else 0.0
  distance = (x - share * along) ** 2 + (y - share * down) ** 2
  canvas[top:bottom, left:right][distance <= radius**2] = value


def to_gray(image: np.ndarray) -> np.ndarray:
  """Converts uint8 RGB (H, W, 3) to Pillow's "L" (H, W, 1); gray stays."""
  if image.shape[2] == 1:
    return image
  return np.array(Image.fromarray(image).convert("L"))[..., None]


def to_unit_range(image: np.ndarray) -> np.ndarray:
  """Maps uint8 0..255 to float32 [-1, 1] as (x / 255 - 0.5) / 0.5.

  Floats are in that range already and pass through.
  """
  image = np.asarray(image)
  if np.issubdtype(image.dtype, np.floating):
    return image
  unit = image.astype(np.float32) / np.float32(255)
  return (unit - np.float32(0.5)) / np.float32(0.5)


def to_uint8(image: np.ndarray) -> np.ndarray:
  """Maps [-1, 1] to uint8 RGB as the original does: truncating, not rounding.

  (x + 1) / 2 * 255, cut to 0..255, fraction dropped. uint8 passes through.

  Args:
    image: (..., height, width, channels) of 1 or 3 channels; one channel is
      repeated three times.

  Returns:
    uint8 (..., height, width, 3).

  Raises:
    ValueError: the picture holds a NaN or another number of channels.
  """
  image = np.asarray(image)
  if image.shape[-1] not in (1, 3):
    raise ValueError(
      f"a picture of shape {image.shape} has {image.shape[-1]} channels; "
      "expected 1 or 3 on the last axis."
    )
  if image.dtype != np.uint8:
    scaled = (image.astype(np.float32) + 1) / 2.0 * 255.0
    if np.isnan(scaled).any():
      raise ValueError("the picture holds NaN, which has no colour.")
    image = np.clip(scaled, 0, 255).astype(np.uint8)
  return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
