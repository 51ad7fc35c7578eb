"""Networks of label maps on the devices: what a batch is put through."""

from collections.abc import Iterable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import flatten_util

from gansynth import parallel
from gansynth.models import encoders, norms, semantics, spectral
from gansynth.systems import common

MODES = ("eval", "batch")
OF_LABELS = "labels"  # size of pictures

_fold = jax.jit(spectral.fold)

# Arrays (batch, ...) by the names that `label_scenes.Scene` has for them.
Batch = dict[str, np.ndarray]


class LabelNetworks:
  """A generator, and perhaps an encoder, mapped over all local devices.

  The generator's spectral norms are divided out once, when variables are set.
  Batches are multiples of the devices long.

  Attributes:
    variables: of the generator, with its spectral norms, as they were given.
    encoder_variables: of the encoder; None: there are none.
  """

  def __init__(
    self,
    generator: nn.Module,
    encoder: nn.Module | None,
    conditioning: semantics.Conditioning,
    mode: str = "eval",
  ) -> None:
    """Takes networks; variables come later.

    Args:
      generator: of `models.create`.
      encoder: of styles or of instances.
      conditioning: what the generator is shown.
      mode: `eval`: batch norm uses running statistics; `batch`: those of each
        picture by itself.

    Raises:
      ValueError: an unknown mode.
    """
    if mode not in MODES:
      raise ValueError(
        f"unknown mode {mode!r}; choose one of {', '.join(MODES)}"
      )
    self._conditioning = conditioning
    self._mode = mode
    plain = _without_spectral_norm(generator)
    self._folds = plain is not generator
    self._generator = plain.clone(axis_name=None)
    self._encoder = encoder
    self._draw = parallel.map_apply(self._forward)
    self._encode = parallel.map_apply(self._styles)
    self._pool = parallel.map_apply(self._features)
    self._observe = parallel.map_apply(self._statistics)
    self.variables = self.encoder_variables = self._folded = None

  def set_variables(
    self, variables: Any, encoder_variables: Any = None
  ) -> None:
    """Takes other weights of the same networks, without a recompilation."""
    # In training they may lie on other hosts' devices, too.
    variables, encoder_variables = jax.device_get(
      (variables, encoder_variables)
    )
    self.variables = variables
    self.encoder_variables = encoder_variables
    folded = {"generator": _fold(variables) if self._folds else variables}
    if self._encoder is not None and encoder_variables is not None:
      folded["encoder"] = encoder_variables
    # They stay on the devices.
    self._folded = parallel.replicate(folded)

  @property
  def have_encoder(self) -> bool:
    """Whether pictures can be encoded."""
    return "encoder" in self._variables()

  def draw(self, batch: Batch) -> np.ndarray:
    """Float32 pictures (batch, height, width, 3) in [-1, 1]."""
    return self._draw(self._variables(), batch)

  def styles(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and logarithms of variances (batch, latent_size) of styles.

    Args:
      pictures: uint8 or float in [-1, 1] (batch, height, width, 3).
    """
    both = self._encode(self._variables(), pictures)
    means, log_variances = np.split(both, 2, axis=-1)
    return means, log_variances

  def features(self, batch: Batch) -> np.ndarray:
    """Features (batch, height, width, c) of instances of `picture`."""
    return self._pool(self._variables(), batch)

  def recalibrate(self, batches: Iterable[Batch]) -> None:
    """Takes the generator's running statistics anew.

    They become mean and variance over all batches, of which each device
    normalises its share by its own statistics.

    Args:
      batches: as of `draw`.

    Raises:
      ValueError: the generator has no batch norm, or there are no batches.
    """
    stats = self._variables()["generator"].get("batch_stats")
    if not stats:
      raise ValueError(
        "this generator has no running statistics: its norms take each "
        "picture's own"
      )
    _, unravel = flatten_util.ravel_pytree(jax.device_get(stats))
    rows = [
      row for batch in batches for row in self._observe(self._folded, batch)
    ]
    if not rows:
      raise ValueError("there are no label maps to recalibrate with")
    mean, square = (
      jax.device_get(unravel(np.mean(x, 0))) for x in (rows, np.square(rows))
    )
    stats = _population(self.variables["batch_stats"], mean, square)
    self.set_variables(
      {**self.variables, "batch_stats": stats}, self.encoder_variables
    )

  def _variables(self):
    if self._folded is None:
      raise ValueError("there are no weights yet; call set_variables")
    return self._folded

  def _forward(self, variables, batch):
    arguments = self._shown(variables, batch)
    if self._mode == "eval":
      return self._generator.apply(variables["generator"], *arguments)

    def alone(arguments):
      output, _ = self._generator.apply(
        variables["generator"],
        *jax.tree.map(lambda x: x[None], arguments),
        train=True,
        mutable=["batch_stats"],
      )
      return output[0]

    return jax.vmap(alone)(arguments)

  def _shown(self, variables, batch):
    """Arguments of the generator."""
    labels = batch["labels"]
    if not self._conditioning.num_labels:
      labels = common.to_unit_range(labels)
    features = batch.get("features")
    if "picture" in batch:
      features = self._features(variables, batch)
    shown = self._conditioning(labels, batch.get("instances"), features)
    return (shown, batch["latent"]) if "latent" in batch else (shown,)

  def _features(self, variables, batch):
    pooled_over = {"label": "labels", "instance": "instances"}
    ids = batch[pooled_over[self._conditioning.features]]
    encoded = self._encoder.apply(
      variables["encoder"], common.to_unit_range(batch["picture"])
    )
    return encoders.pool_instances(encoded, ids)

  def _styles(self, variables, pictures):
    return jnp.concatenate(
      self._encoder.apply(variables["encoder"], common.to_unit_range(pictures)),
      axis=-1,
    )

  def _statistics(self, variables, batch):
    """Statistics of this device's share, as one row."""
    generator = variables["generator"]
    # From nothing, they are the new ones times what they are moved by.
    blank = jax.tree.map(jnp.zeros_like, generator["batch_stats"])
    _, moved = self._generator.apply(
      {**generator, "batch_stats": blank},
      *self._shown(variables, batch),
      train=True,
      mutable=["batch_stats"],
    )
    flat, _ = flatten_util.ravel_pytree(moved["batch_stats"])
    return flat[None] / (1 - norms.BatchNorm.momentum)


def dense(generator: nn.Module) -> nn.Module:
  """The generator that computes the same with plain convolutions."""
  if hasattr(generator, "sparse"):
    return generator.clone(sparse=False)
  return generator


def resized(
  generator: nn.Module, size: tuple[int, int] | str | None
) -> nn.Module:
  """A generator that makes pictures of another size.

  Args:
    generator: of `models.create`.
    size: (height, width); `labels`: those of the label maps; None: as it is.

  Raises:
    ValueError: it cannot, or does so by itself.
  """
  if size is None:
    return generator
  if not hasattr(generator, "height"):
    if size == OF_LABELS:
      return generator
    raise ValueError(
      f"{type(generator).__name__} makes pictures of its label maps' sizes; "
      "leave size out, and resize label maps"
    )
  if generator.use_vae:
    raise ValueError(
      f"size is {size!r}, but a generator with styles makes pictures of one "
      f"size, {generator.width} x {generator.height}; leave size out"
    )
  height, width = (0, 0) if size == OF_LABELS else size
  return generator.clone(height=height, width=width)


def _without_spectral_norm(network: nn.Module) -> nn.Module:
  """The network of variables that were folded."""
  norm = getattr(network, "norm", "")
  if not norm.startswith("spectral"):
    return network
  changed = {"norm": norm.removeprefix("spectral") or "none"}
  if getattr(network, "use_bias", False) is None:
    changed["use_bias"] = False  # what None means with spectral norm
  return network.clone(**changed)


def _population(stats, mean, square):
  """Statistics of all batches together, put in the place of those there are.

  Args:
    stats: nested, with `mean` and `var` beside vectors of spectral norms.
    mean: mean over batches of all their statistics.
    square: mean over batches of their squares.
  """
  if "var" in mean:
    spread = square["mean"] - np.square(mean["mean"])
    return {**stats, "mean": mean["mean"], "var": mean["var"] + spread}
  return {
    name: _population(value, mean[name], square[name])
    if name in mean
    else value
    for name, value in stats.items()
  }
