"""SPADE, pix2pixHD, ASAP-Nets in plain eager PyTorch, to compare times with.

Written for the benchmark from the papers' descriptions, the way such code is
commonly written; it is not part of the library. A step spares itself the
gradients that nobody uses.
"""

import itertools

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm
from torch_reference import ResnetBlock

_HIDDEN = 128  # between a label map and its modulation


class _Spade(nn.Module):
  def __init__(self, channels, features):
    super().__init__()
    self.norm = nn.BatchNorm2d(features, affine=False)
    self.shared = nn.Conv2d(channels, _HIDDEN, 3, padding=1)
    self.gamma = nn.Conv2d(_HIDDEN, features, 3, padding=1)
    self.beta = nn.Conv2d(_HIDDEN, features, 3, padding=1)

  def forward(self, x, semantics):
    semantics = functional.interpolate(semantics, x.shape[2:])
    hidden = functional.relu(self.shared(semantics))
    return self.norm(x) * (1 + self.gamma(hidden)) + self.beta(hidden)


class _SpadeBlock(nn.Module):
  def __init__(self, channels, inputs, outputs):
    super().__init__()
    middle = min(inputs, outputs)
    self.norm_0 = _Spade(channels, inputs)
    self.norm_1 = _Spade(channels, middle)
    self.conv_0 = spectral_norm(nn.Conv2d(inputs, middle, 3, padding=1))
    self.conv_1 = spectral_norm(nn.Conv2d(middle, outputs, 3, padding=1))
    self.norm_s = None
    if inputs != outputs:
      self.norm_s = _Spade(channels, inputs)
      self.conv_s = spectral_norm(nn.Conv2d(inputs, outputs, 1, bias=False))

  def forward(self, x, semantics):
    y = functional.leaky_relu(self.norm_0(x, semantics), 0.2)
    y = self.norm_1(self.conv_0(y), semantics)
    y = self.conv_1(functional.leaky_relu(y, 0.2))
    if self.norm_s is not None:
      x = self.conv_s(self.norm_s(x, semantics))
    return x + y


class SpadeGenerator(nn.Module):
  """The generator of SPADE with five doublings, or with six."""

  def __init__(self, channels, width=64, doublings=5):
    super().__init__()
    self.doublings = doublings
    self.fc = nn.Conv2d(channels, 16 * width, 3, padding=1)
    widths = [16, 16, 16, 16, 8, 4, 2, 1]
    self.blocks = nn.ModuleList(
      _SpadeBlock(channels, inputs * width, outputs * width)
      for inputs, outputs in itertools.pairwise(widths)
    )
    self.conv_img = nn.Conv2d(width, 3, 3, padding=1)

  def forward(self, semantics):
    """Maps (batch, channels, height, width) to pictures in [-1, 1]."""
    size = [side // 2**self.doublings for side in semantics.shape[2:]]
    x = self.fc(functional.interpolate(semantics, size))
    # With five the second and third block share a size.
    same = (0, 2) if self.doublings == 5 else (0,)
    for i, block in enumerate(self.blocks):
      if i not in same:
        x = functional.interpolate(x, scale_factor=2)
      x = block(x, semantics)
    return torch.tanh(self.conv_img(functional.leaky_relu(x, 0.2)))


def global_generator(channels, width=64, halvings=4, blocks=9):
  """The global generator of pix2pixHD, instance norm."""
  layers = [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7)]
  layers += [nn.InstanceNorm2d(width), nn.ReLU(True)]
  for i in range(halvings):
    inner = width * 2**i
    layers += [
      nn.Conv2d(inner, 2 * inner, 3, stride=2, padding=1),
      nn.InstanceNorm2d(2 * inner),
      nn.ReLU(True),
    ]
  layers += [ResnetBlock(width * 2**halvings) for _ in range(blocks)]
  for i in reversed(range(halvings)):
    outer = width * 2**i
    layers += [
      nn.ConvTranspose2d(
        2 * outer, outer, 3, stride=2, padding=1, output_padding=1
      ),
      nn.InstanceNorm2d(outer),
      nn.ReLU(True),
    ]
  layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
  return nn.Sequential(*layers)


class AsapGenerator(nn.Module):
  """ASAP-Nets of cells of 16 pixels, whose networks do not see the edges."""

  def __init__(self, channels, width=64, most=1024, halvings=4, blocks=7):
    super().__init__()
    self.side = 2**halvings
    widths = [channels, *[width] * halvings, *[most] * (blocks + 1)]
    layers = []
    for i, (inner, outer) in enumerate(itertools.pairwise(widths)):
      layers += [
        nn.Conv2d(
          inner, outer, 3, 2 if 0 < i <= halvings else 1, 1, bias=False
        ),
        nn.InstanceNorm2d(outer, affine=True),
        nn.ReLU(True),
      ]
    self.widths = [channels - 1 + 4 * halvings, *[width] * 4, 3]
    pairs = list(itertools.pairwise(self.widths))
    self.sizes = [outer * (inner + 1) for inner, outer in pairs]
    layers.append(nn.Conv2d(most, sum(self.sizes), 1))
    self.coarse = nn.Sequential(*layers)

  def forward(self, semantics):
    """Maps (batch, channels, height, width) to pictures in [-1, 1]."""
    batch, _, height, width = semantics.shape
    side, rows, columns = self.side, height // self.side, width // self.side
    parameters = self.coarse(semantics).permute(0, 2, 3, 1).flatten(0, 2)
    x = torch.cat([semantics[:, :-1], self._waves(semantics)], 1)
    x = x.reshape(batch, -1, rows, side, columns, side)
    x = x.permute(0, 2, 4, 3, 5, 1).reshape(len(parameters), side**2, -1)
    for i, layer in enumerate(parameters.split(self.sizes, 1)):
      outputs = self.widths[i + 1]
      bias, weight = layer.split([outputs, layer.shape[1] - outputs], 1)
      if i:
        x = functional.leaky_relu(x, 0.01)
      x = torch.baddbmm(bias[:, None], x, weight.reshape(len(x), -1, outputs))
    x = x.reshape(batch, rows, columns, side, side, 3)
    return torch.tanh(x.permute(0, 5, 1, 3, 2, 4).reshape(batch, 3, height, -1))

  def _waves(self, semantics):
    batch, _, height, width = semantics.shape
    y, x = torch.meshgrid(
      torch.arange(height, device=semantics.device),
      torch.arange(width, device=semantics.device),
      indexing="ij",
    )
    waves, period = [], self.side
    while period > 1:
      for position in (x, y):
        angle = 2 * torch.pi * (position % period) / period
        waves += [torch.cos(angle), torch.sin(angle)]
      period //= 2
    return torch.stack(waves).expand(batch, -1, -1, -1)


class MultiscaleDiscriminator(nn.Module):
  """Equal discriminators of patches at full size and at half of it."""

  def __init__(self, channels, spectral, width=64, scales=2):
    super().__init__()
    self.scales = nn.ModuleList(
      self._scale(channels, spectral, width) for _ in range(scales)
    )

  def _scale(self, channels, spectral, width):
    layers = [nn.Conv2d(channels, width, 4, 2, 2)]
    for i in range(1, 4):
      conv = nn.Conv2d(
        width * 2 ** (i - 1),
        width * 2**i,
        4,
        2 if i < 3 else 1,
        2,
        bias=not spectral,
      )
      layers.append(
        nn.Sequential(
          spectral_norm(conv) if spectral else conv,
          nn.InstanceNorm2d(width * 2**i),
        )
      )
    return nn.ModuleList([*layers, nn.Conv2d(width * 8, 1, 4, 1, 2)])

  def forward(self, x):
    """Returns each scale's features and, last, its verdict."""
    results = []
    for layers in self.scales:
      if results:
        x = functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
      features = [x]
      for layer in layers[:-1]:
        features.append(functional.leaky_relu(layer(features[-1]), 0.2))
      results.append([*features[1:], layers[-1](features[-1])])
    return results


class _Vgg19(nn.Module):
  """The first features of each of VGG19's blocks, random weights."""

  def __init__(self):
    super().__init__()
    self.blocks, inner = nn.ModuleList(), 3
    for outer, depth in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 1)):
      block = nn.ModuleList()
      for _ in range(depth):
        block.append(nn.Conv2d(inner, outer, 3, padding=1))
        nn.init.kaiming_normal_(block[-1].weight)
        inner = outer
      self.blocks.append(block)
    self.requires_grad_(False)

  def forward(self, x):
    results = []
    for block in self.blocks:
      if results:
        x = functional.max_pool2d(x, 2)
      for i, conv in enumerate(block):
        x = functional.relu(conv(x))
        if i == 0:
          results.append(x)
    return results


def create(task, device):
  """Returns a function that generates or trains once, of a task's batch.

  Args:
    task: of `compare`, with the `channels` that networks are shown.
    device: to compute on.

  Returns:
    A function of labels and instances (batch, height, width), and of pictures
    (batch, 3, height, width) in [-1, 1].
  """

  def ready(network):
    network = network.to(device)
    return torch.compile(network) if task["compile"] else network

  channels = task["channels"]
  generator = ready(_generator(task))
  if task["what"] == "generate":
    return _Generation(generator, channels)
  is_spade = task["system"] != "pix2pixhd"  # ASAP-Nets are trained alike
  discriminator = ready(
    MultiscaleDiscriminator(channels + 3, is_spade, task["features"])
  )
  vgg = ready(_Vgg19()) if task["vgg"] else None
  kind = _Spadewise if is_spade else _Pix2PixHD
  return kind(generator, discriminator, vgg, channels)


def _generator(task):
  channels, width = task["channels"], task["features"]
  if task["system"] == "asapnets":
    return AsapGenerator(channels, width)
  if task["system"] == "pix2pixhd":
    return global_generator(channels, width)
  # Six where pictures are twice as wide as high, as in Cityscapes.
  return SpadeGenerator(channels, width, 5 + (task["width"] > task["size"]))


def _semantics(labels, instances, channels):
  """One-hot labels and, as the last channel, the edges of instances."""
  shape = (len(labels), channels - 1, *labels.shape[1:])
  one_hot = torch.zeros(shape, device=labels.device)
  one_hot.scatter_(1, labels[:, None].long(), 1.0)
  edges = torch.zeros_like(instances, dtype=torch.bool)
  rows = instances[:, 1:] != instances[:, :-1]
  columns = instances[:, :, 1:] != instances[:, :, :-1]
  edges[:, 1:] |= rows
  edges[:, :-1] |= rows
  edges[:, :, 1:] |= columns
  edges[:, :, :-1] |= columns
  return torch.cat([one_hot, edges[:, None].float()], 1)


class _Generation:
  def __init__(self, generator, channels):
    self.generator, self.channels = generator.eval(), channels

  @torch.inference_mode()
  def __call__(self, labels, instances, pictures):
    return self.generator(_semantics(labels, instances, self.channels))


def _matching(fake, real):
  """Mean differences of all features but the verdicts, summed."""
  return sum(
    functional.l1_loss(a.float(), b.detach().float())
    for fakes, reals in zip(fake, real, strict=True)
    for a, b in zip(fakes[:-1], reals[:-1], strict=True)
  )


class _Training:
  """What the steps of both systems share."""

  def __init__(self, generator, discriminator, vgg, channels):
    self.generator, self.discriminator = generator, discriminator
    self.vgg, self.channels = vgg, channels
    rates, betas = self.optimizers
    self.generator_adam, self.discriminator_adam = (
      torch.optim.Adam(network.parameters(), lr=rate, betas=betas)
      for network, rate in zip((generator, discriminator), rates, strict=True)
    )

  def perceptual(self, fake, real):
    if self.vgg is None:
      return 0.0
    with torch.no_grad():
      wanted = self.vgg(real)
    return sum(
      weight * functional.l1_loss(a.float(), b.float())
      for weight, a, b in zip(
        (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0), self.vgg(fake), wanted, strict=True
      )
    )


class _Spadewise(_Training):
  optimizers = (1e-4, 4e-4), (0.0, 0.9)

  def judge(self, semantics, fake, real):
    """Fake and real pictures in one call."""
    parts = [torch.cat([semantics, x], 1) for x in (fake, real)]
    outputs = self.discriminator(torch.cat(parts))
    halves = [[x.chunk(2) for x in scale] for scale in outputs]
    return [[[x[i] for x in scale] for scale in halves] for i in range(2)]

  def __call__(self, labels, instances, pictures):
    semantics = _semantics(labels, instances, self.channels)
    self.discriminator.requires_grad_(False)
    made = self.generator(semantics)
    fake, real = self.judge(semantics, made, pictures)
    loss = sum(-scale[-1].float().mean() for scale in fake) / len(fake)
    loss = loss + 10 / len(fake) * _matching(fake, real)
    loss = loss + 10 * self.perceptual(made, pictures)
    self.generator_adam.zero_grad()
    loss.backward()
    self.generator_adam.step()

    self.discriminator.requires_grad_(True)
    with torch.no_grad():
      made = self.generator(semantics)
    fake, real = self.judge(semantics, made, pictures)
    loss = sum(
      functional.relu(1 + a[-1].float()).mean()
      + functional.relu(1 - b[-1].float()).mean()
      for a, b in zip(fake, real, strict=True)
    ) / len(fake)
    self.discriminator_adam.zero_grad()
    loss.backward()
    self.discriminator_adam.step()


class _Pix2PixHD(_Training):
  optimizers = (2e-4, 2e-4), (0.5, 0.999)

  def judge(self, semantics, pictures):
    return self.discriminator(torch.cat([semantics, pictures], 1))

  def __call__(self, labels, instances, pictures):
    semantics = _semantics(labels, instances, self.channels)
    made = self.generator(semantics)
    shown = self.judge(semantics, made.detach())
    real = self.judge(semantics, pictures)
    fake = self.judge(semantics, made)
    loss = _squares(fake, 1) + 10 / len(fake) * _matching(fake, real)
    loss = loss + 10 * self.perceptual(made, pictures)
    self.generator_adam.zero_grad()
    loss.backward(inputs=list(self.generator.parameters()))
    self.generator_adam.step()
    self.discriminator_adam.zero_grad()
    (0.5 * (_squares(shown, 0) + _squares(real, 1))).backward()
    self.discriminator_adam.step()


def _squares(outputs, target):
  return sum((x[-1].float() - target).square().mean() for x in outputs)
