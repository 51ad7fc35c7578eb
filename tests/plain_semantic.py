"""The terms of a semantic-aware discriminator, pixel by pixel.

The tests hold the real steps against these.
"""

import jax
import jax.numpy as jnp
import numpy as np

from gansynth.models import semantics


def enlarged(x, size):
  """Bilinear between centres of pixels, repeated at the border."""
  for axis, new in enumerate(size, 1):
    old = x.shape[axis]
    shares = np.zeros((new, old), np.float32)
    for i in range(new):
      at = min(max((i + 0.5) * old / new - 0.5, 0), old - 1)
      low = int(at)
      shares[i, low] += low + 1 - at
      shares[i, min(low + 1, old - 1)] += at - low
    x = jnp.moveaxis(jnp.tensordot(shares, x, (1, axis)), 0, axis)
  return x


class Semantic:
  """What one batch tells a discriminator of classes and pictures."""

  def __init__(self, system, dense, image):
    """Takes one-hot channels and edges, and pictures in [-1, 1]."""
    self.system, self.image = system, image
    self.one_hot = dense[..., : system.conditioning.num_labels]
    labels = self.one_hot.argmax(-1)
    self.label_map = semantics.LabelMap(
      labels, dense[..., -1:], system.conditioning.num_labels
    )
    self.classes = np.vectorize(lambda x: system.semantic.classes[x])(labels)
    assert (self.classes < 0).any()
    assert len({(one >= 0).sum() for one in self.classes}) > 1

  def weights(self, size):
    """Maps of the nearest pixels' labels, balanced, and ones."""
    batch, height, width, labels = self.one_hot.shape
    maps = np.ones((batch, *size, labels + 1))
    for y in range(size[0]):
      for x in range(size[1]):
        row, column = y * height // size[0], x * width // size[1]
        maps[:, y, x, :-1] = self.one_hot[:, row, column]
    for n in range(batch):
      for c in range(labels):
        share = maps[n, ..., c].mean() + 1e-9
        maps[n, ..., c] *= self.system.semantic.fine_scale / labels / share
    return maps.astype(np.float32)

  def heads(self, outputs):
    """Verdicts, scores of classes and pictures, by scale."""
    ends = self.one_hot.shape[-1] + 1, outputs[0][-1].shape[-1] - 3
    return [jnp.split(scale[-1], ends, -1) for scale in outputs]

  def judged(self, *sides):
    """Weights by scale, and outputs with verdicts alone for logits."""
    results = [
      [
        [*scale[:-1], verdicts]
        for scale, (verdicts, _, _) in zip(side, self.heads(side), strict=True)
      ]
      for side in sides
    ]
    sizes = [scale[-1].shape[1:3] for scale in sides[0]]
    return [self.weights(size) for size in sizes], *results

  def terms(self, outputs):
    """Cross entropy over all pixels that count, and L1; summed over scales."""
    entropy = distance = 0
    for _, scores, drawn in self.heads(outputs):
      logs = jax.nn.log_softmax(enlarged(scores, self.classes.shape[1:]))
      counted = np.nonzero(self.classes >= 0)
      entropy -= logs[(*counted, self.classes[counted])].mean()
      difference = enlarged(drawn, self.image.shape[1:3]) - self.image
      distance += jnp.abs(difference).mean()
    weights = self.system.semantic
    return (
      weights.lambda_segmentation * entropy,
      weights.lambda_reconstruction * distance,
    )

  def accuracy(self, outputs):
    """Share of pixels that count whose class the first scale names."""
    scores = enlarged(self.heads(outputs)[0][1], self.classes.shape[1:])
    hits = (scores.argmax(-1) == self.classes).sum()
    return hits / (self.classes >= 0).sum()

  def of_generator(self, params, on_fake, fake):
    """Losses of a guided generator."""
    system = self.system
    _, grid = system.generator.apply(
      {"params": params["g"]}, self.label_map, with_parameters=True
    )
    found = dict(
      zip(
        ("G_segmentation", "G_reconstruction"),
        self.terms(on_fake),
        strict=True,
      )
    )
    difference = fake - self.image
    found["G_mse"] = system.lambda_mse * (difference**2).mean()
    found["G_l1"] = system.lambda_l1 * jnp.abs(difference).mean()
    found["G_decay"] = system.lambda_decay * (grid**2).sum()
    return found

  def of_discriminator(self, on_fake, on_real):
    """Losses of true pictures, and accuracies."""
    losses = dict(
      zip(
        ("D_segmentation", "D_reconstruction"),
        self.terms(on_real),
        strict=True,
      )
    )
    shares = {
      "accuracy_real": self.accuracy(on_real),
      "accuracy_fake": self.accuracy(on_fake),
    }
    return losses, shares
