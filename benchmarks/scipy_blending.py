"""Gaussian-Poisson blending in plain NumPy and SciPy, to compare times with.

Written for the benchmark from the description of GP-GAN (Wu et al., 2019), the
way such code is commonly written and the original computes: float64, one
thread, height x width x channels, tables rebuilt in every call. It is not part
of the library. `python benchmarks/scipy_blending.py CASE_DIR...` checks it
against recorded cases of the original.
"""

import json
import math
import pathlib
import sys

import numpy as np
from scipy import fft, ndimage

_SMOOTHING = {
  "sobel": np.array([1, 2, 1]) / 4,
  "scharr": np.array([3, 10, 3]) / 16,
  "prewitt": np.array([1, 1, 1]) / 3,
}


def solve(
  source,
  destination,
  mask,
  color,
  color_weight=1.0,
  sigma=0.5,
  kernel="normal",
  border="zero",
):
  """Solves one level; pictures (H, W, C) in [0, 1], mask (H, W)."""
  sides = mask[..., None]
  across = (sides + np.roll(sides, -1, axis=1)) / 2
  down = (sides + np.roll(sides, -1, axis=0)) / 2
  source_h, source_v = _gradients(source, kernel, border)
  destination_h, destination_v = _gradients(destination, kernel, border)
  field_h = destination_h * (1 - across) + source_h * across
  field_v = destination_v * (1 - down) + source_v * down
  b = np.roll(field_h, 1, axis=1) - field_h
  b += np.roll(field_v, 1, axis=0) - field_v
  laplacian, gaussian = _tables(mask.shape, sigma)
  divisor = laplacian + color_weight * gaussian
  tiny = np.abs(divisor) < 1e-12
  divisor[tiny] = np.where(divisor[tiny] >= 0, 1e-12, -1e-12)
  options = {"axes": (0, 1), "norm": "ortho", "workers": 1}
  spectrum = fft.dctn(b, **options) + color_weight * fft.dctn(color, **options)
  return np.clip(fft.idctn(spectrum / divisor[..., None], **options), 0, 1)


def _gradients(image, kernel, border):
  if kernel == "normal":
    h, v = np.zeros_like(image), np.zeros_like(image)
    h[:, :-1] = image[:, 1:] - image[:, :-1]
    v[:-1] = image[1:] - image[:-1]
    return h, v
  if kernel == "roberts":
    padded = np.pad(image, ((0, 1), (0, 1), (0, 0)), mode="symmetric")
    h = padded[1:, 1:] - padded[:-1, :-1]
    v = padded[1:, :-1] - padded[:-1, 1:]
  else:
    smoothing = _SMOOTHING[kernel]
    h, v = (
      ndimage.correlate1d(
        ndimage.correlate1d(image, [-1, 0, 1], axis=axis, mode="reflect"),
        smoothing,
        axis=1 - axis,
        mode="reflect",
      )
      for axis in (0, 1)  # the original has the two exchanged
    )
  if border == "zero":
    for field in (h, v):
      field[[0, -1]] = 0
      field[:, [0, -1]] = 0
  return h, v


def _tables(size, sigma):
  """Eigenvalues of the Laplacian and of the Gaussian, by FFTs of kernels."""
  radius = int(4 * sigma + 0.5)
  weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
  weights /= weights.sum()
  middle = weights[radius]
  beside = weights[radius + 1] if radius else 0.0
  taps = np.array([beside, middle, beside])
  laplacian = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
  tables = []
  for kernel in (laplacian, np.outer(taps, taps)):
    padded = np.zeros((2 * size[0], 2 * size[1]))
    padded[:3, :3] = kernel
    padded = np.roll(padded, (-1, -1), axis=(0, 1))
    spectrum = fft.fft2(padded, workers=1)
    tables.append(np.real(spectrum[: size[0], : size[1]]))
  return tables


def resize(image, size, order):
  """Resizes with an antialiasing blur; all is 0 outside the picture."""
  factors = [old / new for old, new in zip(image.shape, size, strict=False)]
  sigmas = [max(0.0, (factor - 1) / 2) for factor in factors]
  sigmas += [0.0] * (image.ndim - 2)
  image = ndimage.gaussian_filter(image, sigmas, mode="constant", cval=0)
  low, high = image.min(), image.max()
  for axis, (new, factor) in enumerate(zip(size, factors, strict=True)):
    image = _sample(image, axis, factor * (np.arange(new) + 0.5) - 0.5, order)
  if order:
    clipped = np.clip(image, low, high)
    image = np.where(image == 0, image, clipped) if low > 0 else clipped
  return image


def _sample(image, axis, at, order):
  if order == 0:
    return image.take(np.floor(at + 0.5).astype(int), axis)
  first = np.floor(at).astype(int)
  t = at - first
  weights = (
    (-t + 2 * t**2 - t**3) / 2,
    (2 - 5 * t**2 + 3 * t**3) / 2,
    (t + 4 * t**2 - 3 * t**3) / 2,
    (-(t**2) + t**3) / 2,
  )
  shape = [1] * image.ndim
  shape[axis] = -1
  total = 0
  for offset, weight in zip(range(-1, 3), weights, strict=True):
    index = first + offset
    inside = (index >= 0) & (index < image.shape[axis])
    taps = image.take(np.where(inside, index, 0), axis)
    total = total + taps * (weight * inside).reshape(shape)
  return total


def gp_gan(
  source,
  destination,
  mask,
  network,
  image_size=64,
  smooth_sigma=1.0,
  masks=None,
  **options,
):
  """Blends uint8 (H, W, 3) pictures with a mask (H, W) of 0 and 1.

  Args:
    source: object.
    destination: scene.
    mask: where the object is.
    network: function of (1, 3, image_size, image_size) in [-1, 1].
    image_size: of the network.
    smooth_sigma: of the pyramid's blur.
    masks: the levels' masks, where they are not to be computed.
    **options: of `solve`.

  Returns:
    uint8 (H, W, 3).
  """
  source, destination = source / 255.0, destination / 255.0
  mask = mask.astype(np.float64)
  count = math.ceil(math.log2(max(mask.shape) / image_size))
  sides = [image_size * 2**i for i in range(count)]
  sizes = [(side, side) for side in sides] + [mask.shape]
  sources, destinations = (
    _pyramid(image, sizes, smooth_sigma) for image in (source, destination)
  )
  x = None
  for level, size in enumerate(sizes):
    m = resize(mask, size, 0) if masks is None else masks[level]
    if level == 0:
      m3 = m[..., None]
      composite = sources[0] * m3 + destinations[0] * (1 - m3)
      inputs = np.float32(composite * 2 - 1).transpose(2, 0, 1)[None]
      outputs = network(inputs)[0].transpose(1, 2, 0).astype(np.float64)
      x = np.clip((outputs + 1) / 2, 0, 1)
    else:
      x = resize(x, size, 3)
    x = solve(sources[level], destinations[level], m, x, **options)
  return np.clip(x * 255, 0, 255).astype(np.uint8)


def _pyramid(image, sizes, sigma):
  levels = [image]
  for size in sizes[-2::-1]:
    blurred = ndimage.gaussian_filter(
      levels[-1], (sigma, sigma, 0), mode="nearest"
    )
    levels.append(resize(blurred, size, 3))
  return levels[::-1]


class EncoderDecoder:
  """The blending network's forward pass in float32, as matrix products."""

  def __init__(self, weights):
    """Takes the arrays of a `blending_gan.npz`."""
    self._weights = {name: np.float32(weights[name]) for name in weights}

  @classmethod
  def random(cls):
    """The published sizes, with random weights."""
    return cls(random_weights())

  def __call__(self, x):
    """Maps (N, 3, S, S) to (N, 3, S, S), both in [-1, 1]."""
    last = max(
      int(name.split("/")[1])
      for name in self._weights
      if name.startswith("encoder/")
    )
    x = _leaky(self._convolve("encoder/0", x, 2))
    for index in range(2, last, 3):
      x = self._convolve(f"encoder/{index}", x, 2)
      x = _leaky(self._norm(f"encoder/{index + 1}", x))
    x = self._convolve(f"encoder/{last}", x, 1)
    x = _leaky(self._norm("bn", x))
    x = self._deconvolve("decoder/0", x, 1)
    index = 1
    while f"decoder/{index}/gamma" in self._weights:
      x = np.maximum(self._norm(f"decoder/{index}", x), 0)
      x = self._deconvolve(f"decoder/{index + 2}", x, 2)
      index += 3
    return np.tanh(x)

  def _norm(self, name, x):
    gamma, beta, mean, var = (
      self._weights[f"{name}/{part}"][:, None, None]
      for part in ("gamma", "beta", "avg_mean", "avg_var")
    )
    return gamma * (x - mean) / np.sqrt(var + np.float32(2e-5)) + beta

  def _convolve(self, name, x, stride):
    if stride == 2:
      x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (4, 4), (2, 3))
    windows = windows[:, :, ::stride, ::stride]
    product = np.tensordot(
      self._weights[f"{name}/W"], windows, ((1, 2, 3), (1, 4, 5))
    )
    return product.swapaxes(0, 1)

  def _deconvolve(self, name, x, stride):
    spread = np.tensordot(self._weights[f"{name}/W"], x, ((0,), (1,)))
    outer, _, _, count, height, width = spread.shape
    rows, columns = (stride * (side - 1) + 4 for side in (height, width))
    total = np.zeros((count, outer, rows, columns), np.float32)
    for i in range(4):
      for j in range(4):
        part = total[:, :, i : i + stride * height, j : j + stride * width]
        part[:, :, ::stride, ::stride] += spread[:, i, j].swapaxes(0, 1)
    return total[:, :, 1:-1, 1:-1] if stride == 2 else total


def random_weights(seed=0, features=64, bottleneck=4000):
  """Weights of the published sizes, named as in a `blending_gan.npz`."""
  rng = np.random.default_rng(seed)
  widths = [features * 2**i for i in range(4)]
  weights = {}

  def kernel(name, *shape):
    weights[f"{name}/W"] = 0.02 * rng.standard_normal(shape, np.float32)

  def norm(name, width):
    for part in ("gamma", "avg_var", "beta", "avg_mean"):
      fill = float(part in ("gamma", "avg_var"))
      weights[f"{name}/{part}"] = np.full(width, fill, np.float32)

  inner = 3
  for index, width in zip((0, 2, 5, 8), widths, strict=True):
    kernel(f"encoder/{index}", width, inner, 4, 4)
    if index:
      norm(f"encoder/{index + 1}", width)
    inner = width
  kernel("encoder/11", bottleneck, inner, 4, 4)
  norm("bn", bottleneck)
  inner = bottleneck
  for index, width in zip((0, 3, 6, 9), widths[::-1], strict=True):
    kernel(f"decoder/{index}", inner, width, 4, 4)
    norm(f"decoder/{index + 1}", width)
    inner = width
  kernel("decoder/12", inner, 3, 4, 4)
  return weights


def _leaky(x):
  return np.where(x < 0, np.float32(0.2) * x, x)


def check(folder):
  """Largest errors against a recorded case of the original, by array."""
  folder = pathlib.Path(folder)
  case = json.loads((folder / "case.json").read_text())
  inputs, outputs = (
    dict(np.load(folder / f"{name}.npz")) for name in ("inputs", "outputs")
  )
  options = dict(case["options"])
  errors = {}

  def compare(name, value):
    errors[name] = float(np.abs(value - outputs[name].astype(float)).max())

  if case["check"] == "pyramid":
    image, mask = inputs["image"], inputs["mask"].astype(float)
    size = options["image_size"]
    sizes = [(size * 2**i,) * 2 for i in range(options["max_level"])]
    sizes.append(mask.shape)
    levels = _pyramid(image, sizes, options["smooth_sigma"])
    for i, level in enumerate(levels):
      compare(f"level{i}", level)
      compare(f"mask{i}", resize(mask, sizes[i], 0))
    compare("up", resize(levels[0], sizes[1], 3))
    return errors
  options["kernel"] = options.pop("gradient_kernel")
  if case["check"] == "solver":
    zeroed = case["skimage_border"] == "zeroed"
    options["border"] = "zero" if zeroed else "reflect"
    names = ("src", "dst", "mask", "gan")
    compare("Y", solve(*(inputs[name] for name in names), **options))
    return errors
  masks = [outputs[f"mask{i}"] for i in range(9) if f"mask{i}" in outputs]
  network = EncoderDecoder(dict(np.load(folder / "checkpoint.npz")))
  names = ("src", "dst", "mask")
  compare(
    "blended",
    gp_gan(
      *(inputs[name] for name in names),
      network,
      masks=[mask.astype(float) for mask in masks],
      **options,
    ),
  )
  return errors


if __name__ == "__main__":
  for case_folder in sys.argv[1:]:
    for array, error in check(case_folder).items():
      print(f"{case_folder}: {array} {error:.2g}")
