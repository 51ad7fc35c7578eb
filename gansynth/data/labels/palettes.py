"""Colours of labels: made, looked up, and read back."""

import json
import os
import re

import numpy as np
from absl import logging

from gansynth import images
from gansynth.data.labels import cityscapes

_NAMED = 8  # unknown colours that an error lists
_BLOCK = 1 << 16  # colours that are compared with a palette together
_ENTRY = re.compile(r"\s*\d+\s+\d+\s+\d+(\s+\D.*)?")
# Of Geoseg-GAN's label2image_gan.py.
_GEOSEG = """250 62 119 Background; 168 232 84 Forest land;
  242 180 92 Grassland; 116 116 116 Cropland; 255 214 33 Settlement;
  33 150 243 Seminatural Grassland"""
# What SPADE shows clouds, grass, sea, sky and trees of COCO-Stuff in.
_COCO_STUFF = {
  105: (170, 170, 170),
  123: (29, 195, 49),
  154: (54, 62, 167),
  156: (95, 219, 255),
  168: (140, 104, 47),
}


def label_colors(num_labels: int, first: int = 1) -> np.ndarray:
  """The colours that SPADE and pix2pixHD show labels in.

  The bits of i + first are dealt out to red, green and blue in turn, the
  lowest to the highest, so that neighbouring labels differ most. Exactly 35
  labels get the colours of Cityscapes, and of exactly 182 in SPADE some look
  natural (COCO-Stuff). SPADE's own pictures have neither, for it asks for two
  colours more than it has labels.

  Args:
    num_labels: how many.
    first: 1 in SPADE; 0 in pix2pixHD, where label 0 is black.

  Returns:
    uint8 (num_labels, 3), RGB.
  """
  if num_labels == 35:
    return cityscapes.colors()
  numbers = np.arange(first, first + num_labels)
  colors = np.zeros((num_labels, 3), np.uint8)
  for step in range(7):
    for channel in range(3):
      bit = (numbers >> (3 * step + channel)) & 1
      colors[:, channel] |= (bit << (7 - step)).astype(np.uint8)
  if num_labels == 182 and first == 1:
    for label, color in _COCO_STUFF.items():
      colors[label] = color
  return colors


def colorize(labels: np.ndarray, colors: np.ndarray) -> np.ndarray:
  """Paints a label map.

  Args:
    labels: integers (...), not negative.
    colors: uint8 (n, 3).

  Returns:
    uint8 (..., 3); labels from n on are black.
  """
  colors = np.concatenate([colors, np.zeros((1, 3), np.uint8)])
  return np.take(colors, labels, axis=0, mode="clip")


def from_colors(
  picture: np.ndarray, colors: np.ndarray, path: str = "the picture"
) -> np.ndarray:
  """Reads labels back from their colours, which must match exactly.

  Args:
    picture: uint8 (height, width, 3).
    colors: uint8 (n, 3); of equal colours the first counts.
    path: what to call the picture in errors.

  Returns:
    Labels (height, width): uint8, or int32 if there are more than 256.

  Raises:
    images.ImageError: some colours are none of these; it lists them.
  """
  labels, unknown = match(picture, colors)
  if not unknown.any():
    return labels
  others, counts = np.unique(_codes(picture[unknown]), return_counts=True)
  order = np.argsort(-counts, kind="stable")[:_NAMED]
  listed = ", ".join(
    f"{c >> 16} {c >> 8 & 255} {c & 255} ({n} pixels)"
    for c, n in zip(others[order].tolist(), counts[order], strict=True)
  )
  more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
  raise images.ImageError(
    f"{path}: {unknown.sum()} of {unknown.size} pixels have colours that are "
    f"not among the {len(colors)} of the palette: {listed}{more}. Add them "
    "to the palette; colours along borders come from a lossy format (JPEG) "
    "or from resizing with interpolation, so use the map as it was made, or "
    "take the nearest colours: --config.data.palette_rule=nearest."
  )


def match(
  picture: np.ndarray, colors: np.ndarray, tolerance: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
  """Finds the label of each pixel's colour.

  Args:
    picture: uint8 (height, width, 3).
    colors: uint8 (n, 3); of equally near colours the first counts.
    tolerance: the largest Euclidean distance in RGB at which a colour is
      taken for that of a label, 0 to 441 (from black to white).

  Returns:
    Labels (height, width), uint8, or int32 if there are more than 256; and
    bool (height, width), where no label is near enough. Labels there have no
    meaning.
  """
  found = _codes(picture)
  dtype = np.uint8 if len(colors) <= 256 else np.int32
  if not tolerance:
    known, labels = np.unique(_codes(colors), return_index=True)
    places = np.minimum(np.searchsorted(known, found), len(known) - 1)
    return labels.astype(dtype)[places], known[places] != found
  codes, places = np.unique(found, return_inverse=True)
  labels, squares = _nearest(codes, colors)
  places = places.reshape(found.shape)  # NumPy's versions differ in it
  return labels.astype(dtype)[places], (squares > tolerance**2)[places]


def _nearest(
  codes: np.ndarray, colors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """The nearest label of each colour, and its squared distance."""
  wanted = colors.astype(np.float32)
  labels, squares = np.empty((2, len(codes)), np.int32)
  for first in range(0, len(codes), _BLOCK):
    part = codes[first : first + _BLOCK]
    given = np.stack([part >> 16, part >> 8 & 255, part & 255], -1)
    given = given.astype(np.float32)
    # Whole numbers below 2**24, so all of this is exact.
    distances = (
      (given**2).sum(-1, keepdims=True)
      - 2 * given @ wanted.T
      + (wanted**2).sum(-1)
    )
    chosen = distances.argmin(-1)
    labels[first : first + _BLOCK] = chosen
    squares[first : first + _BLOCK] = np.take_along_axis(
      distances, chosen[:, None], -1
    )[:, 0]
  return labels, squares


def load(palette: str | os.PathLike) -> np.ndarray:
  """Reads the colours of labels 0, 1, 2, ...

  Args:
    palette: one of
      - "cityscapes": its 34 ids, of which those without a colour of their own
        become the first that has it;
      - "geoseg": the 6 classes of Geoseg-GAN's land cover;
      - entries `red green blue name` joined by `;`, or a single one;
      - a file of such entries, one a line, of which what follows a `#` is a
        comment; or JSON `[[red, green, blue, name], ...]`.
      Names may be missing.

  Returns:
    uint8 (n, 3).

  Raises:
    ValueError: it is no palette; the message names the line.
    OSError: it cannot be opened.
  """
  colors = [color for color, _ in _table(palette)]
  if palette != "cityscapes" and len(set(colors)) < len(colors):
    logging.warning(
      "palette %r has colours that stand for several labels; a pixel is given "
      "the first of them.",
      os.fspath(palette),
    )
  return np.array(colors, np.uint8)


def names(palette: str | os.PathLike) -> tuple[str, ...]:
  """The names of labels 0, 1, 2, ... of a palette, see `load`.

  Returns:
    A name for each colour; "label 3" where the palette gives none.
  """
  return tuple(
    name or f"label {label}" for label, (_, name) in enumerate(_table(palette))
  )


def _table(
  palette: str | os.PathLike,
) -> list[tuple[tuple[int, int, int], str]]:
  """Colour and name of each label."""
  if palette == "cityscapes":
    return [(label.color, label.name) for label in cityscapes.LABELS[:34]]
  path = os.fspath(palette)
  table = []
  for where, row in _rows(path):
    try:
      color = tuple(int(value) for value in row[:3])
    except (TypeError, ValueError):
      color = ()
    if len(color) != 3 or not all(0 <= value <= 255 for value in color):
      raise ValueError(
        f"palette {path!r}, {where}: found {row!r}; expected red, green and "
        "blue, each 0 to 255."
      )
    table.append((color, " ".join(map(str, row[3:]))))
  if not table:
    raise ValueError(f"palette {path!r} holds no colour; expected one a label.")
  return table


def _rows(palette: str) -> list[tuple[str, list]]:
  """The rows of a palette, and where each is."""
  if palette == "geoseg":
    palette = _GEOSEG
  if ";" in palette or _ENTRY.fullmatch(palette):
    rows = [entry.split() for entry in palette.split(";")]
    return [(f"entry {i}", row) for i, row in enumerate(rows, 1) if row]
  try:
    with open(palette, encoding="utf-8") as file:
      text = file.read()
  except FileNotFoundError:
    raise ValueError(
      f"palette {palette!r} does not exist; expected 'cityscapes', 'geoseg', "
      "entries 'red green blue name' joined by ';', or a file of such lines."
    ) from None
  if text.lstrip()[:1] == "[":
    return _json_rows(text, palette)
  rows = [line.split("#")[0].split() for line in text.splitlines()]
  return [(f"line {i}", row) for i, row in enumerate(rows, 1) if row]


def _json_rows(text: str, path: str) -> list[tuple[str, list]]:
  try:
    rows = json.loads(text)
  except json.JSONDecodeError as error:
    raise ValueError(f"palette {path!r} is no JSON: {error}.") from None
  return [
    (f"entry {i}", row if isinstance(row, list) else [row])
    for i, row in enumerate(rows)
  ]


def _codes(colors: np.ndarray) -> np.ndarray:
  wide = colors.astype(np.int32)
  return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
