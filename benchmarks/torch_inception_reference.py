"""FID's Inception in plain eager PyTorch, to compare times with.

Written for the benchmark from a description of the network, the way such code
is commonly written; it is not part of the library.
"""

import torch
from torch import nn
from torch.nn import functional


class _Layer(nn.Sequential):
  def __init__(self, inputs, outputs, size, stride=1, padding=0):
    super().__init__(
      nn.Conv2d(inputs, outputs, size, stride, padding, bias=False),
      nn.BatchNorm2d(outputs, eps=1e-3),
      nn.ReLU(inplace=True),
    )


def _wide(inputs, outputs, taps=7):
  return _Layer(inputs, outputs, (1, taps), padding=(0, taps // 2))


def _tall(inputs, outputs, taps=7):
  return _Layer(inputs, outputs, (taps, 1), padding=(taps // 2, 0))


class _Pooled(nn.Sequential):
  def __init__(self, inputs, outputs, largest=False):
    pool = (
      nn.MaxPool2d(3, 1, 1)
      if largest
      else nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    )
    super().__init__(pool, _Layer(inputs, outputs, 1))


class _Both(nn.Module):
  """A row and a column of taps beside each other."""

  def __init__(self, width):
    super().__init__()
    self.wide, self.tall = _wide(width, width, 3), _tall(width, width, 3)

  def forward(self, x):
    """Puts both beside each other."""
    return torch.cat([self.wide(x), self.tall(x)], 1)


class _Block(nn.ModuleList):
  def forward(self, x):
    return torch.cat([branch(x) for branch in self], 1)


def _block_a(inputs, pooled):
  return _Block(
    [
      _Layer(inputs, 64, 1),
      nn.Sequential(_Layer(inputs, 48, 1), _Layer(48, 64, 5, padding=2)),
      nn.Sequential(
        _Layer(inputs, 64, 1),
        _Layer(64, 96, 3, padding=1),
        _Layer(96, 96, 3, padding=1),
      ),
      _Pooled(inputs, pooled),
    ]
  )


def _block_b(inputs):
  return _Block(
    [
      _Layer(inputs, 384, 3, 2),
      nn.Sequential(
        _Layer(inputs, 64, 1),
        _Layer(64, 96, 3, padding=1),
        _Layer(96, 96, 3, 2),
      ),
      nn.MaxPool2d(3, 2),
    ]
  )


def _block_c(inputs, width):
  return _Block(
    [
      _Layer(inputs, 192, 1),
      nn.Sequential(
        _Layer(inputs, width, 1), _wide(width, width), _tall(width, 192)
      ),
      nn.Sequential(
        _Layer(inputs, width, 1),
        _tall(width, width),
        _wide(width, width),
        _tall(width, width),
        _wide(width, 192),
      ),
      _Pooled(inputs, 192),
    ]
  )


def _block_d(inputs):
  return _Block(
    [
      nn.Sequential(_Layer(inputs, 192, 1), _Layer(192, 320, 3, 2)),
      nn.Sequential(
        _Layer(inputs, 192, 1),
        _wide(192, 192),
        _tall(192, 192),
        _Layer(192, 192, 3, 2),
      ),
      nn.MaxPool2d(3, 2),
    ]
  )


def _block_e(inputs, largest):
  return _Block(
    [
      _Layer(inputs, 320, 1),
      nn.Sequential(_Layer(inputs, 384, 1), _Both(384)),
      nn.Sequential(
        _Layer(inputs, 448, 1), _Layer(448, 384, 3, padding=1), _Both(384)
      ),
      _Pooled(inputs, 192, largest),
    ]
  )


class Inception(nn.Module):
  """Pictures (N, 3, H, W) in [0, 1] to features (N, 2048)."""

  def __init__(self):
    super().__init__()
    self.layers = nn.Sequential(
      _Layer(3, 32, 3, 2),
      _Layer(32, 32, 3),
      _Layer(32, 64, 3, padding=1),
      nn.MaxPool2d(3, 2),
      _Layer(64, 80, 1),
      _Layer(80, 192, 3),
      nn.MaxPool2d(3, 2),
      _block_a(192, 32),
      _block_a(256, 64),
      _block_a(288, 64),
      _block_b(288),
      _block_c(768, 128),
      _block_c(768, 160),
      _block_c(768, 160),
      _block_c(768, 192),
      _block_d(768),
      _block_e(1280, False),
      _block_e(2048, True),
      nn.AdaptiveAvgPool2d(1),
    )

  def forward(self, x):
    """Resizes, and returns what the last pool gives."""
    x = functional.interpolate(
      x, (299, 299), mode="bilinear", align_corners=False
    )
    return self.layers(2 * x - 1).flatten(1)
