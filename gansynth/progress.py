"""Progress with time left: a bar on a terminal, plain lines elsewhere."""

import sys
import time

import tqdm
from absl import logging


class Progress:
  """Counts towards a total and says how long the rest will take.

  On a terminal it is one tqdm bar; elsewhere (a log file, a cluster) a line
  now and then.
  """

  def __init__(
    self,
    total: int,
    *,
    unit: str,
    initial: int = 0,
    seconds_between_lines: float = 10.0,
  ) -> None:
    """Starts to count.

    Args:
      total: what is done when all is done.
      unit: of what, for example "step".
      initial: what is done already.
      seconds_between_lines: least time from one plain line to the next.
    """
    self._unit = unit
    self._total = total
    self._initial = self._done = initial
    self._start = self._last_line = time.monotonic()
    self._interval = seconds_between_lines
    self._bar = None
    if sys.stderr.isatty():
      self._bar = tqdm.tqdm(
        total=total, initial=initial, unit=unit, dynamic_ncols=True
      )

  @property
  def done(self) -> int:
    """What is done so far."""
    return self._done

  def update(self, count: int = 1, note: str = "") -> None:
    """Counts `count` more; `note` (losses, say) is shown beside."""
    self._done += count
    if self._bar is not None:
      self._bar.update(count)
      if note:
        self._bar.set_postfix_str(note)
      return
    now = time.monotonic()
    if now - self._last_line >= self._interval or self._done >= self._total:
      self._last_line = now
      self.line(note)

  def restart_clock(self, count: int) -> None:
    """Counts `count` more, and leaves them and their time out of the rate.

    The first step waits for its compilation and says nothing of the others.
    """
    self._done += count
    self._start = time.monotonic()
    self._initial = self._done
    if self._bar is not None:
      bar = self._bar
      bar.initial = bar.n = bar.last_print_n = self._done
      bar.unpause()

  def line(self, note: str = "") -> None:
    """Logs where things stand."""
    seconds = time.monotonic() - self._start
    rate = (self._done - self._initial) / seconds if seconds > 0 else 0.0
    left = _duration((self._total - self._done) / rate) if rate else "unknown"
    logging.info(
      "%s %d of %d, %.3g a second, %s left%s",
      self._unit,
      self._done,
      self._total,
      rate,
      left,
      f": {note}" if note else "",
    )

  def close(self) -> None:
    """Ends the bar."""
    if self._bar is not None:
      self._bar.close()

  def __enter__(self) -> "Progress":
    return self

  def __exit__(self, *exception: object) -> None:
    self.close()


def _duration(seconds: float) -> str:
  minutes, seconds = divmod(round(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  if hours:
    return f"{hours} h {minutes:02d} min"
  return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
