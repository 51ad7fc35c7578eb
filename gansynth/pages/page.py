"""What all pages have in common.

One file of HTML without script, fonts or anything fetched: it can be mailed,
archived, and opened where there is no network.
"""

import base64
import html
import os
from collections.abc import Mapping, Sequence

import numpy as np

from gansynth import files, images
from gansynth.pages import style as page_style
from gansynth.pages.svg import element

MOST_PICTURES = 60
MOST_PIXELS = 480  # of a thumbnail's longer side
_QUALITY = 80


def write(
  path: str | os.PathLike,
  title: str,
  body: str,
  colors: Sequence[Sequence[int]] = page_style.COLORS,
  style: str = "",
) -> None:
  """Writes a page.

  Args:
    path: of the page; an existing file is replaced.
    title: of its window.
    body: markup.
    colors: RGB of the classes.
    style: rules beside those that all pages have.

  Raises:
    OSError: it could not be stored.
  """
  text = "".join(
    (
      "<!DOCTYPE html>\n",
      '<html lang="en"><head><meta charset="utf-8"/>',
      '<meta name="viewport" content="width=device-width,initial-scale=1"/>',
      '<meta name="color-scheme" content="light dark"/>',
      # A browser then refuses whatever the page might fetch or run.
      '<meta http-equiv="Content-Security-Policy" content="default-src '
      "'none'; img-src data:; style-src 'unsafe-inline'\"/>",
      element("title", html.escape(title)),
      element("style", page_style.rules(colors) + style),
      "</head>",
      element("body", body),
      "</html>\n",
    )
  )
  files.write_whole(path, text.encode(), "page")


def header(title: str, line: str, notes: Mapping[str, str]) -> str:
  """Title, what there is in a line, and names and values of facts."""
  facts = [
    element(
      "div",
      element("dt", html.escape(name)),
      element("dd", html.escape(value)),
    )
    for name, value in notes.items()
  ]
  return element(
    "header",
    element("h1", html.escape(title)),
    element("p", html.escape(line)),
    *([element("dl", *facts, class_="facts")] if facts else []),
  )


def toolbar(
  switches: Sequence[tuple[str, str, bool]],
  classes: Sequence[tuple[int, str]],
) -> str:
  """Check boxes for what is drawn, and the colours of the classes.

  Args:
    switches: name, words and whether it is on; the rules ask for the box
      `#show-name`.
    classes: numbers and names.

  Returns:
    Markup that stays in sight.
  """
  return element(
    "div",
    element(
      "div",
      *(
        element(
          "label",
          element(
            "input",
            type="checkbox",
            id=f"show-{name}",
            checked=checked,
            autocomplete="off",
          ),
          words,
        )
        for name, words, checked in switches
      ),
      class_="switches",
      role="group",
      aria_label="What is drawn on the pictures",
    ),
    element(
      "ul",
      *(
        element(
          "li", element("i", class_=color_class(number)), html.escape(name)
        )
        for number, name in classes
      ),
      class_="legend",
      aria_label="Classes",
    ),
    class_="toolbar",
  )


def statistics(
  keys: Sequence[tuple[str, str]],
  plots: Sequence[str],
  columns: Sequence[str],
  rows: Sequence[tuple[str, Sequence[str]]],
) -> str:
  """A section of plots and a table.

  Args:
    keys: kind (`synthetic`, `real`), and what it stands for.
    plots: figures.
    columns: heads of the table.
    rows: head and cells of each row.

  Returns:
    Markup.
  """
  table = element(
    "table",
    element(
      "thead",
      element(
        "tr",
        element("td"),
        *(element("th", html.escape(name), scope="col") for name in columns),
      ),
    ),
    element(
      "tbody",
      *(
        element(
          "tr",
          element("th", html.escape(name), scope="row"),
          *(element("td", html.escape(value)) for value in values),
        )
        for name, values in rows
      ),
    ),
  )
  return element(
    "section",
    element("h2", "Statistics"),
    element(
      "ul",
      *(
        element("li", element("i", class_=f"key {kind}"), html.escape(words))
        for kind, words in keys
      ),
      class_="legend",
    ),
    element(
      "div",
      *plots,
      element(
        "figure",
        element("figcaption", element("strong", "In numbers")),
        table,
        class_="plot",
      ),
      class_="tiles wide",
    ),
  )


def thumbnail_size(
  height: int, width: int, most: int = MOST_PIXELS
) -> tuple[int, int]:
  """The size of a picture of which neither side is over `most` pixels."""
  shrink = min(1, most / max(height, width))
  return max(1, round(height * shrink)), max(1, round(width * shrink))


def photograph(image: np.ndarray) -> str:
  """An address that holds a picture, which loses a little."""
  return _data_url(images.encode(image, "jpg", _QUALITY), "jpeg")


def drawing(image: np.ndarray) -> str:
  """An address that holds a picture, which may be transparent, as it is."""
  return _data_url(images.encode(image, "png"), "png")


def color_class(number: int) -> str:
  """The name in the rules of a class's colour."""
  return f"c{number}"


def _data_url(data: bytes, kind: str) -> str:
  return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
