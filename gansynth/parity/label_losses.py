"""Losses and learning rates of SPADE against recorded ones."""

import re
from collections.abc import Iterator

import jax
import jax.numpy as jnp

from gansynth import losses
from gansynth.parity import label_cases
from gansynth.parity.case import Case, CaseError, to_nchw, to_nhwc
from gansynth.parity.comparison import Comparison, Tolerance, compare
from gansynth.parity.label_cases import tolerance
from gansynth.systems import label_losses, schedules

# The original's gan_mode -> ours.
GAN_MODES = {
  "hinge": "hinge",
  "ls": "lsgan",
  "original": "vanilla",
  "w": "wgan",
}
_KINDS = ("G", "D_fake", "D_real")


def gan_mode(case: Case, name: str) -> str:
  """Our name of a `gan_mode` of SPADE."""
  if name not in GAN_MODES:
    raise CaseError(
      f"{case.folder}: unknown gan_mode {name!r}; known are "
      f"{', '.join(GAN_MODES)}"
    )
  return GAN_MODES[name]


def gan_losses(case: Case) -> Iterator[Comparison]:
  """Losses of recorded features, and their gradients."""
  fake, real = _features(case, "fake"), _features(case, "real")
  modes = [name.split("/")[0] for name in case.outputs if name.endswith("/G")]
  for mode in modes:
    for kind in _KINDS:
      yield from _one_loss(case, mode, kind, fake, real)
  yield from _feature_matching(case, fake, real)
  yield from _divergence(case)


def _features(case, side):
  scales = {}
  for name in case.inputs:
    if name.startswith(f"{side}/"):
      _, scale, layer = map(int, name.replace(side, "0", 1).split("/"))
      array = to_nhwc(case.inputs[name]).astype(case.dtype)
      scales.setdefault(scale, {})[layer] = jnp.asarray(array)
  return [
    [layers[j] for j in sorted(layers)] for _, layers in sorted(scales.items())
  ]


def _one_loss(case, mode, kind, fake, real):
  ours = gan_mode(case, mode)
  own, other = (real, fake) if kind == "D_real" else (fake, real)

  def loss(logits):
    shown = [[*s[:-1], one] for s, one in zip(own, logits, strict=True)]
    if kind == "G":
      found = label_losses.generator_losses(shown, other, "spade", ours, 0.0)
      return found["G_GAN"]
    pair = (other, shown) if kind == "D_real" else (shown, other)
    return label_losses.discriminator_losses(*pair, "spade", ours)[kind]

  value, gradients = jax.jit(jax.value_and_grad(loss))([s[-1] for s in own])
  name = f"{mode}/{kind}"
  if name in case.outputs:
    yield compare(name, value, case.outputs[name], tolerance(case, name))
  for i, gradient in enumerate(gradients):
    name = f"{mode}/{kind}/grad{i}"
    if name in case.outputs:
      expected = case.outputs[name]
      yield compare(name, to_nchw(gradient), expected, tolerance(case, name))


def _feature_matching(case, fake, real):
  name = "GAN_Feat"
  if name not in case.outputs:
    return
  about = case.meta.get("arrays", {}).get(name)
  weight = label_cases.number_in(about, "lambda_feat", 10.0)

  def loss(fake):
    found = label_losses.generator_losses(fake, real, "spade", "hinge", weight)
    return found["G_features"]

  value, gradients = jax.jit(jax.value_and_grad(loss))(fake)
  yield compare(name, value, case.outputs[name], tolerance(case, name))
  for name in case.outputs:
    match = re.fullmatch(r"GAN_Feat/grad_(\d+)_(\d+)", name)
    if match:
      found = to_nchw(gradients[int(match[1])][int(match[2])])
      yield compare(name, found, case.outputs[name], tolerance(case, name))


def _divergence(case):
  name = "KLD_unweighted"
  if name not in case.outputs:
    return
  pair = [jnp.asarray(case.inputs[k], case.dtype) for k in ("mu", "logvar")]
  value, gradients = jax.jit(jax.value_and_grad(losses.kl_divergence, (0, 1)))(
    *pair
  )
  yield compare(name, value, case.outputs[name], tolerance(case, name))
  names = ("KLD/grad_mu", "KLD/grad_logvar")
  for name, found in zip(names, gradients, strict=True):
    if name in case.outputs:
      yield compare(name, found, case.outputs[name], tolerance(case, name))


def learning_rates(case: Case) -> Iterator[Comparison]:
  """Rates of generator and discriminator in each epoch, and after the last.

  The name of a table tells its options: `no_ttur_niter2_decay3`, and perhaps
  `lr0.0003`.
  """
  tables = {k: v for k, v in case.meta.items() if re.search(r"niter\d", k)}
  for name, rows in tables.items():
    base = label_cases.number_in(name, "lr_?", 2e-4)
    epochs = [
      int(label_cases.number_in(name, rf"{word}_?", 0))
      for word in ("niter", "decay")
    ]
    split = (1, 1) if "no_ttur" in name.lower() else (0.5, 2)
    try:
      factors = schedules.learning_rate_factors("linear_to_zero", *epochs)
    except ValueError as error:
      raise CaseError(f"{case.folder}: {name}: {error}") from error
    last = [] if epochs[1] else [1.0]
    factors = [*factors, *(last or [0.0])]
    allowed = Tolerance(relative=1e-9, floor=base * 1e-12)
    for column, factor in enumerate(split, 1):
      side = ("lr_G", "lr_D")[column - 1]
      yield compare(
        f"{name}/{side}",
        [base * factor * one for one in factors[: len(rows)]],
        [row[column] for row in rows],
        allowed,
      )
    numbers = [row[0] for row in rows if row[0] != "after"]
    if numbers != list(range(1, len(numbers) + 1)):
      raise CaseError(f"{case.folder}: {name} has epochs {numbers}")
