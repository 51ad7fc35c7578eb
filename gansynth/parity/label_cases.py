"""What cases of SPADE's family and pix2pixHD have in common."""

import copy
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from gansynth.convert import torch_options
from gansynth.models.semantics import Conditioning, LabelMap
from gansynth.parity import comparison, label_options
from gansynth.parity.case import Case, CaseError, to_nhwc
from gansynth.parity.comparison import Comparison, Tolerance, compare

_DEFAULT = Tolerance(2e-5)
_FEATURES = ("feat", "feat_map", "features")  # names of recorded ones
# "max(2e-5, 30*fp32_vs_fp64_maxabs[key])"
_MEASURED = re.compile(r"max\(\s*([\d.e+-]+)\s*,\s*([\d.e+-]+)\s*\*\s*fp32_vs")


def tolerance(case: Case, name: str, *words: str) -> Tolerance:
  """Returns how far an array may be off, as the case suggests.

  A suggestion may be a multiple of what the original's own float32 run is off
  from its float64 run.

  Args:
    case: the case.
    name: of the array.
    *words: one of which a clause of the text may hold that is for this array;
      else the first clause counts.
  """
  stated = case.meta.get("suggested_tolerance", case.meta.get("tolerance"))
  if isinstance(stated, dict) and not {"atol", "rtol", "exact"} & set(stated):
    stated = stated.get(name, stated.get("others"))
    if isinstance(stated, int | float):
      return Tolerance(float(stated))
  if isinstance(stated, str):
    measured = _MEASURED.search(stated)
    if measured:
      recorded = case.meta.get("fp32_vs_fp64_maxabs", {}).get(name, 0.0)
      floor, factor = float(measured[1]), float(measured[2])
      return Tolerance(max(floor, factor * float(recorded)))
    named = comparison.clause(stated, *words) if words else None
    clauses = comparison.clauses(stated) or [stated]
    stated = named or clauses[0]
  return comparison.parse(stated, _DEFAULT)


def options(case: Case) -> torch_options.Options:
  """Returns the original's options.

  `case.json` has a constructor's, or all of them as `resolved_options`, or the
  command line `argv`, of which the system's program made the others.

  Raises:
    CaseError: it has none of these, or a command line that cannot be read.
  """
  source = f"{case.folder / 'case.json'}"
  if "argv" in case.meta:
    try:
      return label_options.parse(
        case.meta["argv"], case.meta["system"], f"{source}: argv"
      )
    except ValueError as e:
      raise CaseError(str(e)) from e
  values = {**case.constructor, **case.meta.get("resolved_options", {})}
  if not values:
    raise CaseError(
      f"{case.folder}: case.json has neither argv nor resolved_options nor a "
      "constructor"
    )
  return torch_options.Options(source, values)


def variant(case: Case, argv: str | Sequence[str]) -> Case:
  """Returns a case as if `argv` were its command line.

  Some cases hold several runs of the original, each with its own. Arrays are
  shared: those looked at in the variant count as looked at.
  """
  one = copy.copy(case)
  one.meta = {**case.meta, "argv": argv}
  one.outputs = case.outputs
  return one


def checkpoint(case: Case, letter: str) -> str:
  """Returns the file of a network, relative to the case's folder.

  `checkpoint` of `case.json` names files, such as `latest_net_{G,D}.pth`, or a
  folder of an experiment; without it they lie in the folder `checkpoint`, or
  in the case's.

  Args:
    case: the case.
    letter: G, D or E, as files are called where there are several.

  Raises:
    CaseError: there is no such file.
  """
  text = str(case.meta.get("checkpoint", ""))
  names = []
  for name in re.findall(r"[\w./{},-]*\w[\w{},-]*\.pth", text):
    braces = re.search(r"\{([^}]*)\}", name)
    for choice in braces[1].split(",") if braces else [""]:
      names.append(name.replace(braces[0], choice) if braces else name)
  if not names:
    folder = pathlib.Path(*(text.split()[:1] or ["checkpoint"]))
    if not (case.folder / folder).is_dir():
      folder = pathlib.Path()
    epoch = case.meta.get("resolved_options", {}).get("which_epoch", "latest")
    chosen = folder / f"{epoch}_net_{letter}.pth"
    if (case.folder / chosen).is_file():
      return str(chosen)
    names = sorted(path.name for path in case.folder.glob("*.pth"))
  own = [name for name in names if name.endswith(f"_net_{letter}.pth")]
  if not own and len(names) == 1 and "_net_" not in names[0]:
    own = names
  if not own:
    raise CaseError(
      f"{case.folder}: no checkpoint of network {letter}; found "
      f"{', '.join(names) or 'none'}"
    )
  return own[0]


def network(
  case: Case, letter: str, file: str | None = None, **extra: Any
) -> tuple[dict, Any, dict]:
  """Imports a network of the case, as `Case.network` does.

  Args:
    case: the case.
    letter: G, D or E.
    file: relative to the case's folder; None: see `checkpoint`.
    **extra: options of the import.
  """
  original, file = options(case), file or checkpoint(case, letter)
  if original.program is None:
    # A constructor, which is one of pix2pixHD: SPADE's has all options.
    return case.network(file, norm=original.values.get("norm"), **extra)
  return case.network(file, original=original, **extra)


def conditioning(
  case: Case, channels: int | None = None, is_pix2pixhd: bool = False
) -> Conditioning:
  """Returns what the networks are shown.

  Args:
    case: the case.
    channels: how many they take; needed where the case tells a constructor.
    is_pix2pixhd: whose options they are.
  """
  values = options(case).values
  # ASAP-Nets calls it by another name.
  no_edges = values.get("no_instance", values.get("no_instance_edge", False))
  edges = "instance" in case.inputs and not no_edges
  if "label_nc" not in values:
    pooled = features(case)
    extra = 0 if pooled is None else pooled.shape[-1]
    if channels is None:
      raise CaseError(f"{case.folder}: case.json does not tell label_nc")
    return Conditioning(
      channels - edges - extra,
      edges=edges,
      features="instance" if extra else "none",
      num_features=extra,
    )
  if not no_edges and not edges:
    raise CaseError(
      f"{case.folder}: the networks are shown instances, and inputs.npz has no "
      "'instance'"
    )
  pooled = [
    kind
    for kind in ("instance", "label")
    if is_pix2pixhd and values.get(f"{kind}_feat")
  ]
  return Conditioning(
    values["label_nc"],
    dont_care=bool(values.get("contain_dontcare_label")),
    edges=edges,
    features=(pooled or ["none"])[0],
    num_features=values.get("feat_num", 3),
  )


def labels(case: Case, wanted: Conditioning, name: str = "label") -> np.ndarray:
  """Returns a label map of the case as networks take it."""
  if name not in case.inputs:
    raise CaseError(f"{case.folder}: inputs.npz has no {name!r}")
  array = case.inputs[name]
  if not wanted.num_labels:
    return to_nhwc(array).astype(case.dtype)
  if array.shape[1] == 1:
    found = array[:, 0].astype(np.int32)
  elif array.shape[1] == wanted.label_channels:
    found = from_one_hot(array, f"{case.folder}: {name!r}")
  else:
    raise CaseError(
      f"{case.folder}: {name!r} has {array.shape[1]} channels, expected 1 or "
      f"{wanted.label_channels}"
    )
  if found.min() < 0 or found.max() >= wanted.label_channels:
    raise CaseError(
      f"{case.folder}: {name!r} holds {found.min()} to {found.max()}, expected "
      f"0 to {wanted.label_channels - 1}"
    )
  return found


def from_one_hot(array: np.ndarray, source: str) -> np.ndarray:
  """Returns the labels of one-hot channels.

  Args:
    array: (batch, channels, height, width).
    source: for messages.

  Raises:
    CaseError: they are not one-hot.
  """
  if not np.isin(array, (0, 1)).all() or (array.sum(1) != 1).any():
    raise CaseError(
      f"{source} is not one-hot; several labels at one pixel are not supported"
    )
  return array.argmax(1).astype(np.int32)


def instances(case: Case, name: str = "instance") -> np.ndarray | None:
  """Returns an instance map of the case, or None."""
  if name not in case.inputs:
    return None
  return case.inputs[name][:, 0].astype(np.int32)


def features(case: Case) -> np.ndarray | None:
  """Returns recorded features of instances as NHWC, or None."""
  names = [name for name in _FEATURES if name in case.inputs]
  return case.picture(names[0]) if names else None


def semantics(
  case: Case, wanted: Conditioning, pooled: Any = None
) -> LabelMap | jax.Array:
  """Makes what the networks are shown from the label and instance maps.

  Args:
    case: the case.
    wanted: channels beside each other.
    pooled: features of instances (batch, height, width, num_features), which
      the generator is shown and the discriminator is not.
  """
  return wanted(
    labels(case, wanted),
    instances(case) if wanted.edges else None,
    pooled,
    dtype=case.dtype,
  )


def compare_semantics(
  case: Case, made: LabelMap | jax.Array
) -> list[Comparison]:
  """Compares them with the recorded `semantics`, where there are any."""
  if "semantics" not in case.inputs:
    return []
  dense = made.dense(case.dtype) if isinstance(made, LabelMap) else made
  expected = to_nhwc(case.inputs["semantics"])
  return [compare("semantics", dense, expected, comparison.EXACT)]


def recorded_semantics(case: Case) -> np.ndarray | None:
  """Returns the recorded `semantics` as NHWC, or None."""
  if "semantics" not in case.inputs:
    return None
  return case.picture("semantics")


def number_in(text: Any, pattern: str, default: float) -> float:
  """Reads the number after a pattern in a text of `case.json`."""
  match = re.search(pattern + r"\s*[=:]?\s*([\d.]+(?:e-?\d+)?)", str(text))
  return float(match[1]) if match else default
