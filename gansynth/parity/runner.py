"""Chooses the check of a case and runs it."""

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import Comparison
from gansynth.parity.networks import is_counter

# Modules beside this one.
SYSTEMS = (
  "cyclegan",
  "pix2pix",
  "gpgan",
  "climate",
  "label_formats",
  "spade",
  "pix2pixhd",
  "semdisc",
  "asapnets",
  "geoseg",
  "vgg19",
  "fid_distance",
  "kid",
  "prdc",
  "lpips",
  "drn",
  "seg_metrics",
  "fid_inception",
  "fid_cli",
  "cleanfid_resize",
)

Check = Callable[[Case], Iterator[Comparison]]


def checks() -> dict[tuple[str, str], Check]:
  """Returns all checks by (system, check)."""
  return {
    (system, name): check
    for system in SYSTEMS
    for name, check in importlib.import_module(
      f"gansynth.parity.{system}"
    ).CHECKS.items()
  }


def _not_compared(case):
  """Says which arrays no check looked at: nothing is passed over silently.

  Arrays that `case.json` gives for information only, and counters of batches,
  are not meant to be compared.
  """
  if "outputs" not in vars(case):
    return
  about = case.meta.get("arrays", {})
  names = [
    name
    for name in case.outputs.keys() - case.outputs.used
    if not is_counter(name)
    and "information only" not in str(about.get(name, ""))
  ]
  if names:
    yield Comparison("not compared", True, note=", ".join(sorted(names)[:20]))


def run_case(
  folder: str | os.PathLike[str], dtype: Any = jnp.float32
) -> Iterator[Comparison]:
  """Runs one case and yields its comparisons as they are made.

  Matrix products run at the highest precision, whatever the device.

  Args:
    folder: of the case.
    dtype: of the computation, float32 or float64.

  Raises:
    CaseError: the case cannot be run; the message says why.
  """
  case = Case(folder, dtype)
  known = checks()
  pair = (case.meta["system"], case.meta["check"])
  if pair not in known:
    raise CaseError(
      f"{folder}: no check for {pair}; known are "
      f"{', '.join(f'{system}/{check}' for system, check in sorted(known))}"
    )
  with contextlib.ExitStack() as stack:
    stack.enter_context(jax.default_matmul_precision("highest"))
    if case.dtype == jnp.float64:
      stack.enter_context(jax.enable_x64(True))
    try:
      count = 0
      for comparison in known[pair](case):
        count += 1
        yield comparison
      if not count:
        raise CaseError(f"{folder}: nothing in the case was compared")
      yield from _not_compared(case)
    except CaseError:
      raise
    except (ValueError, OSError) as e:
      # What networks, systems and readers refuse, a case cannot have.
      raise CaseError(f"{folder}: {e}") from e
