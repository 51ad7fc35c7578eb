"""Synthetic training imagery with GANs, in JAX.

The names a notebook needs; everything else is in the modules they come from.
They are loaded when first used, so that importing the package stays cheap.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
  from gansynth.blender import Blender, blend
  from gansynth.label_translator import LabelTranslator
  from gansynth.metrics.picture_metrics import PictureMetrics
  from gansynth.translator import Translator

__version__ = "0.1.0.dev0"
__all__ = [
  "Blender",
  "LabelTranslator",
  "PictureMetrics",
  "Translator",
  "__version__",
  "blend",
]

_LOCATIONS = {
  "Blender": "gansynth.blender",
  "LabelTranslator": "gansynth.label_translator",
  "PictureMetrics": "gansynth.metrics.picture_metrics",
  "Translator": "gansynth.translator",
  "blend": "gansynth.blender",
}


def __getattr__(name: str):
  if name not in _LOCATIONS:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  return getattr(importlib.import_module(_LOCATIONS[name]), name)
