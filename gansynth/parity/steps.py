"""Whole training steps of CycleGAN and pix2pix against recorded ones."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from gansynth import convert
from gansynth.parity import comparison, networks, step_comparisons
from gansynth.parity.case import Case, CaseError, to_nhwc
from gansynth.parity.comparison import Comparison, Tolerance, compare
from gansynth.systems import CycleGAN, Pix2Pix

# Losses of wgangp are differences that may cancel: below this, rounding is all
# that is left.
SMALLEST_LOSS = 0.1


class Draws:
  """Recorded draws of Python's `random`, one flat list for each step."""

  def __init__(self, steps: Sequence[Sequence[tuple[str, float]]]):
    """Takes lists of ["uniform", u] and ["randint", slot]."""
    self._steps = [list(step) for step in steps]

  def take(
    self, step: int, batch: int, filled: int, size: int
  ) -> tuple[np.ndarray, np.ndarray]:
    """Takes what one query of a pool draws.

    Args:
      step: index of the step, from 0.
      batch: pictures of the query.
      filled: pictures in the pool before it.
      size: of the pool.

    Returns:
      Uniforms (1 where the picture is exchanged and 0 where it is not, so
      that float32 decides as the original did) and slots, as
      `image_pool.query` takes them.
    """
    uniforms = np.zeros(batch, np.float32)
    slots = np.zeros(batch, np.int32)
    for i in range(batch if size else 0):
      if filled + i < size:
        continue
      uniforms[i] = self._next(step, "uniform") > 0.5
      if uniforms[i]:
        slots[i] = self._next(step, "randint")
    return uniforms, slots

  def _next(self, step, kind):
    if step >= len(self._steps) or not self._steps[step]:
      raise CaseError(f"no draw is left in step {step + 1}, expected {kind}")
    found, value = self._steps[step].pop(0)
    if found != kind:
      raise CaseError(f"step {step + 1} draws {found}, expected {kind}")
    return value


def cyclegan_steps(case: Case) -> Iterator[Comparison]:
  """Steps of CycleGAN: losses, pictures, gradients, parameters, pools."""
  options = case.require("options")
  nets = _load(
    case,
    {
      "G_A": ("generator", "a"),
      "G_B": ("generator", "b"),
      "D_A": ("discriminator", "a"),
      "D_B": ("discriminator", "b"),
    },
    # The original's CycleGAN never drops units.
    use_dropout=False,
  )
  system = CycleGAN(
    generator_a=nets.modules["G_A"],
    generator_b=nets.modules["G_B"],
    discriminator_a=nets.modules["D_A"],
    discriminator_b=nets.modules["D_B"],
    gan_mode=options["gan_mode"],
    lambda_a=options["lambda_A"],
    lambda_b=options["lambda_B"],
    lambda_identity=options["lambda_identity"],
    pool_size=options["pool_size"],
    **_optimizers(case),
  )
  yield from _run(case, nets, system, options["pool_size"])


def pix2pix_steps(case: Case) -> Iterator[Comparison]:
  """Steps of pix2pix: losses, pictures, gradients, parameters."""
  options = case.require("options")
  nets = _load(
    case,
    {"G": ("generator", "g"), "D": ("discriminator", "d")},
    use_dropout=not options["no_dropout"],
  )
  system = Pix2Pix(
    generator=nets.modules["G"],
    discriminator=nets.modules["D"],
    gan_mode=options["gan_mode"],
    lambda_l1=options["lambda_L1"],
    **_optimizers(case),
  )
  yield from _run(case, nets, system, 0)


class Networks:
  """Imported networks, by the original's names."""

  def __init__(
    self,
    imported: Mapping[str, tuple[dict[str, Any], nn.Module, dict[str, Any]]],
    places: Mapping[str, tuple[str, str]],
  ):
    """Takes what `Case.network` returns, and where states have it.

    Args:
      imported: description, module and variables of each.
      places: side and name of each in a state.
    """
    self.places = places
    self.descriptions = {name: x[0] for name, x in imported.items()}
    self.modules = {name: x[1] for name, x in imported.items()}
    self.variables = {name: x[2] for name, x in imported.items()}

  def collect(self, collection: str) -> dict[str, dict[str, Any]]:
    """Returns a collection of all networks as a state's side -> name."""
    tree = {}
    for name, (side, key) in self.places.items():
      tree.setdefault(side, {})[key] = self.variables[name].get(collection, {})
    return tree

  def state_dict(self, name: str, **collections: Any) -> dict[str, Any]:
    """Writes trees of side -> name as one network's state dict."""
    side, key = self.places[name]
    return convert.to_state_dict(
      self.descriptions[name],
      {kind: tree[side][key] for kind, tree in collections.items()},
    )


def blank_state(system: Any, batch: Mapping[str, Any], dtype: Any) -> Any:
  """A state before the first step, all of it 0.

  Adam starts so, and so do pools; networks are to be filled in.

  Args:
    system: whose state.
    batch: as the system takes it.
    dtype: of all floats.
  """

  def zeros(leaf):
    is_float = jnp.issubdtype(leaf.dtype, jnp.floating)
    return jnp.zeros(leaf.shape, dtype if is_float else leaf.dtype)

  # Networks are not drawn, operation by operation, to be thrown away.
  return jax.tree.map(
    zeros, jax.eval_shape(system.init, jax.random.PRNGKey(0), batch)
  )


def _load(case, places, use_dropout):
  """Imports the networks with what their files do not tell."""
  options = case.require("options")
  imported = {
    name: case.network(
      f"{options.get('epoch', 'latest')}_net_{name}.pth",
      norm=options["norm"],
      use_dropout=use_dropout if name.startswith("G") else None,
    )
    for name in places
  }
  return Networks(imported, places)


def _optimizers(case):
  options = case.meta["options"]
  rates = np.asarray(case.require("lr_used"))

  def adam():
    return optax.adam(
      lambda step: jnp.asarray(rates, case.dtype)[step],
      b1=options["beta1"],
      b2=options.get("beta2", 0.999),
      eps=1e-8,
    )

  return {"generator_optimizer": adam(), "discriminator_optimizer": adam()}


def _run(case, nets, system, pool_size):
  options = case.meta["options"]
  text = case.meta.get("tolerance")
  yield from step_comparisons.compare_rates(case)
  loss_rule = comparison.parse(
    comparison.clause(text, "loss"), Tolerance(relative=1e-4)
  )
  losses = f"losses_{case.dtype.name}"
  expected_losses = case.require(losses)
  draws = Draws(case.meta.get("pool_draws") or [])
  filled, skipped = 0, step_comparisons.zero_gradients(case)
  step = _compiled_step(system)
  state = None
  for i in range(1, case.require("steps") + 1):
    batch = _batch(case, i)
    if state is None:
      state = blank_state(system, batch, case.dtype)
      state = state.replace(
        params=nets.collect("params"), stats=nets.collect("batch_stats")
      )
    number = len(batch["image_a"])
    pools = {}
    if pool_size:
      for name in ("b", "a"):
        pools[name] = draws.take(i - 1, number, filled, pool_size)
    filled = min(filled + number, pool_size)
    state, metrics, details = step(state, batch, pools, _masks(case, nets, i))

    for name, expected in expected_losses[i - 1].items():
      # A term that is switched off is logged as 0 there and left out here.
      found = metrics.get(name, 0.0)
      yield compare(
        f"step{i}/loss/{name}",
        found,
        expected,
        Tolerance(
          loss_rule.absolute,
          loss_rule.relative,
          SMALLEST_LOSS * (loss_rule.relative or 0),
        ),
      )
    yield from step_comparisons.compare_pictures(case, i, details.pictures)
    yield from step_comparisons.compare_gradients(
      case, i, nets, details.gradients, skipped
    )
    yield from step_comparisons.compare_parameters(
      case, i, nets, state, skipped, options["lr"]
    )
  yield from step_comparisons.compare_pools(case, state)


def _compiled_step(system):
  @jax.jit
  def step(state, batch, pools, masks):
    arguments = (pools,) if pools else ()
    with networks.with_dropout_masks(masks):
      return system.step_with_details(state, batch, *arguments)

  return step


def _batch(case, i):
  a, b = case.picture(f"A{i}"), case.picture(f"B{i}")
  direction = case.meta["options"].get("direction", "AtoB")
  if direction not in ("AtoB", "BtoA"):
    raise CaseError(f"{case.folder}: unknown direction {direction!r}")
  if direction == "BtoA":
    a, b = b, a
  return {"image_a": a, "image_b": b}


def _masks(case, nets, i):
  """Keep masks of step i, where the generator drops units.

  They are called dropmask_<k>, with the step's number before it where there
  are several steps.
  """
  if not any(getattr(n, "use_dropout", False) for n in nets.modules.values()):
    return []
  masks = []
  for arrays in (case.inputs, case.outputs):
    for name in arrays:
      before, found, number = name.partition("dropmask")
      step, *_ = [*re.findall(r"\d+", before), "1"]
      if found and int(step) == i:
        masks.append((int(re.findall(r"\d+", number)[-1]), arrays[name]))
  if not masks:
    raise CaseError(
      f"{case.folder}: dropout is on and no masks step{i}/dropmask_<k> were "
      "recorded"
    )
  return [to_nhwc(mask) for _, mask in sorted(masks, key=lambda pair: pair[0])]
