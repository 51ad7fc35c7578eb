"""Pictures from files and into them; a bad one gets its error here, once."""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from gansynth import files

EXTENSIONS = ("jpg", "jpeg", "png", "ppm", "bmp", "tif", "tiff", "webp")
_MODES = ("RGB", "RGBA", "L", "mask")


class ImageError(ValueError):
  """A picture cannot be used; the message names it and says what to do."""


def list_images(folder: str | os.PathLike) -> list[str]:
  """Lists the pictures below a folder, in the order of their whole paths.

  Sub-folders are searched, links to folders too (each real folder once).
  Names that begin with a dot are passed over: they are thumbnails of other
  systems and unfinished files. The ending may be in any case.

  Args:
    folder: where to look.

  Returns:
    Paths that start with `folder`.

  Raises:
    ImageError: the folder does not exist or holds no picture.
  """
  folder = os.fspath(folder)
  known = ", ".join(EXTENSIONS)
  if not os.path.isdir(folder):
    what = "is a file" if os.path.exists(folder) else "does not exist"
    raise ImageError(
      f"{folder!r} {what}; expected a folder of pictures ({known}). "
      "Correct the path."
    )
  suffixes = tuple("." + extension for extension in EXTENSIONS)
  paths = []
  visited = set()
  for parent, folders, names in os.walk(folder, followlinks=True):
    real = os.path.realpath(parent)
    if real in visited:  # A link that leads back up would never end.
      folders.clear()
      continue
    visited.add(real)
    folders[:] = sorted(name for name in folders if name[0] != ".")
    paths.extend(
      os.path.join(parent, name)
      for name in names
      if name[0] != "." and name.lower().endswith(suffixes)
    )
  if not paths:
    raise ImageError(
      f"{folder!r} holds no picture; looked in it and below for the endings "
      f"{known}, in any case. Put pictures there or correct the path."
    )
  return sorted(paths)


def read(
  source: str | os.PathLike | bytes, mode: str = "RGB", name: str = ""
) -> np.ndarray:
  """Reads a picture as 8-bit values.

  What is stored is converted so:

  - gray of 16 bits (PNG, TIFF, PGM): value / 257, rounded, so that its whole
    range 0..65535 becomes 0..255. Colour of 16 bits: Pillow keeps the upper
    byte, at most one level off the same rule;
  - gray of 32 bits or floating point: refused, for no range is declared;
  - transparency (RGBA, LA, palette): dropped, the colour below it is kept, as
    the original programs do; mode "RGBA" keeps it, and is opaque without;
  - palette, CMYK, YCbCr, HSV: converted to RGB; 1 bit: 0 and 255;
  - several frames or pages: the first.

  The EXIF orientation is NOT applied: label maps and boxes are drawn on the
  pixels as they are stored, and turning only the photograph would move it away
  from them.

  Args:
    source: a path, or the bytes of an encoded picture.
    mode: "RGB" for three channels, "RGBA" for four, "L" for gray (ITU-R 601
      luma), "mask" for a mask: its transparency where that varies; else of a
      coloured palette whether the index is 0; else gray, 16 bits of at most
      255 as they are.
    name: what to call the picture in errors when `source` is bytes.

  Returns:
    uint8 (height, width, 3), 4 for "RGBA", or 1 for "L" and "mask".

  Raises:
    ImageError: empty, truncated, damaged, not a picture, or too large.
    OSError: the file cannot be opened (missing, no permission, device error).
  """
  if mode not in _MODES:
    raise ValueError(f"mode is {mode!r}; expected {', '.join(_MODES)}.")
  data, name = _data(source, name)
  with _opened(io.BytesIO(data), name) as picture:
    array = _to_eight_bits(picture, mode, name)
  return array if array.ndim == 3 else array[..., None]


def read_integers(
  source: str | os.PathLike | bytes,
  name: str = "",
  *,
  lossy_colors: bool = False,
) -> np.ndarray:
  """Reads the numbers of a label or instance map, unchanged.

  Args:
    source: a path, or the bytes of an encoded picture.
    name: what to call the picture in errors when `source` is bytes.
    lossy_colors: let JPEGs in colour pass, for a caller who reads colours that
      are only nearly what was stored.

  Returns:
    Gray of 8 bits, and the indices of a palette: uint8 (height, width); 1 bit:
    the same with 0 and 1. Gray of 16 or 32 bits: int32 (height, width).
    Colours: uint8 (height, width, 3), for the caller to interpret.
    Transparency is dropped.

  Raises:
    ImageError: as `read`; or a JPEG, whose numbers are not those that were
      stored; or values that are no integers.
    OSError: the file cannot be opened.
  """
  data, name = _data(source, name)
  with _opened(io.BytesIO(data), name) as picture:
    mode = picture.mode
    if picture.format == "JPEG" and not (lossy_colors and mode == "RGB"):
      raise ImageError(
        f"{name}: is a JPEG, which changes the numbers that it stores; "
        "expected a lossless format. Write label and instance maps as PNG."
      )
    if mode in ("RGB", "RGBA"):
      return np.array(picture)[..., :3]
    if mode == "LA":
      return np.array(picture)[..., 0]
    if mode in ("L", "P", "1"):
      return np.array(picture).astype(np.uint8)
    if mode == "I" or mode.startswith("I;16"):
      return np.array(picture).astype(np.int32)
    raise ImageError(
      f"{name}: holds values of mode {mode}; expected integers of 8, 16 or 32 "
      "bits, or RGB. Convert it to one of them, as PNG."
    )


def _data(source: str | os.PathLike | bytes, name: str) -> tuple[bytes, str]:
  """Encoded bytes, and what to call them in errors."""
  if isinstance(source, bytes):
    return source, name or f"<{len(source)} bytes>"
  with open(source, "rb") as file:
    return file.read(), name or os.fspath(source)


def size(path: str | os.PathLike) -> tuple[int, int]:
  """Height and width of a picture, as `read` would give it.

  Only the header is read, so a picture whose pixels are damaged still has a
  size.

  Raises:
    ImageError, OSError: see `read`.
  """
  with (
    open(path, "rb") as file,
    _opened(file, os.fspath(path)) as picture,
  ):
    return picture.height, picture.width


@contextlib.contextmanager
def _opened(file: BinaryIO, name: str) -> Iterator[Image.Image]:
  """Opens a picture and names it in whatever goes wrong while it is used."""
  length = file.seek(0, os.SEEK_END)
  file.seek(0)
  if not length:
    raise ImageError(
      f"{name}: is empty (0 bytes); expected a picture. Fetch it again or "
      "remove it."
    )
  start = file.read(8)
  file.seek(0)
  try:
    with Image.open(file) as picture:
      _refuse_oversized(picture.size, name)
      yield picture
  except ImageError:
    raise
  except MemoryError:
    raise
  except Image.UnidentifiedImageError:
    raise ImageError(
      f"{name}: is not a picture that Pillow knows ({length} bytes, "
      f"beginning {start!r}). Convert it to PNG or JPEG, or remove it."
    ) from None
  except (Image.DecompressionBombError, Image.DecompressionBombWarning) as e:
    raise ImageError(_oversized_message(name, str(e))) from None
  # Pillow's decoders raise whatever the damaged bytes lead them to: OSError,
  # SyntaxError, ValueError, struct.error, EOFError, IndexError and more.
  except Exception as e:
    if isinstance(e, OSError) and e.errno is not None:  # the device's
      raise
    raise ImageError(
      f"{name}: is truncated or damaged ({type(e).__name__}: {e}). Fetch it "
      "again or remove it."
    ) from e


def _to_eight_bits(picture: Image.Image, mode: str, name: str) -> np.ndarray:
  """Decodes an opened picture by the rules of `read`."""
  stored = picture.mode
  if stored == "F" or (stored == "I" and picture.format not in ("PPM", "PNG")):
    kind = "floating-point" if stored == "F" else "32-bit integer"
    raise ImageError(
      f"{name}: holds {kind} values (mode {stored}), whose range is not "
      "declared; expected 8 or 16 bits a channel. Rescale it to one of them."
    )
  if stored == "I" or stored.startswith("I;16"):
    # `convert` would clip at 255 instead of scaling. The mode I of PNG and
    # PPM is 16-bit data too: Pillow scales those to 0..65535.
    wide = np.asarray(picture).astype(np.uint32)
    if mode == "mask" and wide.max() <= 255:
      return wide.astype(np.uint8)
    gray = ((wide + 128) // 257).astype(np.uint8)
    return np.array(
      Image.fromarray(gray).convert("L" if mode == "mask" else mode)
    )
  picture.load()
  if mode in ("RGBA", "mask"):
    rgba = np.array(picture.convert("RGBA"))
    if mode == "RGBA" or np.ptp(rgba[..., 3]) > 0:
      return rgba if mode == "RGBA" else rgba[..., 3]
    gray = (rgba[..., :2] == rgba[..., 1:3]).all()
    if stored == "P" and not gray:
      return np.where(np.array(picture) > 0, 255, 0).astype(np.uint8)
    mode = "L"
  # Otherwise Pillow converts the transparent colour too, or warns about it.
  picture.info.pop("transparency", None)
  # Gray is made from RGB, as the originals do, whatever was stored.
  return np.array(picture.convert("RGB").convert(mode))


def _refuse_oversized(size: tuple[int, int], name: str) -> None:
  """Raises if a header announces more pixels than Pillow holds for safe."""
  limit = Image.MAX_IMAGE_PIXELS
  if limit is not None and size[0] * size[1] > limit:
    found = f"{size[0]} x {size[1]} pixels, at most {limit} are allowed"
    raise ImageError(_oversized_message(name, found))


def _oversized_message(name: str, found: str) -> str:
  return (
    f"{name}: is too large to be opened safely ({found}). If you trust it, "
    "cut it into tiles or raise PIL.Image.MAX_IMAGE_PIXELS; else remove it."
  )


def encode(
  array: np.ndarray, extension: str, quality: int = 95, name: str = ""
) -> bytes:
  """Encodes a picture.

  Args:
    array: uint8 (height, width), (height, width, 1), RGB or RGBA; as PNG or
      TIFF also uint16 (height, width).
    extension: one of `EXTENSIONS`, in any case.
    quality: 1..100 for JPEG and WebP; the others are lossless.
    name: what to call the picture in errors.

  Returns:
    The bytes of a file of that format.

  Raises:
    ImageError: unknown format, or an array that is no picture.
  """
  name = name or "picture"
  extension = extension.lower()
  if extension not in EXTENSIONS:
    raise ImageError(
      f"{name}: {extension!r} is not an ending that pictures are written "
      f"with; use one of {', '.join(EXTENSIONS)}."
    )
  array = np.asarray(array)
  wide = array.dtype == np.uint16 and array.ndim == 2
  if not (wide and extension in ("png", "tif", "tiff")) and (
    array.dtype != np.uint8
    or not (
      array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    )
  ):
    raise ImageError(
      f"{name}: cannot write an array of {array.dtype} {array.shape}; "
      "expected uint8 of (height, width) with no, 1, 3 or 4 channels, or as "
      "png and tiff uint16 of (height, width). `to_uint8` converts from "
      "[-1, 1]."
    )
  if array.ndim == 3 and array.shape[2] == 1:
    array = array[..., 0]
  file_format = Image.registered_extensions()["." + extension]
  buffer = io.BytesIO()
  try:
    Image.fromarray(array).save(buffer, file_format, quality=quality)
  except OSError as e:  # e.g. RGBA as JPEG
    raise ImageError(
      f"{name}: cannot be stored as {file_format} ({e}). Use png."
    ) from e
  return buffer.getvalue()


def write(
  path: str | os.PathLike, array: np.ndarray, quality: int = 95
) -> None:
  """Writes a picture so that it is there whole or not at all.

  The ending of the path decides the format; missing folders are made. The
  bytes go to a temporary file beside it, which then takes its name.

  Args:
    path: where to; an existing file is replaced.
    array: see `encode`.
    quality: see `encode`.

  Raises:
    ImageError: see `encode`.
    OSError: it could not be stored; the message names the path, and nothing
      is left behind.
  """
  path = Path(path)
  data = encode(array, path.suffix[1:], quality, name=str(path))
  files.write_whole(path, data, "picture")
