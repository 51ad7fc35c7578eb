"""CycleGAN and pix2pix in plain eager PyTorch, to compare times with.

Written for the benchmark from the papers' descriptions, the way such code is
commonly written; it is not part of the library.
"""

import functools
import itertools
import random

import torch
from torch import nn
from torch.nn import functional

_BLOCKS = {"resnet_9blocks": 9, "resnet_6blocks": 6}
_LEVELS = {"unet_256": 8, "unet_128": 7}


def _norm(kind, channels):
  if kind == "instance":
    return nn.InstanceNorm2d(channels)
  return nn.BatchNorm2d(channels)


class ResnetBlock(nn.Module):
  """Two reflected 3x3 convolutions, added to their input."""

  def __init__(self, channels):
    super().__init__()
    self.body = nn.Sequential(
      nn.ReflectionPad2d(1),
      nn.Conv2d(channels, channels, 3),
      nn.InstanceNorm2d(channels),
      nn.ReLU(True),
      nn.ReflectionPad2d(1),
      nn.Conv2d(channels, channels, 3),
      nn.InstanceNorm2d(channels),
    )

  def forward(self, x):
    """Returns the sum."""
    return x + self.body(x)


def resnet_generator(blocks, width=64):
  """The generator of CycleGAN, instance norm."""
  layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7)]
  layers += [nn.InstanceNorm2d(width), nn.ReLU(True)]
  for inner in (width, 2 * width):
    layers += [
      nn.Conv2d(inner, 2 * inner, 3, stride=2, padding=1),
      nn.InstanceNorm2d(2 * inner),
      nn.ReLU(True),
    ]
  layers += [ResnetBlock(4 * width) for _ in range(blocks)]
  for inner in (4 * width, 2 * width):
    layers += [
      nn.ConvTranspose2d(
        inner, inner // 2, 3, stride=2, padding=1, output_padding=1
      ),
      nn.InstanceNorm2d(inner // 2),
      nn.ReLU(True),
    ]
  layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
  return nn.Sequential(*layers)


class UnetGenerator(nn.Module):
  """The generator of pix2pix, batch norm and dropout."""

  def __init__(self, levels, width=64):
    super().__init__()
    widths = [width * min(2**i, 8) for i in range(levels)]
    self.down, self.up = nn.ModuleList(), nn.ModuleList()
    for i, outer in enumerate([3, *widths[:-1]]):
      layers = [nn.LeakyReLU(0.2)] if i else []
      layers.append(nn.Conv2d(outer, widths[i], 4, 2, 1, bias=False))
      if 0 < i < levels - 1:
        layers.append(nn.BatchNorm2d(widths[i]))
      self.down.append(nn.Sequential(*layers))
      inner = widths[i] * (1 if i == levels - 1 else 2)
      layers = [nn.ReLU()]
      layers.append(nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=not i))
      layers.append(nn.BatchNorm2d(outer) if i else nn.Tanh())
      if 4 <= i <= levels - 2:
        layers.append(nn.Dropout(0.5))
      self.up.append(nn.Sequential(*layers))

  def forward(self, x):
    """Translates (batch, 3, height, width) in [-1, 1]."""
    skips = []
    for down in self.down:
      x = down(x)
      skips.append(x)
    for i in reversed(range(len(self.up))):
      x = self.up[i](x)
      if i:
        x = torch.cat([skips[i - 1], x], 1)
    return x


def discriminator(channels, norm, width=64):
  """The 70 x 70 PatchGAN."""
  bias = norm == "instance"
  layers = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
  for i in range(1, 4):
    inner, outer = width * 2 ** (i - 1), width * 2**i
    layers += [
      nn.Conv2d(inner, outer, 4, 2 if i < 3 else 1, 1, bias=bias),
      _norm(norm, outer),
      nn.LeakyReLU(0.2, True),
    ]
  return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))


def create(system, what, generator, device, compiled=False):
  """Returns a function of two batches that translates or trains once."""
  generator = generator or {"cyclegan": "resnet_9blocks"}.get(
    system, "unet_256"
  )

  ready = functools.partial(_ready, device=device, compiled=compiled)

  def network():
    if generator in _BLOCKS:
      return ready(resnet_generator(_BLOCKS[generator]))
    return ready(UnetGenerator(_LEVELS[generator]))

  if generator not in _BLOCKS and generator not in _LEVELS:
    raise ValueError(
      f"no PyTorch equivalent of {generator!r}; choose one of "
      f"{', '.join([*_BLOCKS, *_LEVELS])}"
    )
  if what == "translate":
    return _Translation(network())
  if system == "cyclegan":
    return _CycleGAN(network, ready)
  return _Pix2Pix(network, ready)


def _ready(network, device, compiled):
  for module in network.modules():
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
      nn.init.normal_(module.weight, 0, 0.02)
  network = network.to(device)
  return torch.compile(network) if compiled else network


class _Translation:
  def __init__(self, network):
    self.network = network.eval()

  @torch.inference_mode()
  def __call__(self, a, b):
    return self.network(a)


class _Pool:
  """A history of 50 fakes; half of those shown are older ones."""

  def __init__(self):
    self.pictures = []

  def __call__(self, fakes):
    shown = []
    for fake in fakes.detach().split(1):
      if len(self.pictures) < 50:
        self.pictures.append(fake)
      elif random.random() > 0.5:
        slot = random.randrange(50)
        fake, self.pictures[slot] = self.pictures[slot], fake
      shown.append(fake)
    return torch.cat(shown)


def _adam(*networks):
  parameters = itertools.chain(*(n.parameters() for n in networks))
  return torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999))


def _train_only(networks, wanted):
  for parameter in itertools.chain(*(n.parameters() for n in networks)):
    parameter.requires_grad_(wanted)


class _CycleGAN:
  def __init__(self, network, ready):
    self.generators = [network(), network()]
    self.judges = [ready(discriminator(3, "instance")) for _ in range(2)]
    self.generator_adam = _adam(*self.generators)
    self.judge_adam = _adam(*self.judges)
    self.pools = [_Pool(), _Pool()]

  def __call__(self, a, b):
    (to_b, to_a), (judge_b, judge_a) = self.generators, self.judges
    fake_b, fake_a = to_b(a), to_a(b)
    loss = 10 * functional.l1_loss(to_a(fake_b), a)
    loss = loss + 10 * functional.l1_loss(to_b(fake_a), b)
    _train_only(self.judges, False)
    loss = loss + 5 * functional.l1_loss(to_b(b), b)
    loss = loss + 5 * functional.l1_loss(to_a(a), a)
    loss = loss + _square(judge_b(fake_b), 1) + _square(judge_a(fake_a), 1)
    self.generator_adam.zero_grad()
    loss.backward()
    self.generator_adam.step()
    _train_only(self.judges, True)
    self.judge_adam.zero_grad()
    for judge, pool, real, fake in (
      (judge_b, self.pools[0], b, fake_b),
      (judge_a, self.pools[1], a, fake_a),
    ):
      loss = _square(judge(real), 1) + _square(judge(pool(fake)), 0)
      (0.5 * loss).backward()
    self.judge_adam.step()


def _square(logits, target):
  return (logits.float() - target).square().mean()


class _Pix2Pix:
  def __init__(self, network, ready):
    self.generator = network()
    self.judge = ready(discriminator(6, "batch"))
    self.generator_adam = _adam(self.generator)
    self.judge_adam = _adam(self.judge)

  def __call__(self, a, b):
    fake = self.generator(a)
    _train_only([self.judge], True)
    self.judge_adam.zero_grad()
    loss = _entropy(self.judge(torch.cat([a, fake.detach()], 1)), False)
    loss = loss + _entropy(self.judge(torch.cat([a, b], 1)), True)
    (0.5 * loss).backward()
    self.judge_adam.step()
    _train_only([self.judge], False)
    self.generator_adam.zero_grad()
    loss = _entropy(self.judge(torch.cat([a, fake], 1)), True)
    loss = loss + 100 * functional.l1_loss(fake.float(), b)
    loss.backward()
    self.generator_adam.step()


def _entropy(logits, real):
  target = torch.full_like(logits, float(real))
  return functional.binary_cross_entropy_with_logits(logits, target)
