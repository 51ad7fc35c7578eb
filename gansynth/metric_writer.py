"""Metrics to TensorBoard event files and to a JSON-lines file.

The only file that knows TensorBoard's files. Method names are those of
`clu.metric_writers.MetricWriter`, whose own writers need TensorFlow.
"""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorboardX

from gansynth import files

JSON_LINES = "metrics.jsonl"

_EVENT_SECONDS = 5  # after which events are in their file


class MetricWriter:
  """Writes under one folder; on hosts that are not the primary, nothing.

  Every call of `write_scalars` appends a line {"step": s, name: value, ...}
  to metrics.jsonl, in which a value that is not a number is null.
  """

  def __init__(
    self,
    folder: str | os.PathLike[str],
    *,
    resume_step: int = 0,
    write: bool = True,
  ) -> None:
    """Opens the files, dropping what was written after `resume_step`.

    Args:
      folder: where to write; made if missing.
      resume_step: last step of which the metrics stand; what a killed run
        wrote after the checkpoint that is resumed would stand twice.
      write: False makes all methods do nothing.
    """
    self._events = None
    self._lines = None
    if not write:
      return
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / JSON_LINES
    kept = [
      line for line in read_json_lines(path) if line["step"] <= resume_step
    ]
    text = "".join(json.dumps(line) + "\n" for line in kept)
    files.write_whole(path, text.encode())
    self._lines = path.open("a")
    self._events = tensorboardX.SummaryWriter(
      str(folder),
      purge_step=resume_step + 1 if resume_step else None,
      flush_secs=_EVENT_SECONDS,
    )

  def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
    """Writes numbers by name."""
    if self._lines is None:
      return
    values = {name: float(value) for name, value in scalars.items()}
    line = {
      name: value if np.isfinite(value) else None
      for name, value in values.items()
    }
    self._lines.write(json.dumps({"step": int(step), **line}) + "\n")
    for name, value in values.items():
      self._events.add_scalar(name, value, step)

  def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
    """Writes uint8 pictures (height, width, 3) by name."""
    if self._events is None:
      return
    for name, image in images.items():
      self._events.add_image(name, image, step, dataformats="HWC")

  def write_texts(self, step: int, texts: Mapping[str, str]) -> None:
    """Writes texts by name."""
    if self._events is None:
      return
    for name, text in texts.items():
      self._events.add_text(name, text, step)

  def flush(self) -> None:
    """Hands the lines to the operating system; events follow in seconds."""
    if self._lines is not None:
      self._lines.flush()
      self._events.flush()

  def close(self) -> None:
    """Flushes and closes the files."""
    if self._lines is not None:
      self._lines.close()
      self._events.close()
      self._lines = self._events = None

  def __enter__(self) -> "MetricWriter":
    return self

  def __exit__(self, *exception: object) -> None:
    self.close()


def read_json_lines(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
  """Reads a metrics file; a last line cut off by a kill is left out.

  Args:
    path: the file; a missing one has no lines.

  Raises:
    ValueError: a line that is not the last one is not JSON.
  """
  path = pathlib.Path(path)
  if not path.exists():
    return []
  lines = path.read_text().splitlines()
  records = []
  for number, line in enumerate(lines, 1):
    try:
      records.append(json.loads(line))
    except json.JSONDecodeError as error:
      if number == len(lines):
        break
      raise ValueError(
        f"{path}: line {number} is not JSON but {line[:80]!r}; remove the "
        "line or the file"
      ) from error
  return records
