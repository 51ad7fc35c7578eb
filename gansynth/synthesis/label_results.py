"""Where pictures of label maps are put, and the page that shows them."""

import html
import os
import pathlib
from collections.abc import Mapping, Sequence

import jax

from gansynth.synthesis import folders
from gansynth.synthesis.label_files import LabelFile

RESULTS = ("plain", "original")
# SPADE's folders, and SemDisc's.
_INPUT, _TRUTH, _OUTPUT = "input_label", "GT_image", "synthesized_image"
_STYLE = "word-wrap: break-word;"


class Layout:
  """Which file holds what.

  Attributes:
    folder: where the results are, below the folder that was asked for.
  """

  def __init__(
    self,
    found: Sequence[LabelFile],
    styles: Sequence[str],
    results: str,
    file_format: str,
    folder: str,
  ) -> None:
    """Chooses the files.

    Args:
      found: the label maps.
      styles: names of the styles; [""] where there is one.
      results: one of `RESULTS`, see `label_folders.synthesize_labels`.
      file_format: ending of the pictures.
      folder: of `original`.

    Raises:
      ValueError: two results would be one file.
    """
    self._found = found
    self._styles = styles
    self._original = results == "original"
    self.folder = folder if self._original else ""
    self._names = {}
    if self._original:
      for file in found:
        self._names[file] = f"{file.original_name}.{file_format}"
    else:
      names = folders.output_names([x.name for x in found], file_format)
      self._names = {file: names[file.name] for file in found}
    taken = {}
    for file in found:
      for name in self.of(file):
        if name in taken:
          raise ValueError(
            f"{taken[name].label} and {file.label} would both be written to "
            f"{name}; rename one, or choose plain results and other styles"
          )
        taken[name] = file

  def output(self, file: LabelFile, style: int) -> str:
    """Of a picture, in the folder."""
    name, style = self._names[file], self._styles[style]
    if self._original:
      return f"images/{_OUTPUT}{style and f'_{style}'}/{name}"
    stem, ending = os.path.splitext(name)
    return f"{stem}{style and f'_{style}'}{ending}"

  def input(self, file: LabelFile) -> str | None:
    """Of the label map in colours, if there is one."""
    return f"images/{_INPUT}/{self._names[file]}" if self._original else None

  def truth(self, file: LabelFile) -> str | None:
    """Of the true picture, if there is one."""
    if not self._original or file.truth is None:
      return None
    return f"images/{_TRUTH}/{self._names[file]}"

  def of(self, file: LabelFile) -> list[str]:
    """Of everything that is made of a label map."""
    outputs = [self.output(file, k) for k in range(len(self._styles))]
    shown = (self.input(file), self.truth(file))
    return [*filter(None, shown), *outputs]

  def all(self) -> list[str]:
    """Of everything."""
    return [name for file in self._found for name in self.of(file)]

  def rows(self, folder: pathlib.Path) -> list[tuple[str, dict[str, str]]]:
    """Of the page: what is there, or will be made by other hosts."""
    rows = []
    for file in self._found:
      names = self.of(file)
      alone = jax.process_count() == 1
      if not alone or all((folder / name).exists() for name in names):
        captions = {name.split("/")[1]: name for name in names}
        rows.append((os.path.splitext(self._names[file])[0], captions))
    return rows


def page(
  title: str,
  rows: Sequence[tuple[str, Mapping[str, str]]],
  width: int = 256,
) -> str:
  """Lays pictures out as SPADE's `index.html`: a table for each scene.

  Args:
    title: of the page.
    rows: for each scene its name, and paths of pictures by their captions.
    width: pixels that pictures are shown in.

  Returns:
    HTML.
  """
  lines = [
    "<!DOCTYPE html>",
    "<html>",
    "  <head>",
    '    <meta charset="utf-8">',
    f"    <title>{html.escape(title)}</title>",
    "  </head>",
    "  <body>",
    f"    <h1>{html.escape(title)}</h1>",
  ]
  for name, pictures in rows:
    lines += [
      f"    <h3>{html.escape(name)}</h3>",
      '    <table border="1" style="table-layout: fixed;">',
      "      <tr>",
    ]
    for caption, path in pictures.items():
      path = html.escape(path)
      lines += [
        f'        <td halign="center" style="{_STYLE}" valign="top">',
        "          <p>",
        f'            <a href="{path}">',
        f'              <img src="{path}" style="width:{width}px">',
        "            </a><br>",
        f"            {html.escape(caption)}",
        "          </p>",
        "        </td>",
      ]
    lines += ["      </tr>", "    </table>"]
  return "\n".join([*lines, "  </body>", "</html>"]) + "\n"
