"""Pictures in and out: the only room that opens, resizes and writes them.

Everything goes through Pillow, because the published preprocessing is
Pillow's and no other resampler gives the same bytes. A picture that cannot be
used is reported here, once, as an `ImageError` that names the file.
"""

from gansynth.images.arrays import (
  draw_line,
  fill_polygons,
  resize,
  rotate,
  to_gray,
  to_uint8,
  to_unit_range,
)
from gansynth.images.files import (
  EXTENSIONS,
  ImageError,
  encode,
  list_images,
  read,
  read_integers,
  size,
  write,
)

__all__ = [
  "EXTENSIONS",
  "ImageError",
  "draw_line",
  "encode",
  "fill_polygons",
  "list_images",
  "read",
  "read_integers",
  "resize",
  "rotate",
  "size",
  "to_gray",
  "to_uint8",
  "to_unit_range",
  "write",
]
