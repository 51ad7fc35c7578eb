"""Sheets of pictures: a grid that shows at a glance what a network does."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gansynth import images


def make(
  rows: Sequence[Sequence[np.ndarray]],
  titles: Sequence[str] = (),
  separator: int = 4,
) -> np.ndarray:
  """Lays pictures out as a grid on white.

  Args:
    rows: rows of pictures, (H, W, 1) or (H, W, 3), uint8 or float [-1, 1].
      Sizes may differ: a column is as wide, a row as high as its largest.
      Rows may be of different length.
    titles: text above the columns, from the left; none if empty.
    separator: pixels between and around the pictures.

  Returns:
    uint8 (height, width, 3), for `write`.

  Raises:
    ValueError: there is no picture, or there are more titles than columns.
  """
  cells = [[images.to_uint8(picture) for picture in row] for row in rows]
  columns = max((len(row) for row in cells), default=0)
  if columns == 0:
    raise ValueError("a sheet needs at least one picture.")
  if len(titles) > columns:
    raise ValueError(f"{len(titles)} titles for {columns} columns.")
  heights = [max((cell.shape[0] for cell in row), default=0) for row in cells]
  widths = [
    max(row[column].shape[1] for row in cells if column < len(row))
    for column in range(columns)
  ]
  title_height = 14 if titles else 0
  left = [separator + sum(widths[:i]) + i * separator for i in range(columns)]
  width = separator + sum(w + separator for w in widths)
  top = separator + title_height
  height = top + sum(h + separator for h in heights)
  grid = np.full((height, width, 3), 255, np.uint8)
  for row, row_height in zip(cells, heights, strict=True):
    for x, cell in zip(left, row, strict=False):
      grid[top : top + cell.shape[0], x : x + cell.shape[1]] = cell
    top += row_height + separator
  if not titles:
    return grid
  picture = Image.fromarray(grid)
  draw = ImageDraw.Draw(picture)
  font = ImageFont.load_default()
  for x, column_width, title in zip(left, widths, titles, strict=False):
    while title and draw.textlength(title, font) > column_width:
      title = title[:-1]
    draw.text((x, separator // 2), title, fill=(0, 0, 0), font=font)
  return np.array(picture)
