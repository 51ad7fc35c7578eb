"""SPADE's generator in plain eager PyTorch; started by `spade_modulation`.

Written for the benchmark from the paper's description, the way such code is
commonly written; it is not part of the library. Like the original it divides
kernels by their spectral norms in every call.
"""

import itertools
import os
import platform

import worker

_LEVELS = 5


def build(task):
  """Returns (run, compile seconds, versions) for a task."""
  try:
    import torch
  except ImportError as error:
    raise ImportError(
      "this Python has no PyTorch; install it (pip install torch), or name "
      "one that has it with --torch-python"
    ) from error
  if task["device"] == "gpu" and not torch.cuda.is_available():
    raise ValueError("PyTorch finds no GPU")
  device = "cuda" if task["device"] == "gpu" else "cpu"
  torch.set_num_threads(len(os.sched_getaffinity(0)))
  torch.manual_seed(0)
  generator = _generator(task["features"], task["channels"])
  generator = generator.to(device).eval()
  # What labels are there makes no difference to it.
  size, labels = task["size"], task["channels"] - 1
  shape = (task["batch"], 1, size, size)
  scenes = itertools.cycle(
    torch.randint(labels, shape, device=device) for _ in range(task["maps"])
  )
  autocast = task["dtype"] == "bfloat16"

  @torch.no_grad()
  def run():
    scene = next(scenes)
    semantics = torch.zeros((len(scene), labels + 1, size, size), device=device)
    semantics.scatter_(1, scene, 1.0)
    with torch.autocast(device, torch.bfloat16, enabled=autocast):
      generator(semantics)
    if device == "cuda":
      torch.cuda.synchronize()

  versions = (
    f"torch {torch.__version__}, eager, Python {platform.python_version()}, "
    + (
      torch.cuda.get_device_name()
      if device == "cuda"
      else f"{torch.get_num_threads()} threads"
    )
  )
  return run, 0.0, versions


def _generator(width, channels):
  import torch
  from torch import nn
  from torch.nn import functional
  from torch.nn.utils import spectral_norm

  class Spade(nn.Module):
    def __init__(self, features):
      super().__init__()
      self.norm = nn.BatchNorm2d(features, affine=False)
      self.shared = nn.Conv2d(channels, 128, 3, padding=1)
      self.gamma = nn.Conv2d(128, features, 3, padding=1)
      self.beta = nn.Conv2d(128, features, 3, padding=1)

    def forward(self, x, semantics):
      semantics = functional.interpolate(semantics, x.shape[2:])
      hidden = functional.relu(self.shared(semantics))
      return self.norm(x) * (1 + self.gamma(hidden)) + self.beta(hidden)

  class Block(nn.Module):
    def __init__(self, inputs, outputs):
      super().__init__()
      middle = min(inputs, outputs)
      self.norm_0, self.norm_1 = Spade(inputs), Spade(middle)
      self.conv_0 = spectral_norm(nn.Conv2d(inputs, middle, 3, padding=1))
      self.conv_1 = spectral_norm(nn.Conv2d(middle, outputs, 3, padding=1))
      self.norm_s = None
      if inputs != outputs:
        self.norm_s = Spade(inputs)
        self.conv_s = spectral_norm(nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x, semantics):
      y = functional.leaky_relu(self.norm_0(x, semantics), 0.2)
      y = self.norm_1(self.conv_0(y), semantics)
      y = self.conv_1(functional.leaky_relu(y, 0.2))
      if self.norm_s is not None:
        x = self.conv_s(self.norm_s(x, semantics))
      return x + y

  class Generator(nn.Module):
    def __init__(self):
      super().__init__()
      self.fc = nn.Conv2d(channels, 16 * width, 3, padding=1)
      widths = [16, 16, 16, 16, 8, 4, 2, 1]
      self.blocks = nn.ModuleList(
        Block(inputs * width, outputs * width)
        for inputs, outputs in itertools.pairwise(widths)
      )
      self.conv_img = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, semantics):
      size = [side // 2**_LEVELS for side in semantics.shape[2:]]
      x = self.fc(functional.interpolate(semantics, size))
      for i, block in enumerate(self.blocks):
        if i not in (0, 2):  # the second block of 16 pixels
          x = functional.interpolate(x, scale_factor=2)
        x = block(x, semantics)
      return torch.tanh(self.conv_img(functional.leaky_relu(x, 0.2)))

  return Generator()


def _peak():
  import torch

  if not torch.cuda.is_initialized():
    return None
  return torch.cuda.max_memory_allocated() / 2**20


if __name__ == "__main__":
  worker.serve(build, _peak)
