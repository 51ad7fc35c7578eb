"""Tables in Markdown."""

from collections.abc import Sequence


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  """Makes a table whose columns are straight in plain text, too.

  Args:
    titles: of the columns.
    rows: of as many cells.
  """
  widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]

  def line(cells):
    padded = (
      f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True)
    )
    return f"| {' | '.join(padded)} |"

  rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
  return "\n".join([line(titles), rule, *map(line, rows)])
