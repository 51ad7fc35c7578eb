"""Geoseg-GAN in plain eager PyTorch, to compare times with.

Written for the benchmark from a description of the networks and of the step,
the way such code is commonly written; it is not part of the library.
"""

import itertools

import torch
from torch import nn
from torch.nn import functional


def _block(inputs, outputs, strides=1):
  return nn.Sequential(
    nn.Conv2d(inputs, outputs, 3, strides, 1),
    nn.InstanceNorm2d(outputs, affine=True),
    nn.LeakyReLU(0.2),
  )


class Generator(nn.Module):
  """One-hot labels to pictures in [0, 1]."""

  def __init__(self, channels, width=64):
    super().__init__()
    self.stem = nn.Conv2d(channels, width, 3, padding=1)
    widths = [width * times for times in (1, 2, 4, 8, 8)]
    self.down = nn.ModuleList(
      _block(a, b, 2) for a, b in itertools.pairwise(widths)
    )
    ups = ((8, 8), (16, 4), (8, 2), (4, 1))
    self.up = nn.ModuleList(_block(a * width, b * width) for a, b in ups)
    self.head = nn.Conv2d(2 * width, 3, 3, padding=1)

  def forward(self, x):
    """Draws (batch, channels, height, width)."""
    skips = [functional.leaky_relu(self.stem(x), 0.2)]
    for down in self.down:
      skips.append(down(skips[-1]))
    x = skips.pop()
    for up in self.up:
      x = up(functional.interpolate(x, scale_factor=2, mode="bilinear"))
      x = torch.cat([x, skips.pop()], 1)
    return (torch.tanh(self.head(x)) + 1) / 2


class Discriminator(nn.Module):
  """Pictures and one-hot labels to features and logits."""

  def __init__(self, channels, width=64):
    super().__init__()
    stem = nn.Sequential(
      nn.Conv2d(channels + 3, width, 3, 2, 1), nn.LeakyReLU(0.2)
    )
    self.layers = nn.ModuleList(
      [
        stem,
        _block(width, 2 * width, 2),
        _block(2 * width, 4 * width, 2),
        _block(4 * width, 8 * width),
      ]
    )
    self.logits = nn.Conv2d(8 * width, 1, 1)

  def forward(self, x):
    """Returns logits, and the features of all layers."""
    features = []
    for layer in self.layers:
      x = layer(x)
      features.append(x)
    return self.logits(x), features


def create(task, device):
  """Returns a function that generates or trains once, of a task's batch.

  See `torch_label_reference.create`; there are no edges of instances.
  """

  def ready(network):
    network = network.to(device)
    return torch.compile(network) if task["compile"] else network

  channels, width = task["channels"], task["features"]
  generator = ready(Generator(channels, width))

  def one_hot(labels):
    shape = (len(labels), channels, *labels.shape[1:])
    return torch.zeros(shape, device=device).scatter_(
      1, labels[:, None].long(), 1.0
    )

  if task["what"] == "generate":
    generator.eval()

    @torch.inference_mode()
    def generate(labels, instances, pictures):
      return generator(one_hot(labels))

    return generate
  discriminator = ready(Discriminator(channels, width))
  optimizers = [
    torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
    for network in (generator, discriminator)
  ]

  def train(labels, instances, pictures):
    semantics = one_hot(labels)
    real = (pictures + 1) / 2

    def judge(shown):
      return discriminator(torch.cat([shown, semantics], 1))

    fake = generator(semantics)  # once, where the original makes it twice
    loss = functional.relu(1 - judge(real)[0]).mean()
    loss = loss + functional.relu(1 + judge(fake.detach())[0]).mean()
    optimizers[1].zero_grad()
    loss.backward()
    optimizers[1].step()

    logits, features = judge(fake)
    with torch.no_grad():
      _, wanted = judge(real)
    loss = -logits.mean() + 10 * sum(
      functional.l1_loss(a, b) for a, b in zip(features, wanted, strict=True)
    )
    optimizers[0].zero_grad()
    loss.backward(inputs=list(generator.parameters()))
    optimizers[0].step()

  return train
