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
  weights = _scales(case, "weight")
  names = [name for name in case.outputs if name.count("/") == 2]
  losses_by_name = {name: _loss(case, name, weights) for name in names}

  @jax.jit
  def evaluate(verdicts):
    return {
      name: jax.value_and_grad(loss)(verdicts)
      for name, loss in losses_by_name.items()
    }

  for name, (value, gradients) in evaluate(_scales(case, "pred")).items():
    expected = case.outputs[name]
    found = np.reshape(value, expected.shape)
    yield compare(name, found, expected, tolerance(case, name))
    for i, gradient in enumerate(gradients):
      part = f"{name}/grad{i}"
      if part in case.outputs:
        expected = case.outputs[part]
        found = _as_stored(case, to_nchw(gradient), expected)
        yield compare(part, found, expected, tolerance(case, part))


def _scales(case, kind):
  """The arrays <kind>0, <kind>1, ... as NHWC."""
  count = sum(bool(re.fullmatch(rf"{kind}\d+", name)) for name in case.inputs)
  return [jnp.asarray(case.picture(f"{kind}{i}")) for i in range(count)]


def _loss(case, name, weights):
  """The loss <gan_mode>/<weighting>/<kind> as a function of verdicts."""
  mode, weighting, kind = name.split("/")
  if kind not in _KINDS or weighting not in _WEIGHTED:
    raise CaseError(
      f"{case.folder}: outputs.npz has {name!r}, expected <gan_mode>/"
      f"{'|'.join(_WEIGHTED)}/{'|'.join(_KINDS)}"
    )
  mode = gan_mode(case, mode)
  of_discriminator, is_real = _KINDS[kind]

  def loss(verdicts):
    return losses.multiscale_gan_loss(
      [[logits] for logits in verdicts],
      is_real,
      mode,
      for_discriminator=of_discriminator,
      weights=weights if _WEIGHTED[weighting] else None,
    )

  return loss


def _as_stored(case, found, expected):
  """The first pictures' every n-th channel, where not all is recorded."""
  if found.shape == expected.shape:
    return found
  match = re.search(r"every (\d+)\w\w channel", str(case.meta.get("note")))
  step = int(match[1]) if match else 1
  return found[: len(expected), ::step]
