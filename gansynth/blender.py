"""Objects blended into scenes: any sizes, in batches, compiled once.

>>> import gansynth
>>> blend = gansynth.Blender.load("blending_gan.npz")  # doctest: +SKIP
>>> picture = blend(source, target, mask, position=(40, 60))  # doctest: +SKIP
"""

import dataclasses
import functools
import os
from collections.abc import Hashable, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from gansynth import checkpoints
from gansynth import weights as weights_lib
from gansynth.blending import (
  batches,
  buckets,
  gp_gan,
  inputs,
  latent,
  methods,
  networks,
  poisson,
  pyramid,
  standin,
  windows,
)
from gansynth.blending.gp_gan import Options
from gansynth.blending.inputs import BlendError, Triple

_IMAGE_SIZE = 64
_CANVAS_TOLERANCE = 1e-4  # of a canvas against the exact size, in [0, 1]


class Blender:
  """A way of blending with its weights, as a function of pictures.

  Methods: `gp_gan` takes the small colour picture from an encoder-decoder,
  `gp_gan_unsupervised` from a generator whose input is fitted to the pasted
  picture; `gaussian_poisson` is the same without any network, see
  `standin.colorize`; `poisson` solves a rectangle around the mask and
  keeps every byte beyond it (Pérez et al., 2003); `feather` pastes with a
  soft edge inside the mask; `paste` pastes.
  """

  def __init__(
    self,
    method: str,
    network: nn.Module | None = None,
    variables: Any = None,
    *,
    batch_size: int = 1,
    image_size: int | None = None,
    color_weight: float = 1.0,
    sigma: float = 0.5,
    kernel: str = "normal",
    border: str = "zero",
    smooth_sigma: float = 1.0,
    behavior: str | None = None,
    transfer: str = "normal",
    feather: float = 8.0,
    local: bool = False,
    margin: int | None = None,
    n_iteration: int = 1000,
    seed: int = 0,
    steady: bool = False,
  ) -> None:
    """Takes a method, and the network where it has one.

    Args:
      method: one of `methods.METHODS`.
      network: `models.EncoderDecoder` for `gp_gan`, `models.DcganGenerator`
        for `gp_gan_unsupervised`.
      variables: of the network, `params` and `batch_stats`.
      batch_size: how many pictures of one group run at a time.
      image_size: side of the coarsest level; the network's, else 64.
      color_weight: of the colours against the gradients. Lower ones keep more
        of the scene's and the object's contrast, and less of the network's
        colours; the authors suggest 0.5 where colours shift, users needed
        down to 0.001.
      sigma: see `blending.Options`, like the next four.
      kernel: see there.
      border: see there.
      smooth_sigma: see there.
      behavior: `exact`, the original's numbers, or `fixed`, see
        `blending.gp_gan`; by default `exact` with weights, whose parity
        is kept, and `fixed` without.
      transfer: of `poisson`: `normal`, `mixed` or `monochrome`.
      feather: of `feather`: width of the soft edge, in pixels.
      local: solve only a window around the mask, and leave the rest of the
        scene untouched, see `blending.windows`.
      margin: pixels between the mask and the window's border; None: enough.
      n_iteration: of the fit of `gp_gan_unsupervised`, at most.
      seed: of the fit's start.
      steady: a picture's bytes do not depend on what it is blended together
        with. Programs of other lengths round differently, so short batches
        are filled up, and each takes the time of a full one.

    Raises:
      ValueError: an unknown method or option, or a network that does not fit.
    """
    methods.check(method, network, image_size)
    if batch_size < 1:
      raise ValueError(f"batch_size is {batch_size}; expected at least 1")
    self.method = method
    self.network = network
    self.batch_size = batch_size
    self.options = Options(
      image_size=image_size or getattr(network, "image_size", _IMAGE_SIZE),
      color_weight=color_weight,
      sigma=sigma,
      kernel=kernel,
      border=border,
      smooth_sigma=smooth_sigma,
      behavior=behavior or ("exact" if method in methods.NETWORKS else "fixed"),
    )
    if transfer not in poisson.MODES:
      raise ValueError(
        f"transfer is {transfer!r}; choose one of {', '.join(poisson.MODES)}"
      )
    if margin is not None and margin < 1:
      raise ValueError(f"margin is {margin} pixels; expected at least 1")
    if not 0 <= feather < np.inf:
      raise ValueError(f"feather is {feather}; expected pixels, 0 or more")
    self.transfer = transfer
    self.feather = feather
    self.local = local
    self.margin = margin or windows.default_margin(color_weight, sigma)
    self.n_iteration = n_iteration
    self.seed = seed
    self.steady = steady
    self.weights = None  # where they came from
    self._variables = None if network is None else jax.device_put(variables)
    self._program = jax.jit(self._blend_levels)

  @classmethod
  def load(
    cls,
    weights: str | os.PathLike[str] | None = None,
    method: str | None = None,
    **options: Any,
  ) -> "Blender":
    """Loads weights; the network decides between the two GP-GAN methods.

    Args:
      weights: an original `.npz`, a network that `tools/convert_checkpoint.py`
        wrote, or the work directory of a training run; None: none.
      method: by default the network's, `gaussian_poisson` without one.
      **options: of the constructor.

    Raises:
      ValueError: the file or folder holds no network that blends, or not the
        method's; an unknown option.
    """
    if weights is None:
      return cls(method or "gaussian_poisson", **options)
    network, variables = weights_lib.load(weights)
    own = methods.for_network(network)
    if own is None:
      known = " or ".join(kind.__name__ for kind in methods.NETWORKS.values())
      raise ValueError(
        f"{weights} holds a {type(network).__name__}, which does not blend; "
        f"give the weights of a {known}"
      )
    blender = cls(method or own, network, variables, **options)
    blender.weights = os.fspath(weights)
    return blender

  def __call__(
    self,
    source: np.ndarray,
    target: np.ndarray,
    mask: np.ndarray | None = None,
    position: tuple[int, int] | None = None,
  ) -> np.ndarray:
    """Blends an object into a scene; see `prepare` for the arguments.

    Returns:
      uint8 (height, width, 3), as large as the target.
    """
    return self.blend([self.prepare(source, target, mask, position)])[0]

  def prepare(
    self,
    source: np.ndarray,
    target: np.ndarray,
    mask: np.ndarray | None = None,
    position: tuple[int, int] | None = None,
  ) -> Triple:
    """Checks a triple, see `blending.prepare`.

    Raises:
      BlendError: it cannot be blended by this method.
    """
    triple = inputs.prepare(source, target, mask, position)
    self.group(triple)
    return triple

  def group(self, triple: Triple) -> Hashable:
    """What triples must have in common to run as one batch.

    Pictures of other sizes, too, share the compiled program where they lie in
    the same canvas (`blending.buckets`).

    Raises:
      BlendError: the triple cannot be blended by this method.
    """
    key = (triple.size, triple.source.dtype.name)
    if self.method in ("feather", "paste"):
      return key
    if self.method == "poisson":
      try:
        _, region = poisson.choose_region(triple.mask)
      except ValueError as error:
        raise BlendError(str(error)) from error
      return (*key, region)
    pyramid.num_levels(
      triple.size, self.options.image_size, self.options.behavior
    )
    return key

  def blend(self, triples: Sequence[Triple]) -> list[np.ndarray]:
    """Blends triples of any groups, each group in batches.

    Args:
      triples: of `prepare`.

    Returns:
      uint8 (height, width, 3) pictures, in the order given.
    """
    groups = {}
    for index, triple in enumerate(triples):
      groups.setdefault(self.group(triple), []).append(index)
    results = [None] * len(triples)
    step = batches.at_a_time(self.batch_size)
    for indices in groups.values():
      for first in range(0, len(indices), step):
        part = indices[first : first + step]
        pictures = self._blend_batch([triples[i] for i in part])
        for index, picture in zip(part, pictures, strict=True):
          results[index] = picture
    return results

  @property
  def made_by(self) -> dict[str, Any]:
    """What the results depend on beside the pictures, in JSON."""
    return {
      "method": self.method,
      "weights": self.network and checkpoints.digest(self._variables),
      "transfer": self.transfer,
      "feather": self.feather if self.method == "feather" else None,
      "steady": self._length,
      "local": self.local,
      "margin": self.margin,
      "n_iteration": self.n_iteration,
      "seed": self.seed,
      **dataclasses.asdict(self.options),
    }

  def describe(self) -> str:
    """Says in one line how it blends, and what weights would add."""
    return methods.describe(
      self.method, self.weights, self.transfer, self.feather
    )

  @property
  def _length(self):
    """Of all programs' batches, or None where it follows their content."""
    return batches.at_a_time(self.batch_size) if self.steady else None

  def _blend_batch(self, triples):
    """Blends triples of one group."""
    if self.method == "paste":
      return batches.run(batches.paste, triples, length=self._length)
    if self.method == "feather":
      program = functools.partial(batches.feather, self.feather)
      return batches.run(program, triples, length=self._length)
    if self.method == "poisson":
      return self._poisson(triples)
    size = triples[0].size
    canvas = buckets.bucket(
      *size, self.options.color_weight, self.options.sigma, _CANVAS_TOLERANCE
    )
    plan = self.options.plan(size, canvas)
    program = functools.partial(self._program, self._variables)
    if not (self.local and plan.up):
      return batches.run(
        program, triples, plan, canvas=canvas, length=self._length
      )
    # One by one, which is steady in itself.
    pictures = []
    for triple in triples:
      window = windows.choose(triple.box, size, canvas, self.margin)
      if window is None:
        pictures += batches.run(program, [triple], plan, canvas=canvas)
        continue
      cut = windows.cut(plan, window)
      picture = batches.run(
        program, [triple], cut, canvas=canvas, size=window.shape
      )
      target = batches.to_uint8(triple.target)
      pictures.append(windows.merge(target, picture[0], window))
    return pictures

  def _poisson(self, triples):
    chosen = [poisson.choose_region(triple.mask) for triple in triples]
    origins = np.stack([origin for origin, _ in chosen])
    return batches.run(
      functools.partial(batches.poisson, self.transfer, chosen[0][1]),
      triples,
      per_picture=(origins,),
      length=self._length,
    )

  def _blend_levels(self, variables, sources, targets, masks, plan):
    pictures, _ = gp_gan.gp_gan(
      functools.partial(self._colorize, variables),
      batches.to_planes(sources),
      batches.to_planes(targets),
      batches.to_planes(masks)[:, None],
      self.options,
      plan,
    )
    return batches.to_pictures(pictures, self.options.behavior)

  def _colorize(self, variables, source, destination, mask):
    if self.network is None:
      return standin.colorize(source, destination, mask)
    composite = gp_gan.composite(source, destination, mask)
    if self.method == "gp_gan":
      return networks.colorize(self.network, variables, composite)
    return latent.colorize(
      self.network, variables, composite, self.seed, self.n_iteration
    )


@functools.lru_cache(maxsize=4)
def _loaded(weights, method, options):
  return Blender.load(weights, method, **dict(options))


def blend(
  source: np.ndarray,
  target: np.ndarray,
  mask: np.ndarray | None = None,
  *,
  position: tuple[int, int] | None = None,
  weights: str | os.PathLike[str] | None = None,
  method: str | None = None,
  **options: Any,
) -> np.ndarray:
  """Blends one object into one scene; keeps what it loaded and compiled.

  Args:
    source: the object's picture, see `blending.prepare`.
    target: the scene.
    mask: where the object is; None: the source's alpha channel.
    position: (row, column) on the target of the source's top left pixel.
    weights: see `Blender.load`, like the next two.
    method: see there.
    **options: see there.

  Returns:
    uint8 (height, width, 3), as large as the target.

  Raises:
    ValueError: options, weights or pictures (`BlendError`) that do not fit.
  """
  weights = None if weights is None else os.fspath(weights)
  blender = _loaded(weights, method, tuple(sorted(options.items())))
  return blender(source, target, mask, position)
