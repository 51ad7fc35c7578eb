"""Label formats of object detection: read and written, with NumPy alone."""

from gansynth.synthesis.labels.objects import (
  LabelError,
  LabelledImage,
  LabelledObject,
)

__all__ = ["LabelError", "LabelledImage", "LabelledObject"]
