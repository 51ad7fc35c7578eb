"""What the recipes of label-to-picture systems share: who moves, and how.

Everywhere here `system` is a `LabelToImage`.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gansynth.systems import common
from gansynth.systems import label_passes as passes

# Names of phases: who moves.
BOTH = "both"
GUIDED = "guided"  # both, the generator also by what it is told of classes
GENERATOR = "generator"  # where there is no discriminator
DISCRIMINATOR = "discriminator"
ENHANCER = "enhancer"  # both, but of the generator its outermost part alone

# State, metrics and gradients averaged over devices, and fake pictures.
Moved = tuple[common.GanState, passes.Metrics, common.PyTree, jax.Array]


def move_generator(
  system: Any, state: common.GanState, gradients: common.PyTree
) -> common.GanState:
  """Returns the state after the generator's step, and its average's."""
  state = common.move(state, "generator", system.generator_optimizer, gradients)
  ema = common.ema_step(state.ema, state.params["generator"], system.ema_decay)
  return state.replace(ema=ema)


def renew_optimizers(
  system: Any,
  state: common.GanState,
  now: jax.Array,
  sides: Sequence[str] = ("generator", "discriminator"),
) -> common.GanState:
  """Starts optimisers anew, where it is time to.

  Only the counts of their schedules go on.

  Args:
    system: the optimisers.
    state: the state before.
    now: bool, whether it is time.
    sides: whose optimisers.
  """

  def is_count(x):
    return isinstance(x, optax.ScaleByScheduleState)

  def renew(old, new):
    return old if is_count(old) else jnp.where(now, new, old)

  renewed = dict(state.opt_state)
  for side in sides:
    optimizer = getattr(system, f"{side}_optimizer")
    renewed[side] = jax.tree.map(
      renew,
      state.opt_state[side],
      optimizer.init(state.params[side]),
      is_leaf=is_count,
    )
  return state.replace(opt_state=renewed)
