"""Colours of labels: made, looked up, and read back."""

import json
import os

import numpy as np
from absl import logging

from gansynth import images
from gansynth.data.labels import cityscapes

_NAMED = 8  # unknown colours that an error lists
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
  codes = _codes(colors)
  known, labels = np.unique(codes, return_index=True)
  found = _codes(picture)
  places = np.minimum(np.searchsorted(known, found), len(known) - 1)
  unknown = found[known[places] != found]
  if unknown.size:
    others, counts = np.unique(unknown, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_NAMED]
    listed = ", ".join(
      f"{c >> 16} {c >> 8 & 255} {c & 255} ({n} pixels)"
      for c, n in zip(others[order].tolist(), counts[order], strict=True)
    )
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    raise images.ImageError(
      f"{path}: {unknown.size} of {found.size} pixels have colours that are "
      f"not among the {len(colors)} of the palette: {listed}{more}. Add them "
      "to the palette; colours along borders come from a lossy format (JPEG) "
      "or from resizing with interpolation, so use the map as it was made."
    )
  return labels.astype(np.uint8 if len(colors) <= 256 else np.int32)[places]


def load(palette: str | os.PathLike) -> np.ndarray:
  """Reads the colours of labels 0, 1, 2, ...

  Args:
    palette: "cityscapes" for its 34 ids, of which those without a colour of
      their own become the first that has it; or a file: JSON
      `[[red, green, blue], ...]`, or lines `red green blue name`, of which the
      name may be missing and what follows a `#` is a comment.

  Returns:
    uint8 (n, 3).

  Raises:
    ValueError: it is no such file; the message names the line.
    OSError: it cannot be opened.
  """
  if palette == "cityscapes":
    return cityscapes.colors()[:34]
  path = os.fspath(palette)
  try:
    with open(path, encoding="utf-8") as file:
      text = file.read()
  except FileNotFoundError:
    raise ValueError(
      f"palette {path!r} does not exist; expected 'cityscapes', or a file of "
      "lines 'red green blue name'."
    ) from None
  rows = _json_rows(text, path) if text.lstrip()[:1] == "[" else _lines(text)
  colors = []
  for where, row in rows:
    try:
      color = [int(value) for value in row[:3]]
    except (TypeError, ValueError):
      color = []
    if len(color) != 3 or not all(0 <= value <= 255 for value in color):
      raise ValueError(
        f"palette {path!r}, {where}: found {row!r}; expected red, green and "
        "blue, each 0 to 255."
      )
    colors.append(color)
  if not colors:
    raise ValueError(f"palette {path!r} holds no colour; expected one a label.")
  if len(set(map(tuple, colors))) < len(colors):
    logging.warning(
      "palette %r has colours that stand for several labels; a pixel is given "
      "the first of them.",
      path,
    )
  return np.array(colors, np.uint8)


def _lines(text: str) -> list[tuple[str, list]]:
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
