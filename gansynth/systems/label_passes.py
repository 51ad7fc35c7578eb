"""How a label-to-picture system calls its networks.

Everywhere here `system` is a `LabelToImage`, `batch` what `prepare` made of
one, and `run` a `common.TrainingPass` from `training_pass`.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gansynth import losses
from gansynth.models import encoders, semantics
from gansynth.systems import common
from gansynth.systems.label_losses import Outputs

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]


def has_styles(system: Any) -> bool:
  """Whether the generator draws from the latent of a style encoder."""
  return getattr(system.generator, "use_vae", False)


def training_pass(
  system: Any, params: common.PyTree, stats: common.PyTree, rng: jax.Array
) -> common.TrainingPass:
  """Returns what applies the networks; arguments as of `TrainingPass`."""
  networks = {
    "generator": {"g": system.generator, "e": system.encoder},
    "discriminator": {"d": system.discriminator},
  }
  return common.TrainingPass(networks, params, stats, rng)


def prepare(system: Any, batch: Batch) -> Batch:
  """Returns the part of a batch that is used, pictures in [-1, 1].

  Raises:
    ValueError: there are no instances, and they are needed.
  """
  wanted = system.conditioning
  prepared = {
    "label": batch["label"],
    "image": common.to_unit_range(batch["image"]),
  }
  if not wanted.num_labels:
    prepared["label"] = common.to_unit_range(batch["label"])
  if wanted.edges or wanted.features == "instance":
    if "instance" not in batch:
      raise ValueError(
        "the networks are shown instances, and the batch has none: it has "
        f"{', '.join(sorted(batch))}; set data.instances, or edges to False "
        "and features to 'none' or 'label'"
      )
    prepared["instance"] = batch["instance"]
  return prepared


def conditions(
  system: Any, batch: Batch, features: jax.Array | None = None
) -> semantics.LabelMap | jax.Array:
  """What a network is shown of the scenes; a discriminator no features."""
  return system.conditioning(
    batch["label"],
    batch.get("instance"),
    features,
    dtype=batch["image"].dtype,
  )


def generate(
  system: Any, run: common.TrainingPass, batch: Batch
) -> tuple[jax.Array, Metrics]:
  """Makes fake pictures.

  Args:
    system: the networks.
    run: with the generator, and the encoder if there is one.
    batch: with the styles' noise as `eps`, (batch, latent_size), if there are
      styles.

  Returns:
    Pictures like `image`, and what making them costs: `G_kld` if there are
    styles, `G_decay` if the weights of pixels' networks decay.

  Raises:
    ValueError: the generator makes pictures of another shape.
  """
  image, metrics, features, latent = batch["image"], {}, None, ()
  if has_styles(system):
    mean, log_variance = run("generator", "e", image)
    latent = (mean + batch["eps"] * jnp.exp(0.5 * log_variance),)
    # Slices of a batch are averaged, and this is to be their sum.
    weight = system.lambda_kld * system.accumulation
    metrics["G_kld"] = weight * losses.kl_divergence(mean, log_variance)
  elif system.encoder is not None:
    ids = batch[system.conditioning.features]  # the name of the map
    features = encoders.pool_instances(run("generator", "e", image), ids)
  shown = conditions(system, batch, features)
  if system.lambda_decay:
    fake, parameters = run(
      "generator", "g", shown, *latent, with_parameters=True
    )
    dtype = jnp.promote_types(parameters.dtype, jnp.float32)
    # So are devices, and this is the sum over all of them.
    weight = system.lambda_decay * system.accumulation
    if system.axis_name is not None:
      weight *= lax.axis_size(system.axis_name)
    metrics["G_decay"] = weight * jnp.square(parameters.astype(dtype)).sum()
  else:
    fake = run("generator", "g", shown, *latent)
  if fake.shape != image.shape:
    raise ValueError(
      f"the generator makes pictures of shape {fake.shape}, the true ones "
      f"have {image.shape}; set generator.height and width to theirs, or to 0 "
      "where label maps have their size"
    )
  return fake, metrics


def judge(
  system: Any, run: common.TrainingPass, fake: jax.Array, batch: Batch
) -> tuple[Outputs, Outputs]:
  """What the discriminator makes of fake and true pictures, in one call."""
  outputs = run(
    "discriminator",
    "d",
    conditions(system, batch),
    jnp.concatenate([fake, batch["image"]]),
  )
  count = len(fake)
  return (
    [[x[:count] for x in scale] for scale in outputs],
    [[x[count:] for x in scale] for scale in outputs],
  )


def perceptual_loss(
  system: Any, frozen: common.PyTree, fake: jax.Array, real: jax.Array
) -> Metrics:
  """Returns `G_perceptual`, if there is such a loss and weights for it."""
  variables = frozen.get("perceptual")
  if not (system.perceptual and system.lambda_perceptual and variables):
    return {}
  features = functools.partial(system.perceptual.apply, variables)
  distance = losses.perceptual(features(fake), features(real))
  return {"G_perceptual": system.lambda_perceptual * distance}


def pack(
  conditions: semantics.LabelMap | jax.Array, pictures: jax.Array
) -> jax.Array:
  """Conditions and pictures as one array, labels not yet as channels."""
  parts = [conditions]
  if isinstance(conditions, semantics.LabelMap):
    parts = [conditions.labels[..., None]]
    if conditions.planes is not None:
      parts.append(conditions.planes)
  return jnp.concatenate(
    [*(part.astype(pictures.dtype) for part in parts), pictures], -1
  )


def unpack(
  packed: jax.Array,
  conditions: semantics.LabelMap | jax.Array,
  pictures: jax.Array,
) -> tuple[semantics.LabelMap | jax.Array, jax.Array]:
  """The inverse of `pack`, in the form of these conditions and pictures."""
  first = packed.shape[-1] - pictures.shape[-1]
  packed, pictures = packed[..., :first], packed[..., first:]
  if not isinstance(conditions, semantics.LabelMap):
    return packed, pictures
  labels = packed[..., 0].astype(conditions.labels.dtype)
  planes = None if conditions.planes is None else packed[..., 1:]
  return conditions.replace(labels=labels, planes=planes), pictures
