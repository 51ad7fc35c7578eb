"""Training steps of Geoseg-GAN against recorded ones."""

from collections.abc import Generator, Iterator, Mapping
from typing import Any

import jax
import optax

from gansynth.convert import geoseg
from gansynth.models.semantics import Conditioning
from gansynth.parity import (
  comparison,
  geoseg_networks,
  step_comparisons,
  steps,
)
from gansynth.parity.case import Case
from gansynth.parity.comparison import Comparison, Tolerance, compare
from gansynth.systems import LabelToImage, common

# What the script has no flags for.
_BETAS, _EPSILON, _FEATURES = (0.5, 0.999), 1e-8, 10.0


def train_steps(case: Case) -> Iterator[Comparison]:
  """Steps: losses, pictures, gradients, parameters."""
  nets = geoseg_networks.load(case, "init")
  yield from geoseg_networks.compare_imports(case, nets)
  training = Training(case, nets, case.require("options"))
  skipped = step_comparisons.zero_gradients(case) | before_norms(nets)
  for i in range(1, case.require("steps") + 1):
    batch = geoseg_networks.batch_of(case, case.inputs, f"img{i}", f"onehot{i}")
    losses = case.require(f"losses_{case.dtype.name}")[i - 1]
    details = yield from training.step(batch, i, losses)
    fake = geoseg_networks.to_unit(details.pictures["fake"])
    yield from step_comparisons.compare_pictures(case, i, {"fake": fake})
    yield from step_comparisons.compare_gradients(
      case, i, nets, details.gradients, skipped
    )
    yield from step_comparisons.compare_parameters(
      case, i, nets, training.state, skipped, training.rate
    )


def before_norms(nets: steps.Networks) -> set[str]:
  """Names <net>/<param> of the biases that a norm takes away again.

  Their gradients are 0, and Adam makes whole steps of the rounding.
  """
  return {
    f"{letter}/{entry.key}"
    for letter, description in nets.descriptions.items()
    for entry in geoseg.key_table(description)
    if entry.path[-2:] == ("conv", "bias")
  }


class Training:
  """The original's training, from the weights of a case.

  Attributes:
    system: what trains.
    rate: learning rate of both networks.
    state: after the steps that were taken; None before the first.
  """

  def __init__(
    self, case: Case, nets: steps.Networks, options: Mapping[str, Any]
  ):
    """Builds the system.

    Args:
      case: the case.
      nets: where it starts.
      options: `lr`, and perhaps `betas`, `eps` and `fm_weight`.
    """
    self.rate = options["lr"]
    self.state = None
    self._nets = nets
    self._dtype = case.dtype
    self._weight = options.get("fm_weight", _FEATURES)
    betas = options.get("betas", _BETAS)
    optimizer = optax.adam(
      self.rate, b1=betas[0], b2=betas[1], eps=options.get("eps", _EPSILON)
    )
    kernel = nets.variables["G"]["params"]["stem"]["kernel"]
    self.system = LabelToImage(
      generator=nets.modules["G"],
      discriminator=nets.modules["D"],
      conditioning=Conditioning(kernel.shape[2]),
      generator_optimizer=optimizer,
      discriminator_optimizer=optimizer,
      recipe=geoseg_networks.RECIPE,
      gan_mode=geoseg_networks.GAN_MODE,
      lambda_features=self._weight,
      lambda_perceptual=0.0,
    )
    self._compiled = jax.jit(self.system.step_with_details)
    rule = comparison.clause(case.meta.get("tolerance"), "loss")
    rule = comparison.parse(rule, Tolerance(relative=1e-4))
    self._tolerance = Tolerance(
      rule.absolute, rule.relative, steps.SMALLEST_LOSS * (rule.relative or 0)
    )

  def step(
    self, batch: Mapping[str, Any], i: int, losses: Mapping[str, float]
  ) -> Generator[Comparison, None, common.StepDetails]:
    """Takes a step and compares its losses.

    Args:
      batch: `label` and `image`, as the system takes them.
      i: number of the step, from 1.
      losses: by the original's names.

    Returns:
      What the system tells of the step.
    """
    if self.state is None:
      state = steps.blank_state(self.system, batch, self._dtype)
      self.state = state.replace(
        params=self._nets.collect("params"),
        stats=self._nets.collect("batch_stats"),
      )
    self.state, metrics, details = self._compiled(self.state, batch)
    found = {"d": "D", "gan": "G_GAN", "fm": "G_features", "g": "G"}
    for name, expected in losses.items():
      value = metrics.get(found[name])
      if value is None:  # a loss of weight 0, which the original logs
        note = "not made: its weight is 0"
        yield Comparison(f"step{i}/loss/{name}", not self._weight, note=note)
        continue
      if name == "fm":
        value /= self._weight  # it logs it without
      yield compare(f"step{i}/loss/{name}", value, expected, self._tolerance)
    return details
