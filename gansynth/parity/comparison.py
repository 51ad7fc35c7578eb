"""Comparing arrays, and the tolerances that cases state in words."""

import dataclasses
import math
import re
from typing import Any

import numpy as np

_NUMBER = r"(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"


@dataclasses.dataclass(frozen=True)
class Tolerance:
  """How far an array may be off.

  An element passes if its error is at most the largest of `absolute`,
  `relative` times the largest magnitude expected in the array (with
  `elementwise`, expected of that element) and `floor`. Without any of them it
  must be equal.
  """

  absolute: float | None = None
  relative: float | None = None
  floor: float = 0.0
  elementwise: bool = False

  def allowed(self, expected: np.ndarray) -> Any:
    """Returns the largest error, a scalar or one for each element."""
    magnitude = np.abs(expected)
    if not self.elementwise:
      magnitude = magnitude.max(initial=0)
    allowed = np.maximum(self.floor, (self.relative or 0) * magnitude)
    return np.maximum(allowed, self.absolute or 0)

  def __str__(self):
    parts = []
    if self.absolute is not None:
      parts.append(f"abs {self.absolute:.3g}")
    if self.relative is not None:
      scope = "" if self.elementwise else " of max"
      parts.append(f"rel {self.relative:.3g}{scope}")
    return " or ".join(parts) or "exact"


EXACT = Tolerance()


@dataclasses.dataclass(frozen=True)
class Comparison:
  """One line of the report."""

  name: str
  ok: bool
  absolute: float = 0.0  # largest error
  relative: float = 0.0  # largest error over the largest magnitude expected
  tolerance: str = ""
  note: str = ""

  def __str__(self):
    if self.tolerance:
      text = (
        f"{self.name}  abs {self.absolute:.3g}  rel {self.relative:.3g}  "
        f"tolerance {self.tolerance}  {'ok' if self.ok else 'FAILED'}"
      )
    else:
      text = f"{self.name}  {'ok' if self.ok else 'FAILED'}"
    return f"{text}  ({self.note})" if self.note else text


def compare(
  name: str, found: Any, expected: Any, tolerance: Tolerance, note: str = ""
) -> Comparison:
  """Compares two arrays; other shapes and NaN fail."""
  found, expected = np.asarray(found), np.asarray(expected)
  if found.shape != expected.shape:
    return Comparison(
      name,
      False,
      math.inf,
      math.inf,
      str(tolerance),
      f"found shape {found.shape}, expected {expected.shape}",
    )
  kind = np.result_type(found, expected, np.float64)
  found, expected = found.astype(kind), expected.astype(kind)
  error = np.abs(found - expected)
  absolute = float(error.max(initial=0))
  magnitude = float(np.abs(expected).max(initial=0))
  relative = absolute / magnitude if magnitude else math.inf * bool(absolute)
  return Comparison(
    name,
    bool(np.all(error <= tolerance.allowed(expected))),
    absolute,
    0.0 if absolute == 0 else relative,
    str(tolerance),
    note,
  )


def clauses(text: Any) -> list[str]:
  """Splits a tolerance text at semicolons, without what is in brackets."""
  if not isinstance(text, str):
    return []
  plain = re.sub(r"\([^()]*\)", "", text)
  return [clause.strip() for clause in plain.split(";") if clause.strip()]


def clause(text: Any, *words: str) -> str | None:
  """Returns the first clause that holds one of `words`."""
  for part in clauses(text):
    if any(word in part.lower() for word in words):
      return part
  return None


def parse(text: Any, default: Tolerance) -> Tolerance:
  """Reads one clause of a tolerance text.

  `exact` means equal; `2e-3 * max`, `1e-4 of its max`, `1% of its max` and
  `rel 1e-5` are relative to the largest magnitude expected in the array; any
  other first number is absolute, as in `max abs 2e-5`, `1e-6`, `within 1
  level`. Both may be given, as in `atol 1e-6 rtol 1e-4` and `1e-4 relative +
  1e-6 absolute`. A dict may give `atol`, `rtol` and `exact`. What cannot be
  read gives the default.
  """
  if isinstance(text, dict):
    if text.get("exact"):
      return EXACT
    if "atol" in text or "rtol" in text:
      return Tolerance(text.get("atol"), text.get("rtol"))
    return default
  if not isinstance(text, str):
    return default
  text = text.lower()
  if "exact" in text or "bit for bit" in text:
    return EXACT
  number = re.search(
    rf"{_NUMBER}\s*(%?)\s*(?:\*|of (?:its|their|the))\s*max", text
  )
  if number:
    return Tolerance(relative=float(number[1]) / (100 if number[2] else 1))
  kinds = {
    "absolute": r"(?:abs(?:olute)?|atol)",
    "relative": r"(?:rel\w*|rtol)",
  }
  if re.match(rf"\D*?\b{_NUMBER}\s+(?:abs|rel)", text):
    patterns = {name: rf"{_NUMBER}\s+{word}\b" for name, word in kinds.items()}
  else:
    patterns = {
      name: rf"\b{word}\b\D*?{_NUMBER}" for name, word in kinds.items()
    }
  found = {name: re.search(regex, text) for name, regex in patterns.items()}
  found = {name: float(match[1]) for name, match in found.items() if match}
  if found:
    return Tolerance(**found)
  number = re.search(_NUMBER, text)
  return Tolerance(float(number[1])) if number else default


@dataclasses.dataclass(frozen=True)
class Outliers:
  """A tolerance that a share of all elements together may miss."""

  within: float  # absolute error of the others
  share: float  # in [0, 1]
  limit_in_steps: float  # of every element: this times lr times steps


def parse_outliers(text: str | None, default: Outliers) -> Outliers:
  """Reads "all but 0.5% of elements within 1e-5, none beyond 2*lr*steps"."""
  text = text or ""
  share = re.search(rf"all but {_NUMBER}\s*%", text)
  within = re.search(rf"within {_NUMBER}", text)
  limit = re.search(rf"none beyond {_NUMBER}\s*\*\s*lr\s*\*\s*steps", text)
  return Outliers(
    float(within[1]) if within else default.within,
    float(share[1]) / 100 if share else default.share,
    float(limit[1]) if limit else default.limit_in_steps,
  )
