"""What training runs with and without synthetic pairs say of the difference."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gansynth import tables

ALL_REAL = "all real"  # in place of a ratio: the runs with all real pairs
# Student's t that 95 % of draws stay within, by degrees of freedom from 1 on.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def summarise(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
  """Puts runs that differ only in their seed together.

  Args:
    runs: each with `ratio`, the share of synthetic pairs, or `ALL_REAL`;
      `seed`; `mean_iou`; and `iou`, numbers by the names of the classes that
      occur.

  Returns:
    For each ratio, in ascending order and `ALL_REAL` last:
    - `ratio`, `seeds`;
    - `mean`, `std`, `min`, `max` of the mean IoU; `std`, with n - 1, is None
      of a single run;
    - `gain`, None where there is nothing to compare with: the difference to
      the run of the same seed without synthetic pairs. `mean`;
      `standard_error` of that mean and the 95 % `interval` around it
      (Student's t), None with a single seed; `seeds` that have both runs;
    - `iou`, means by class over the runs in which it occurs.
  """
  by_ratio: dict[Any, dict[int, Mapping[str, Any]]] = {}
  for run in runs:
    by_ratio.setdefault(run["ratio"], {})[run["seed"]] = run
  without = by_ratio.get(0.0, {})
  rows = []
  for ratio in sorted(by_ratio, key=_order):
    found = by_ratio[ratio]
    scores = np.array([run["mean_iou"] for run in found.values()])
    pairs = sorted(set(found) & set(without)) if ratio != 0.0 else []
    rows.append(
      {
        "ratio": ratio,
        "seeds": sorted(found),
        "mean": float(scores.mean()),
        "std": float(scores.std(ddof=1)) if len(scores) > 1 else None,
        "min": float(scores.min()),
        "max": float(scores.max()),
        "gain": _gain(
          [found[x]["mean_iou"] - without[x]["mean_iou"] for x in pairs], pairs
        ),
        "iou": _class_means([run["iou"] for run in found.values()]),
      }
    )
  return rows


def _order(ratio):
  return (1, 0.0) if ratio == ALL_REAL else (0, ratio)


def _gain(differences, seeds):
  if not seeds:
    return None
  count = len(differences)
  mean = float(np.mean(differences))
  error = interval = None
  if count > 1:
    error = float(np.std(differences, ddof=1) / math.sqrt(count))
    t = _T[count - 2] if count - 2 < len(_T) else 1.96 + 2.65 / (count - 1)
    interval = [mean - t * error, mean + t * error]
  return {
    "mean": mean,
    "standard_error": error,
    "interval": interval,
    "seeds": seeds,
  }


def _class_means(each):
  names = dict.fromkeys(name for iou in each for name in iou)
  return {
    name: float(np.mean([iou[name] for iou in each if name in iou]))
    for name in names
  }


def text(rows: Sequence[Mapping[str, Any]], about: Sequence[str]) -> str:
  """Puts `summarise` into Markdown.

  Args:
    rows: what it returns.
    about: paragraphs that say what was trained on what.
  """
  titles = ["synthetic", "runs", "mean IoU", "std", "min", "max"]
  titles += ["gain", "standard error", "95 % interval"]
  classes = list(dict.fromkeys(name for row in rows for name in row["iou"]))
  parts = [
    "# What synthetic pairs add",
    *about,
    tables.markdown(titles, [_cells(row) for row in rows]),
    "Mean IoU on the real validation pairs. Gain: difference to the run of the "
    "same seed without synthetic pairs, its mean over seeds, the standard "
    "error of that mean, and the interval that Student's t gives. Seeds change "
    "a segmenter's first weights and the order of its data. The real pairs, "
    "the generator and its pairs are the same in all runs, so how much these "
    "matter is not in the spread; and the best of several ratios looks better "
    "than it is, for it was chosen by this number.",
    verdict(rows),
    tables.markdown(
      ["synthetic", *classes],
      [
        [_named(row["ratio"])]
        + [_number(row["iou"].get(name)) for name in classes]
        for row in rows
      ],
    ),
    "IoU by class, means over seeds.",
  ]
  return "\n\n".join(part for part in parts if part) + "\n"


def verdict(rows: Sequence[Mapping[str, Any]]) -> str:
  """Says in a sentence what the gains come to."""
  found = [
    row for row in rows if row["gain"] is not None and row["ratio"] != ALL_REAL
  ]
  if not found:
    return ""
  best = max(found, key=lambda row: row["gain"]["mean"])
  gain = best["gain"]
  what = "most is gained" if gain["mean"] > 0 else "least is lost"
  start = (
    f"The {what} with {_named(best['ratio'])} synthetic pairs: "
    f"{gain['mean']:+.4f} mean IoU"
  )
  if gain["interval"] is None:
    return f"{start}, of a single seed, which tells nothing of chance."
  low, high = gain["interval"]
  seeds = f"{len(gain['seeds'])} seeds"
  if low > 0:
    return f"{start}, which chance among {seeds} does not explain."
  if high < 0:
    return f"{start}: even that is more than chance among {seeds} explains."
  return f"{start}, which {seeds} do not tell from no gain at all."


def _cells(row):
  gain = row["gain"] or {}
  interval = gain.get("interval")
  return [
    _named(row["ratio"]),
    f"{len(row['seeds'])}",
    *(_number(row[name]) for name in ("mean", "std", "min", "max")),
    _number(gain.get("mean"), "+.4f"),
    _number(gain.get("standard_error")),
    f"{interval[0]:+.4f} to {interval[1]:+.4f}" if interval else "",
  ]


def _named(ratio):
  return ratio if ratio == ALL_REAL else f"{ratio:.0%}"


def _number(value, form=".4f"):
  return "" if value is None else f"{value:{form}}"
