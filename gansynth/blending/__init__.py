"""Gaussian-Poisson blending and GP-GAN's pipeline, on planes.

Arrays are channels first: pictures (..., C, H, W) in [0, 1], masks (..., 1, H,
W). `gansynth.Blender` and `gansynth.blend` do the same for pictures as users
have them.
"""

from gansynth.blending.gp_gan import Options
from gansynth.blending.inputs import BlendError, Triple, prepare
from gansynth.blending.solver import solve

__all__ = [
  "BlendError",
  "Options",
  "Triple",
  "prepare",
  "solve",
]
