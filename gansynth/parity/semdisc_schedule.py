"""Learning rates of SemDisc's phases, epoch by epoch."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gansynth import config_defaults
from gansynth.parity import label_cases, label_options
from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import EXACT, Comparison, Tolerance, compare
from gansynth.systems import schedules

_SIDES = ("lr_G", "lr_D")


class _Recipe(NamedTuple):
  """Options of a phase."""

  niter: int  # epochs at the full rate
  decay: int  # and of a falling one
  rate: float
  ttur: bool

  def rates(self, factors):
    """Rates of both sides, (epochs, 2)."""
    split = (0.5, 2.0) if self.ttur else (1.0, 1.0)
    return self.rate * np.outer(factors, split)


def learning_rates(case: Case) -> Iterator[Comparison]:
  """Rates in each epoch of each phase, and with what a phase goes on.

  A phase is a run of its own: wherever it begins, its rate is the full one.
  Phases that follow each other as the recipe's do have the rates of one run,
  too. With the rate go the numbers of the next epoch and of the pictures that
  it has had, which the original writes to `iter.txt`, and Adam's.
  """
  names = sorted(name for name in case.meta if re.fullmatch(r"phase\d+", name))
  if not names:
    raise CaseError(f"{case.folder}: case.json has no phase<n>")
  end, tables = 0, []
  for name in names:
    table, recipe = _table(case, name), _recipe(case, name)
    first, last = int(table[0, 0]), int(table[-1, 0])
    try:
      factors = schedules.learning_rate_factors(
        "linear_to_zero", max(0, recipe.niter - first + 1), recipe.decay
      )[: recipe.niter + recipe.decay - first + 1]
    except ValueError as e:
      raise CaseError(f"{case.folder}: {name}: {e}") from e
    factors = factors[: len(table)]  # a run may have been stopped
    epochs = np.arange(end + 1, end + 1 + len(factors))
    yield compare(f"{name}/epochs", epochs, table[:, 0], EXACT)
    yield from _compare_rates(case, name, recipe.rates(factors), table)
    yield from _compare_counts(case, name, [last + 1, 0])
    end, tables = last, [*tables, table]
  if len(names) > 1 and first == recipe.niter + 1:
    factors = schedules.learning_rate_factors(
      "linear_to_zero", recipe.niter, recipe.decay
    )
    rates, table = recipe.rates(factors), np.concatenate(tables)
    yield from _compare_rates(case, "in one run", rates, table)
  if "after_last" in case.meta:
    late = max(0, end - max(recipe.niter, first - 1))
    rest = recipe.rates([1 - late / max(recipe.decay, 1)])[0]
    expected = case.meta["after_last"]
    floor = Tolerance(1e-12 * recipe.rate)
    yield compare("after_last", rest, expected, floor)
  if recipe.ttur and "betas" in case.meta.get("adam", {}):
    ours = config_defaults.label_to_image().optimizer
    betas = [ours.beta1, ours.beta2]
    yield compare("adam/betas", betas, case.meta["adam"]["betas"], EXACT)


def _table(case, name):
  """Rows of epoch, rate of the generator, rate of the discriminator."""
  table = np.asarray(case.meta[name], np.float64)
  if table.ndim != 2 or table.shape[1] != 1 + len(_SIDES) or not len(table):
    raise CaseError(
      f"{case.folder}: {name} of case.json is no table of epoch, "
      f"{' and '.join(_SIDES)}"
    )
  return table


def _recipe(case, name):
  """What `<name>_argv` says, or the note, in a part for each resumption."""
  if f"{name}_argv" in case.meta:
    values = label_options.parse(
      case.meta[f"{name}_argv"], "semdisc", f"{case.folder}: {name}_argv"
    ).values
    return _Recipe(
      values["niter"],
      values["niter_decay"],
      values["lr"],
      not values["no_TTUR"],
    )
  note = str(case.meta.get("note"))
  parts = note.split("resume")
  part = parts[min(int(name.removeprefix("phase")), len(parts)) - 1]
  niter = label_cases.number_in(part, r"\bniter", -1)
  if niter < 0:
    raise CaseError(
      f"{case.folder}: case.json has no {name}_argv, and its note does not "
      f"tell niter of {name}: {note!r}"
    )
  return _Recipe(
    int(niter),
    int(label_cases.number_in(part, r"\bniter_decay", 0)),
    label_cases.number_in(note, r"\blr", 2e-4),
    not re.search(r"no[ _]TTUR", note, re.IGNORECASE),
  )


def _compare_rates(case, name, rates, table):
  allowed = label_cases.tolerance(case, name)
  for column, side in enumerate(_SIDES):
    expected = table[:, 1 + column]
    yield compare(f"{name}/{side}", rates[:, column], expected, allowed)


def _compare_counts(case, name, found):
  """Compares the next epoch, and how many of its pictures were seen."""
  texts = {f"iter_txt_after_{name}": case.meta.get(f"iter_txt_after_{name}")}
  path = case.folder / f"iter_after_{name}.txt"
  if path.is_file():
    texts[path.name] = path.read_text("utf-8")
  for source, text in texts.items():
    if text is not None:
      yield compare(source, found, [int(n) for n in text.split()], EXACT)
