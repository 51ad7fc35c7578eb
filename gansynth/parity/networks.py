"""Networks under a case's conditions."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gansynth import convert
from gansynth.parity.case import Case, CaseError, to_nchw, to_nhwc
from gansynth.parity.comparison import Comparison, Tolerance, compare

_PADDING_MODES = {"reflect": None, "zero": None, "replicate": "replicate"}


def converter_options(constructor: Mapping[str, Any]) -> dict[str, Any]:
  """What a checkpoint may not tell, from the original's constructor."""
  padding = constructor.get("padding_type", "reflect")
  if padding not in _PADDING_MODES:
    raise CaseError(f"unknown padding_type {padding!r}")
  dropout = constructor.get("use_dropout")
  return {
    "norm": constructor.get("norm"),
    "padding_mode": _PADDING_MODES[padding],
    "use_dropout": None if dropout is None else bool(dropout),
  }


def dropout_masks(
  arrays: Mapping[str, np.ndarray], prefix: str = ""
) -> list[np.ndarray]:
  """Returns the recorded keep masks (NHWC) in order of execution."""
  start = f"{prefix}dropmask_"
  names = [name for name in arrays if name.startswith(start)]
  names.sort(key=lambda name: int(name[len(start) :]))
  return [to_nhwc(arrays[name]) for name in names]


@contextlib.contextmanager
def with_dropout_masks(masks: Sequence[Any]) -> Iterator[None]:
  """A context in which dropouts use these keep masks, in order.

  Without masks dropouts are left as they are.
  """
  remaining = list(masks)

  def intercept(call, arguments, keywords, context):
    module = context.module
    if not isinstance(module, nn.Dropout) or module.deterministic:
      return call(*arguments, **keywords)
    if not remaining:
      raise CaseError(
        f"the network has more dropouts than the {len(masks)} recorded masks"
      )
    mask = remaining.pop(0)
    (x,) = arguments
    if mask.shape != x.shape:
      raise CaseError(
        f"a recorded dropout mask has the shape {mask.shape}, and the "
        f"dropout's input {x.shape}"
      )
    return x * (jnp.asarray(mask, x.dtype) / (1 - module.rate))

  if not remaining:
    yield
    return
  with nn.intercept_methods(intercept):
    yield
  if remaining:
    raise CaseError(
      f"{len(masks)} dropout masks were recorded, and {len(remaining)} of them "
      "found no dropout"
    )


def output_of(result: Any) -> jax.Array:
  """A generator's picture, or a discriminator's logits."""
  return result if isinstance(result, jax.Array) else result[-1][-1]


def forward(
  network: nn.Module,
  variables: Mapping[str, Any],
  x: np.ndarray,
  *,
  train: bool = False,
  masks: Sequence[np.ndarray] = (),
) -> tuple[np.ndarray, dict[str, Any]]:
  """Applies a network.

  Args:
    network: a generator or a discriminator.
    variables: its variables.
    x: NHWC.
    train: use batch statistics and drop units.
    masks: keep masks of the dropouts, in order of execution.

  Returns:
    The output in NCHW, and the variables with the statistics afterwards.
  """
  if train and getattr(network, "use_dropout", False) and not masks:
    raise CaseError(
      "the network drops units in training and no dropout masks were recorded"
    )

  @jax.jit
  def apply(variables, x, masks):
    with with_dropout_masks(masks):
      return network.apply(variables, x, train=train, mutable=["batch_stats"])

  output, mutated = apply(variables, x, list(masks))
  return to_nchw(output_of(output)), {**variables, **mutated}


def compare_forward(
  case: Case,
  checkpoint: str,
  constructor: Mapping[str, Any],
  names: Mapping[str, str],
  tolerance: Tolerance,
  x: str = "x",
) -> Iterator[Comparison]:
  """Compares a network's outputs with the recorded ones.

  Args:
    case: the case.
    checkpoint: file of the network.
    constructor: what the original's network was made with.
    names: of the arrays: `eval` and `train` (outputs), `after_train` (prefix
      of the buffers after the one training forward), `masks` (prefix of
      `dropmask_<k>`).
    tolerance: of all of them.
    x: name of the input.
  """
  description, network, variables = case.network(
    checkpoint, **converter_options(constructor)
  )
  picture = case.picture(x)
  last = jax.nn.sigmoid if constructor.get("use_sigmoid") else np.asarray
  if names["eval"] in case.outputs:
    y, _ = forward(network, variables, picture)
    yield compare(
      names["eval"], last(y), case.outputs[names["eval"]], tolerance
    )
  if names["train"] not in case.outputs:
    return
  y, after = forward(
    network,
    variables,
    picture,
    train=True,
    masks=dropout_masks(case.outputs, names["masks"]),
  )
  yield compare(
    names["train"], last(y), case.outputs[names["train"]], tolerance
  )
  yield from compare_state(
    case.outputs,
    names["after_train"],
    convert.to_state_dict(description, after),
    tolerance,
  )


def compare_state(
  outputs: Mapping[str, np.ndarray],
  prefix: str,
  state: Mapping[str, np.ndarray],
  tolerance: Tolerance,
) -> Iterator[Comparison]:
  """Compares what is recorded under a prefix with a state dict."""
  for name in outputs:
    if not name.startswith(prefix) or is_counter(name):
      continue
    key = name[len(prefix) :]
    if key in state:
      yield compare(name, state[key], outputs[name], tolerance)
    else:
      yield Comparison(name, False, note="the network has no such array")


def is_counter(name: str) -> bool:
  """Whether an array counts batches, which nothing reads or keeps."""
  return name.endswith(("num_batches_tracked", "/N"))  # torch's, Chainer's
