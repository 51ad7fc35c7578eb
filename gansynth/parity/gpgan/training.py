"""Checks of GP-GAN's training: its pairs, and whole steps of both systems."""

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gansynth import convert
from gansynth.data import blending_datasets, resampling
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import Comparison, Tolerance, compare
from gansynth.systems import (
  BlendingGAN,
  CriticSchedule,
  WassersteinGAN,
  common,
  optimizers,
)
from gansynth.systems import gpgan as system_lib

# What rounding leaves of a gradient that is truly zero, relative to the
# largest of its network: betas in front of a clamped critic's activations.
_ROUNDING = {"float32": 1e-6, "float64": 1e-14}
# Parameters whose gradient is rounding may go either way with every update;
# this share of all may be beyond the tolerance for it, in float32.
_UNDECIDED = 0.005
_LOSSES = {
  "D_loss": "D",
  "D_loss_real": "D_real",
  "D_loss_fake": "D_fake",
  "G_loss": "G",
  "G_l2_loss": "G_L2",
  "G_gan_loss": "G_GAN",
}


def training_pairs(case: Case) -> Iterator[Comparison]:
  """Pasted pictures and their truth, at recorded origins."""
  options = case.require("options")
  tolerance = case.meta.get("tolerance", {})
  tolerance = Tolerance(tolerance.get("atol", 1e-5))
  crop = blending_datasets.Crop(
    options["load_size"], options.get("crop_size", options.get("image_size"))
  )
  numbers = sorted(
    int(name[3:]) for name in case.inputs if re.fullmatch(r"obj\d+", name)
  )
  for i in numbers:
    pictures = [case.inputs[f"{name}{i}"] for name in ("obj", "bg")]
    size = resampling.scaled_size(pictures[0].shape[:2], crop.load_size)
    if f"offset_max{i}" in case.inputs:
      yield compare(
        f"offset_max{i}",
        crop.room(size),
        case.inputs[f"offset_max{i}"],
        Tolerance(),
      )
    origin = case.inputs[f"offset{i}"]
    pasted, truth = (crop.cut(x, size, origin) for x in pictures)
    pasted = blending_datasets.paste_centre(pasted, truth, options["ratio"])
    for name, found in ((f"composite{i}", pasted), (f"target{i}", truth)):
      yield compare(name, to_nchw(found), case.outputs[name], tolerance)


def train_steps(case: Case) -> Iterator[Comparison]:
  """Critic and generator steps: losses, gradients, states.

  A case that was recorded in float64 is computed in it, whatever is asked for:
  its tolerances are for that.
  """
  with contextlib.ExitStack() as stack:
    if case.meta.get("dtype") == "float64" and case.dtype != jnp.float64:
      case.dtype = jnp.dtype(jnp.float64)
      stack.enter_context(jax.enable_x64(True))
    # Not yielded one by one: the precision is the whole thread's.
    lines = list(_Run(case).compare())
  yield from lines


@dataclasses.dataclass(frozen=True)
class _Limits:
  """Tolerances of a case."""

  loss: float  # relative
  gradient: float  # of the norm of the difference, to the norm
  parameter: float  # absolute


class _Run:
  """The steps of a case, from its two checkpoints on."""

  def __init__(self, case: Case):
    self._case = case
    tolerance = case.meta.get("tolerance", {})
    self._limits = _Limits(
      tolerance.get("loss_rtol", 1e-4),
      tolerance.get("grad_rel_l2", 1e-4),
      tolerance.get("param_atol", 1e-4),
    )
    options = case.require("options")
    self._descriptions, variables = {}, {}
    modules = {}
    for name in "GD":
      self._descriptions[name], modules[name], variables[name] = case.network(
        f"checkpoint_{name}.npz"
      )
    kind = self._descriptions["G"]["name"]
    self._supervised = kind == "encoder_decoder"
    self._iterations = self._count(r"g\d+_G_loss")
    if not self._iterations:
      raise CaseError(f"{case.folder}: no generator step was recorded")
    # As recorded: the original makes more than d_iters in long iterations.
    self._critic_steps = self._count(r"d\d+_D_loss") // self._iterations
    self._rates, generator_optimizer, critic_optimizer = _optimizers(options)
    lower, upper = options["clamp"]
    fields = {
      "generator": modules["G"],
      "critic": modules["D"],
      "generator_optimizer": generator_optimizer,
      "critic_optimizer": critic_optimizer,
      "schedule": CriticSchedule(self._critic_steps, long_until=0),
      "clamp_lower": lower,
      "clamp_upper": upper,
    }
    if self._supervised:
      self._system = BlendingGAN(l2_weight=options["l2_weight"], **fields)
    else:
      self._system = WassersteinGAN(
        latent_size=self._descriptions["G"]["latent_size"], **fields
      )
    params, stats = (
      {"generator": {"g": g}, "discriminator": {"d": d}}
      for g, d in (
        [variables[name][part] for name in "GD"]
        for part in ("params", "batch_stats")
      )
    )
    self._state = common.GanState(
      step=jnp.ones((), jnp.int32),  # the networks are there from the start
      rng=jax.random.PRNGKey(0),
      params=params,
      stats=stats,
      opt_state={
        "generator": generator_optimizer.init(params["generator"]),
        "discriminator": critic_optimizer.init(params["discriminator"]),
      },
      ema={},
      pool={},
    )
    options = {}
    if jax.default_backend() == "cpu":
      # A step runs a few times: to optimise it takes longer than to run it.
      options["xla_backend_optimization_level"] = 0
    self._step = jax.jit(
      self._system.step_with_details,
      static_argnames="phase",
      compiler_options=options,
    )

  def compare(self) -> Iterator[Comparison]:
    """Makes the steps and yields what they are compared by."""
    noises = 0
    for iteration in range(self._iterations):
      for i in range(self._critic_steps):
        number = iteration * self._critic_steps + i
        yield from self._compare_clipped(number)
        batch = number + iteration * self._supervised
        last = i + 1 == self._critic_steps
        both = last and not self._supervised
        noise = self._noises(noises, 1 + both)
        noises += 1 + both
        metrics, gradients = self._advance(
          system_lib.BOTH if both else system_lib.CRITIC, batch, noise
        )
        yield from self._compare_step(f"d{number}", metrics, gradients)
        if both:
          yield from self._compare_step(f"g{iteration}", metrics, gradients)
      if self._supervised:
        metrics, gradients = self._advance(system_lib.GENERATOR, batch + 1, ())
        yield from self._compare_step(f"g{iteration}", metrics, gradients)
    yield from self._compare_states()

  def _advance(self, phase, batch, noise):
    options = {}
    if noise:
      options["noise"] = (noise[0], noise[-1])
    self._state, metrics, details = self._step(
      phase=phase, state=self._state, batch=self._batch(batch), **options
    )
    return metrics, details.gradients

  def _batch(self, number):
    if not self._supervised:
      return {"image": self._case.picture(f"batch{number}_real")}
    return {
      "image_a": self._case.picture(f"batch{number}_input"),
      "image_b": self._case.picture(f"batch{number}_gt"),
    }

  def _noises(self, first, count):
    if self._supervised:
      return ()
    return [
      self._case.picture(f"noise{first + i}")[:, 0, 0] for i in range(count)
    ]

  def _arrays(self, name, **collections):
    """A network's part of trees side -> network, by the original's keys."""
    side, key = {"G": ("generator", "g"), "D": ("discriminator", "d")}[name]
    return convert.to_state_dict(
      self._descriptions[name],
      {kind: tree[side][key] for kind, tree in collections.items()},
    )

  def _compare_clipped(self, number):
    state = self._system.clamped(self._state)
    found = self._arrays("D", params=state.params, batch_stats=state.stats)
    for key, name, expected in self._recorded(f"d{number}_clipped::"):
      array = found[key]
      if expected.shape != array.shape:  # of large ones, the sum of magnitudes
        array = np.abs(array).sum(dtype=np.float64).reshape(expected.shape)
        yield compare(name, array, expected, Tolerance(relative=1e-5))
      else:
        yield compare(name, array, expected, Tolerance(1e-7))

  def _compare_step(self, prefix, metrics, gradients):
    about_critic = prefix[0] == "d"
    scale = max(
      [abs(float(metrics[name])) for name in ("D_real", "D_fake")]
      if about_critic
      else [abs(float(metrics["G"]))]
    )
    for label, metric in _LOSSES.items():
      name = f"{prefix}_{label}"
      if name not in self._case.outputs:
        continue
      yield compare(
        name,
        metrics[metric],
        self._case.outputs[name],
        # The critic's loss is a difference that may cancel.
        Tolerance(relative=self._limits.loss, floor=self._limits.loss * scale),
      )
    found = self._arrays("D" if about_critic else "G", params=gradients)
    largest = max(np.linalg.norm(array) for array in found.values())
    floor = _ROUNDING[self._case.dtype.name] * largest
    for key, name, expected in self._recorded(f"{prefix}_gradnorm::"):
      yield compare(
        name,
        np.linalg.norm(found[key].astype(np.float64)),
        expected,
        Tolerance(relative=self._limits.gradient, floor=floor),
      )
    for key, name, expected in self._recorded(f"{prefix}_grad::"):
      yield _compare_norm(
        name, found[key], expected, self._limits.gradient, floor
      )

  def _compare_states(self):
    for name in "GD":
      _, variables = convert.from_original(
        self._case.folder / f"after_{name}.npz",
        dtype=np.dtype(self._case.dtype),
      )
      expected = convert.to_state_dict(self._descriptions[name], variables)
      found = self._arrays(
        name, params=self._state.params, batch_stats=self._state.stats
      )
      updates = self._iterations * (self._critic_steps if name == "D" else 1)
      limit = self._limits.parameter
      if self._case.dtype == jnp.float32:
        limit = max(limit, 2 * self._rates[name] * updates)
      errors = []
      for key, array in expected.items():
        yield compare(
          f"after_{name}::{key}", found[key], array, Tolerance(limit)
        )
        errors.append(np.abs(found[key] - array).ravel())
      errors = np.concatenate(errors)
      share = float(np.mean(errors > self._limits.parameter))
      yield Comparison(
        f"after_{name}",
        share <= _UNDECIDED,
        float(errors.max()),
        share,
        f"all but {_UNDECIDED:.1%} within {self._limits.parameter:.3g}",
        "rel is the share beyond",
      )

  def _count(self, pattern):
    return sum(bool(re.fullmatch(pattern, x)) for x in self._case.outputs)

  def _recorded(self, prefix):
    """(rest of the name, name, array) of the outputs with a prefix."""
    for name in self._case.outputs:
      if name.startswith(prefix):
        yield name[len(prefix) :], name, self._case.outputs[name]


def _compare_norm(name, found, expected, limit, floor) -> Comparison:
  """Compares by the norm of the difference, relative to that expected."""
  if found.shape != expected.shape:
    return compare(name, found, expected, Tolerance(relative=limit))
  expected = expected.astype(np.float64)
  error = float(np.linalg.norm(found - expected))
  norm = float(np.linalg.norm(expected))
  return Comparison(
    name,
    error <= max(limit * norm, floor),
    error,
    error / norm if norm else float(error > 0),
    f"norm, rel {limit:.3g}",
  )


def _optimizers(options) -> tuple[dict[str, float], Any, Any]:
  """The largest step of an update by network, and both optimisers."""
  text = options["optimiser"]
  values = {
    name: float(value)
    for name, value in re.findall(r"(\w+)\s*=\s*([\d.]+(?:e[-+]?\d+)?)", text)
  }
  epsilon = values.get("eps", 1e-8)
  kind = text.split()[0].lower()
  if kind == "adam":
    rates = {name: values[f"alpha_{name.lower()}"] for name in "GD"}
    made = {
      name: optimizers.chainer_adam(
        rate,
        beta1=values.get("beta1", 0.9),
        beta2=values.get("beta2", 0.999),
        epsilon=epsilon,
      )
      for name, rate in rates.items()
    }
  elif kind == "rmsprop":
    decay = values.get("alpha", 0.99)
    rates = {
      name: values.get(f"lr_{name.lower()}", values.get("lr")) for name in "GD"
    }
    made = {
      name: optimizers.rmsprop(rate, decay=decay, epsilon=epsilon)
      for name, rate in rates.items()
    }
    rates = {name: rate / (1 - decay) ** 0.5 for name, rate in rates.items()}
  else:
    raise CaseError(f"unknown optimiser {text!r}; expected Adam or RMSprop")
  return rates, made["G"], made["D"]


CHECKS = {"training_pairs": training_pairs, "train_steps": train_steps}
