"""Losses of a discriminator that tells classes and the picture as well.

Its verdicts, one for each label, are weighted by where that label is; what it
says of classes and of the picture is enlarged to the picture's size first.

Reference: Saadatnejad et al., "A Shared Representation for Photorealistic
Driving Simulators", IEEE T-ITS 2021.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gansynth import resampling
from gansynth.losses.reconstruction import l1_loss
from gansynth.losses.segmentation import cross_entropy


def class_weights(
  labels: jax.Array,
  size: tuple[int, int],
  num_labels: int,
  *,
  balanced: bool = False,
  fine_scale: float = 1.0,
  dtype: Any = jnp.float32,
) -> jax.Array:
  """Weights of verdicts: one for each label, and one for the whole.

  The map M_c of a label is 1 where the label is and 0 elsewhere. Balanced, it
  becomes fine_scale / num_labels * M_c / mean(M_c + 1e-9) with the mean of the
  scene, so that labels weigh the same in sum, however small they are. The
  last map is 1 everywhere.

  Args:
    labels: integers (batch, height, width), those outside 0 .. num_labels - 1
      have no map; or the maps themselves, (batch, height, width, num_labels)
      in [0, 1].
    size: (height, width) of the verdicts; labels are those of the nearest
      pixels.
    num_labels: how many maps there are beside the last.
    balanced: whether labels weigh the same.
    fine_scale: what all labels weigh together where all are present and
      balanced, against 1 of the whole; not looked at where not balanced.
    dtype: of the result.

  Returns:
    (batch, *size, num_labels + 1).

  Raises:
    ValueError: there is another number of maps.
  """
  labels = resampling.resize_nearest(labels, size)
  work = jnp.promote_types(dtype, jnp.float32)
  if labels.ndim == 3:
    maps = jax.nn.one_hot(labels, num_labels, dtype=work)
  elif labels.shape[-1] == num_labels:
    maps = labels.astype(work)
  else:
    raise ValueError(
      f"there are {labels.shape[-1]} maps of labels, not {num_labels}; give "
      "one for each label, or a map of integers"
    )
  if balanced:
    shares = (maps + 1e-9).mean((1, 2), keepdims=True)
    maps = fine_scale * (1 / num_labels) * maps / shares
  whole = jnp.ones((*maps.shape[:3], 1), work)
  return jnp.concatenate([maps, whole], -1).astype(dtype)


def image_weights(
  classes: jax.Array, axis_name: str | None = None
) -> jax.Array:
  """Weights that make means of pictures the mean over all counted pixels.

  Pictures have different numbers of them: 1 / mean count, over the batch of
  all devices, is the same for every picture and every slice of the batch.

  Args:
    classes: signed integers (batch, height, width); below 0: not counted.
    axis_name: of the devices that share the batch.

  Returns:
    (batch,) of JAX's default float; zeros where no pixel at all is counted.

  Raises:
    ValueError: the integers have no sign, so none can be left out.
  """
  counts = _counted(classes).sum((1, 2))
  count = counts.astype(jnp.result_type(float)).mean()
  if axis_name is not None:
    count = lax.pmean(count, axis_name)
  weight = jnp.where(count > 0, 1 / jnp.maximum(count, 1e-6), 0)
  return jnp.broadcast_to(weight[None], classes.shape[:1])


def segmentation_loss(
  scores: jax.Array, classes: jax.Array, image_weights: jax.Array | None = None
) -> jax.Array:
  """Cross entropy of enlarged scores, mean over the counted pixels.

  Args:
    scores: (batch, height, width, num_classes), before softmax.
    classes: signed integers (batch, height', width') below num_classes; below
      0: not counted. Scores are resized to this size bilinearly.
    image_weights: those of the function of this name where the batch is a part
      of a larger one; None: it is the whole.

  Returns:
    A scalar of at least float32; 0 where no pixel is counted.

  Raises:
    ValueError: the integers have no sign, so none can be left out.
  """
  scores = _enlarged(scores, classes)
  each = cross_entropy(scores, classes)
  return _mean_of_counted(each, classes, image_weights)


def class_accuracy(
  scores: jax.Array, classes: jax.Array, image_weights: jax.Array | None = None
) -> jax.Array:
  """Share of counted pixels whose class has the highest enlarged score.

  Args and errors as of `segmentation_loss`.

  Returns:
    A scalar in [0, 1]; 0 where no pixel is counted.
  """
  best = _enlarged(scores, classes).argmax(-1)
  right = (best == classes).astype(jnp.float32)
  return _mean_of_counted(right, classes, image_weights)


def reconstruction_loss(
  reconstruction: jax.Array, pictures: jax.Array
) -> jax.Array:
  """Mean absolute difference of enlarged small pictures from the true ones.

  Args:
    reconstruction: (batch, height, width, channels), resized bilinearly.
    pictures: (batch, height', width', channels).

  Returns:
    A scalar of at least float32.
  """
  dtype = jnp.promote_types(reconstruction.dtype, jnp.float32)
  enlarged = resampling.resize_bilinear(
    reconstruction.astype(dtype), pictures.shape[1:3]
  )
  return l1_loss(enlarged, pictures)


def _enlarged(scores: jax.Array, classes: jax.Array) -> jax.Array:
  dtype = jnp.promote_types(scores.dtype, jnp.float32)
  return resampling.resize_bilinear(scores.astype(dtype), classes.shape[1:3])


def _counted(classes: jax.Array) -> jax.Array:
  if not np.issubdtype(classes.dtype, np.signedinteger):
    raise ValueError(
      f"classes are {classes.dtype}; give signed integers, below 0 where a "
      "pixel does not count"
    )
  return classes >= 0


def _mean_of_counted(
  each: jax.Array, classes: jax.Array, weights: jax.Array | None
) -> jax.Array:
  """Mean of (batch, height, width) over the counted pixels."""
  if weights is None:
    weights = image_weights(classes)
  sums = jnp.where(_counted(classes), each, 0).sum((1, 2))
  return (sums * weights).mean()
