"""What every system's train step is made of."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import lax

from gansynth import losses

PyTree = Any

# The directions of generators that make pictures of noise, and of label maps;
# and that of networks that tell the classes of a picture.
NOISE = "noise"
LABELS = "labels"
SEGMENTATION = "segmentation"


class Phase(NamedTuple):
  """What one step does."""

  name: str  # which of a system's `train_steps`
  note: str = ""  # shown beside the progress


class System:
  """What the systems have in common whose steps are all alike."""

  def train_steps(self) -> dict[str, Callable]:
    """One device's share of a step, (state, batch) -> (state, metrics).

    By the name of the phase; each is compiled once.
    """
    return {"": self.train_step}

  def phase(self, step: int) -> Phase:
    """What the step after `step` steps does, which is known without a device.

    A resumed run so does what the one that never stopped does.
    """
    del step
    return Phase("")


class GanState(struct.PyTreeNode):
  """All that a resumed run needs, replicated over devices.

  `params`, `stats` and `opt_state` are dicts with the entries `generator` and
  `discriminator`; the first two hold one entry for each network of that side.
  """

  step: jax.Array  # int32, global steps done
  rng: jax.Array  # uint32 (2,), never changes: keys are folded from it
  params: PyTree
  stats: PyTree  # running statistics; {} for networks without
  opt_state: PyTree
  ema: PyTree  # averaged generator parameters, or {}
  pool: PyTree  # image pools, or {}


class GuidedState(GanState):
  """A state with weights that losses use and nothing trains."""

  frozen: PyTree  # variables by name, or {}


class StepDetails(struct.PyTreeNode):
  """What a step did, beyond its metrics."""

  gradients: PyTree  # of all parameters, averaged over devices
  pictures: dict[str, jax.Array]  # float32 in [-1, 1], this device's share


def to_unit_range(images: jax.Array) -> jax.Array:
  """uint8 pictures to float32 in [-1, 1]; floats pass unchanged."""
  if jnp.issubdtype(images.dtype, jnp.integer):
    return (images.astype(jnp.float32) / 255 - 0.5) / 0.5
  return images


def init_network(
  network: nn.Module, rng: jax.Array, shape: tuple[int, ...]
) -> tuple[PyTree, PyTree]:
  """Returns fresh (params, stats) of a network for inputs of `shape`."""
  return init_network_for(network, rng, jnp.zeros((1, *shape[1:])))


def init_network_for(
  network: nn.Module, rng: jax.Array, *inputs: PyTree
) -> tuple[PyTree, PyTree]:
  """Returns fresh (params, stats) of a network that takes `inputs`."""
  variables = network.init(rng, *inputs)
  return variables["params"], variables.get("batch_stats", {})


def init_state(
  rng: jax.Array,
  networks: PyTree,
  generator_optimizer: optax.GradientTransformation,
  discriminator_optimizer: optax.GradientTransformation,
  ema_decay: float,
) -> GanState:
  """Returns the state before the first step.

  Args:
    rng: the key from which all steps' keys will be folded.
    networks: side -> name -> (params, stats), as `init_network` returns them.
    generator_optimizer: of all networks of the side `generator`.
    discriminator_optimizer: of all networks of the side `discriminator`.
    ema_decay: above 0, generators are averaged too.
  """
  params, stats = (
    {
      side: {name: pair[part] for name, pair in pairs.items()}
      for side, pairs in networks.items()
    }
    for part in range(2)
  )
  return GanState(
    step=jnp.zeros((), jnp.int32),
    rng=rng,
    params=params,
    stats=stats,
    opt_state={
      "generator": generator_optimizer.init(params["generator"]),
      "discriminator": discriminator_optimizer.init(params["discriminator"]),
    },
    ema=jax.tree.map(jnp.copy, params["generator"]) if ema_decay else {},
    pool={},
  )


class TrainingPass:
  """Applies networks in training mode, one call after the other.

  `stats` carries the running statistics from call to call, so that the order
  of the calls is the order in which they are recorded. An object lives within
  one trace of a loss function.
  """

  def __init__(
    self, networks: PyTree, params: PyTree, stats: PyTree, rng: jax.Array
  ):
    """Takes dicts side -> name -> network, params and stats, and a key."""
    self._networks = networks
    self._params = params
    self._rng = rng
    self._calls = 0
    self.stats = {side: dict(entries) for side, entries in stats.items()}

  def __call__(
    self, side: str, name: str, *inputs: PyTree, **options: Any
  ) -> Any:
    """Returns the output of a network, with its statistics updated."""
    output, mutated = self._networks[side][name].apply(
      {
        "params": self._params[side][name],
        "batch_stats": self.stats[side][name],
      },
      *inputs,
      **options,
      train=True,
      rngs={"dropout": self.next_rng()},
      mutable=["batch_stats"],
    )
    if self.stats[side][name]:
      self.stats[side][name] = mutated["batch_stats"]
    return output

  def next_rng(self) -> jax.Array:
    """Returns a key that no other call has had."""
    self._calls += 1
    return jax.random.fold_in(self._rng, self._calls)

  def judge(self, name: str, *pictures: jax.Array) -> list[jax.Array]:
    """Logits of a discriminator on several batches.

    Together in one pass, unless batch statistics would mix.
    """
    network = self._networks["discriminator"][name]
    if network.norm == "batch":
      return [logits(self("discriminator", name, x)) for x in pictures]
    joined = logits(self("discriminator", name, jnp.concatenate(pictures)))
    return jnp.split(joined, len(pictures))

  def penalty(
    self, name: str, real: jax.Array, fake: jax.Array, weight: float
  ) -> jax.Array:
    """Gradient penalty of a discriminator between real and fake pictures."""
    alpha = jax.random.uniform(self.next_rng(), (len(real),))

    def discriminate(x):
      output = self._networks["discriminator"][name].apply(
        {
          "params": self._params["discriminator"][name],
          "batch_stats": self.stats["discriminator"][name],
        },
        x,
        train=True,
        mutable=["batch_stats"],  # of a mixture: not worth recording
      )[0]
      return logits(output)

    value, _ = losses.gradient_penalty(
      discriminate, real, fake, alpha, weight=weight
    )
    return value


def logits(outputs: list[list[jax.Array]]) -> jax.Array:
  """The logits of a discriminator with one scale."""
  (features,) = outputs
  return features[-1]


def device_rng(rng: jax.Array, axis_name: str | None) -> jax.Array:
  """Folds the device's number in, so that devices draw differently."""
  if axis_name is None:
    return rng
  return jax.random.fold_in(rng, lax.axis_index(axis_name))


def device_noise(
  key: jax.Array, shape: tuple[int, ...], axis_name: str | None
) -> jax.Array:
  """This device's share of noise N(0, 1) that is drawn for all together.

  So any number of devices does what one does.

  Args:
    key: the same on all devices.
    shape: of the share, which is split off along the first axis.
    axis_name: mapped axis of the devices.
  """
  if axis_name is None:
    return jax.random.normal(key, shape)
  share, *rest = shape
  noise = jax.random.normal(key, (share * lax.axis_size(axis_name), *rest))
  first = lax.axis_index(axis_name) * share
  return lax.dynamic_slice_in_dim(noise, first, share)


def mean_over_devices(tree: PyTree, axis_name: str | None) -> PyTree:
  """Averages over the mapped axis; the identity without one."""
  return tree if axis_name is None else lax.pmean(tree, axis_name)


def accumulate(
  phase: Callable, stats: PyTree, batch: PyTree, rng: jax.Array, splits: int
) -> tuple[PyTree, PyTree, dict[str, jax.Array], PyTree]:
  """Runs a phase of a step over slices of the batch, one after the other.

  The memory is that of one slice. For losses that are means over the batch
  the gradients are those of the whole batch.

  Args:
    phase: (stats, batch, rng) -> (gradients, stats, metrics, pictures).
    stats: running statistics, handed from slice to slice.
    batch: arrays with the batch first.
    rng: folded with the number of the slice.
    splits: number of slices; must divide the batch.

  Returns:
    What one phase returns: gradients and metrics averaged over the slices,
    the last stats, and the pictures of all slices in order.
  """
  if splits == 1:
    return phase(stats, batch, rng)
  size = len(jax.tree.leaves(batch)[0])
  if size % splits:
    raise ValueError(
      f"a device's batch of {size} cannot be split into {splits} equal parts; "
      "choose an accumulation that divides it"
    )
  batch = jax.tree.map(
    lambda x: x.reshape(splits, size // splits, *x.shape[1:]), batch
  )

  def body(carry, arguments):
    stats, total = carry
    index, part = arguments
    gradients, stats, metrics, pictures = phase(
      stats, part, jax.random.fold_in(rng, index)
    )
    total = jax.tree.map(jnp.add, total, gradients)
    return (stats, total), (metrics, pictures)

  first = jax.tree.map(lambda x: x[0], batch)
  shapes = jax.eval_shape(phase, stats, first, rng)[0]
  zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
  (stats, total), (metrics, pictures) = lax.scan(
    body,
    (stats, zeros),
    (jnp.arange(splits), batch),
    # XLA's CPU back end computes convolutions in a loop 50 times slower.
    unroll=splits if jax.default_backend() == "cpu" else 1,
  )
  return (
    jax.tree.map(lambda x: x / splits, total),
    stats,
    jax.tree.map(lambda x: x.mean(0), metrics),
    jax.tree.map(lambda x: x.reshape(size, *x.shape[2:]), pictures),
  )


def move(
  state: GanState,
  side: str,
  optimizer: optax.GradientTransformation,
  gradients: PyTree,
) -> GanState:
  """Returns the state after an optimiser's step of one side's networks."""
  updates, opt_state = optimizer.update(
    gradients, state.opt_state[side], state.params[side]
  )
  params = optax.apply_updates(state.params[side], updates)
  return state.replace(
    params={**state.params, side: params},
    opt_state={**state.opt_state, side: opt_state},
  )


def gradient_norms(gradients: dict[str, PyTree]) -> dict[str, jax.Array]:
  """Metrics that are not finite where a gradient is not, by side."""
  return {
    "gradient_norm_G": optax.tree.norm(gradients["generator"]),
    "gradient_norm_D": optax.tree.norm(gradients["discriminator"]),
  }


def ema_step(ema: PyTree, params: PyTree, decay: float) -> PyTree:
  """Moves averaged parameters towards `params`; {} without averaging."""
  if not decay:
    return ema
  return jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, ema, params)
