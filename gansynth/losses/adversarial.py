"""What generator and discriminator hold against each other."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax

GAN_MODES = ("lsgan", "vanilla", "wgangp")
MULTISCALE_MODES = ("hinge", "lsgan", "vanilla", "wgan")


def gan_loss(
  logits: jax.Array, target_is_real: bool, mode: str = "lsgan"
) -> jax.Array:
  """Loss of logits that should say "real", or that should say "fake".

  `lsgan`: mean (logits - t)^2 with t = 1 for real and 0 for fake (Mao et al.
  2017). `vanilla`: mean binary cross entropy with logits (Goodfellow et al.
  2014). `wgangp`: -mean(logits) for real and +mean(logits) for fake
  (Gulrajani et al. 2017); its penalty is `gradient_penalty`.

  Args:
    logits: any shape, without sigmoid.
    target_is_real: what the logits should say.
    mode: one of `GAN_MODES`.

  Returns:
    A float32 scalar.

  Raises:
    ValueError: the mode is not known.
  """
  logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
  if mode == "lsgan":
    return jnp.square(logits - (1.0 if target_is_real else 0.0)).mean()
  if mode == "vanilla":
    target = jnp.full_like(logits, 1.0 if target_is_real else 0.0)
    return optax.sigmoid_binary_cross_entropy(logits, target).mean()
  if mode == "wgangp":
    return -logits.mean() if target_is_real else logits.mean()
  raise ValueError(
    f"unknown gan_mode {mode!r}; choose one of {', '.join(GAN_MODES)}"
  )


def multiscale_gan_loss(
  outputs: Sequence[Sequence[jax.Array]],
  target_is_real: bool,
  mode: str = "hinge",
  for_discriminator: bool = True,
  reduction: str = "mean",
  weights: Sequence[jax.Array] | None = None,
) -> jax.Array:
  """Loss of a discriminator of several scales.

  `hinge`: mean max(0, 1 - logits) for real and mean max(0, 1 + logits) for
  fake pictures, -mean(logits) for the generator (Lim and Ye 2017). `lsgan` and
  `vanilla` are those of `gan_loss`, `wgan` is its `wgangp`.

  Args:
    outputs: scales of lists of features, logits last; any shapes.
    target_is_real: what the logits should say; for a generator, always real.
    mode: one of `MULTISCALE_MODES`.
    for_discriminator: whether it, or the generator, is to learn from this.
    reduction: over the scales, each of which is averaged first: `mean`, as in
      SPADE, or `sum`, as in pix2pixHD.
    weights: factors of what each logit costs under `hinge` and `lsgan`, for
      each scale an array of its logits' shape, as of `class_weights`; the
      mean is still over all logits. The other modes have no weights.

  Returns:
    A scalar of at least float32.

  Raises:
    ValueError: the mode or the reduction is not known, a generator is told to
      make pictures that look fake, or weights are not of the logits' shapes.
  """
  if mode not in MULTISCALE_MODES:
    raise ValueError(
      f"unknown gan_mode {mode!r}; choose one of {', '.join(MULTISCALE_MODES)}"
    )
  if reduction not in ("mean", "sum"):
    raise ValueError(f"unknown reduction {reduction!r}; choose mean or sum")
  if not for_discriminator and not target_is_real:
    raise ValueError("a generator's pictures should look real, not fake")

  def scale_loss(logits, weight):
    if mode in ("vanilla", "wgan"):
      single = {"wgan": "wgangp"}.get(mode, mode)
      return gan_loss(logits, target_is_real, single)
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    if mode == "lsgan":
      each = jnp.square(logits - (1.0 if target_is_real else 0.0))
    elif for_discriminator:
      signed = logits if target_is_real else -logits
      each = -jnp.minimum(signed - 1, 0)
    else:
      each = -logits
    return each.mean() if weight is None else (weight * each).mean()

  logits = [features[-1] for features in outputs]
  if weights is None:
    weights = [None] * len(logits)
  elif [w.shape for w in weights] != [one.shape for one in logits]:
    raise ValueError(
      f"logits are {[one.shape for one in logits]}, their weights "
      f"{[w.shape for w in weights]}; give one weight for each logit"
    )
  total = sum(map(scale_loss, logits, weights))
  return total / len(outputs) if reduction == "mean" else total


def gradient_penalty(
  discriminate: Callable[[jax.Array], jax.Array],
  real: jax.Array,
  fake: jax.Array,
  alpha: jax.Array | None = None,
  *,
  kind: str = "mixed",
  constant: float = 1.0,
  weight: float = 10.0,
) -> tuple[jax.Array, jax.Array]:
  """Penalty on input gradients whose norm is not `constant`.

  weight * mean_i (||g_i + 1e-16||_2 - constant)^2, where g_i is the gradient
  of the sum of all logits with respect to sample i.

  Args:
    discriminate: pictures -> logits.
    real: (batch, height, width, channels).
    fake: the same shape.
    alpha: (batch,) shares of the real picture, drawn uniformly in [0, 1) by
      the caller; only for `mixed`.
    kind: where to take the gradient: `real`, `fake`, or `mixed`, at
      alpha * real + (1 - alpha) * fake.
    constant: wanted norm.
    weight: factor of the penalty.

  Returns:
    The penalty, and the gradients flattened to (batch, pixels).

  Raises:
    ValueError: the kind is not known, or `mixed` without alpha.

  Reference: Gulrajani et al., "Improved Training of Wasserstein GANs", 2017.
  """
  if kind == "mixed" and alpha is not None:
    share = alpha.reshape(-1, 1, 1, 1)
    points = share * real + (1 - share) * fake
  elif kind in ("real", "fake"):
    points = real if kind == "real" else fake
  else:
    raise ValueError(
      f"gradient penalty kind {kind!r} with alpha={alpha}; choose real, fake, "
      "or mixed with one alpha for each sample"
    )
  gradients = jax.grad(lambda x: discriminate(x).sum())(points)
  gradients = gradients.reshape(len(gradients), -1)
  norms = jnp.sqrt(jnp.square(gradients + 1e-16).sum(1))
  return weight * jnp.square(norms - constant).mean(), gradients
