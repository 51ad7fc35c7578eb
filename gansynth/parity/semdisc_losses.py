"""SemDisc's adversarial losses against recorded ones."""

import re
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gansynth import losses
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import Comparison, compare
from gansynth.parity.label_cases import tolerance
from gansynth.parity.label_losses import gan_mode

# The last part of a loss' name: whether it is the discriminator's, and what
# verdicts should say.
_KINDS = {
  "G_real": (False, True),
  "D_real": (True, True),
  "D_fake": (True, False),
}
_WEIGHTED = {"wmse": True, "plain": False}


def gan_losses(case: Case) -> Iterator[Comparison]:
  """Losses of recorded verdicts, weighted and plain, and their gradients."""
  verdicts, weights = _scales(case, "pred"), _scales(case, "weight")
  for name in [name for name in case.outputs if name.count("/") == 2]:
    mode, weighting, kind = name.split("/")
    if kind not in _KINDS or weighting not in _WEIGHTED:
      raise CaseError(
        f"{case.folder}: {name!r} of outputs.npz is no known loss"
      )
    yield from _one_loss(
      case,
      name,
      (gan_mode(case, mode), *_KINDS[kind]),
      verdicts,
      weights if _WEIGHTED[weighting] else None,
    )


def _scales(case, kind):
  """The arrays <kind>0, <kind>1, ... as NHWC."""
  count = sum(bool(re.fullmatch(rf"{kind}\d+", name)) for name in case.inputs)
  return [jnp.asarray(case.picture(f"{kind}{i}")) for i in range(count)]


def _one_loss(case, name, options, verdicts, weights):
  mode, of_discriminator, is_real = options

  @jax.jit
  @jax.value_and_grad
  def loss(verdicts):
    return losses.multiscale_gan_loss(
      [[logits] for logits in verdicts],
      is_real,
      mode,
      for_discriminator=of_discriminator,
      weights=weights,
    )

  value, gradients = loss(verdicts)
  expected = case.outputs[name]
  found = np.reshape(value, expected.shape)
  yield compare(name, found, expected, tolerance(case, name))
  for i, gradient in enumerate(gradients):
    part = f"{name}/grad{i}"
    if part in case.outputs:
      expected = case.outputs[part]
      found = _as_stored(case, to_nchw(gradient), expected)
      yield compare(part, found, expected, tolerance(case, part))


def _as_stored(case, found, expected):
  """The first pictures' every n-th channel, where not all is recorded."""
  if found.shape == expected.shape:
    return found
  match = re.search(r"every (\d+)\w\w channel", str(case.meta.get("note")))
  step = int(match[1]) if match else 1
  return found[: len(expected), ::step]
