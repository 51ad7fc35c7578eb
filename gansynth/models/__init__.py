"""Networks: pure Linen modules, by the names that configs use."""

from typing import Any

import flax.linen as nn

from gansynth.models.patchgan import PatchDiscriminator, PixelDiscriminator
from gansynth.models.resnet import ResnetGenerator
from gansynth.models.unet import UnetGenerator

_NETWORKS = {
  "resnet": (ResnetGenerator, {}),
  "resnet_9blocks": (ResnetGenerator, {"num_blocks": 9}),
  "resnet_6blocks": (ResnetGenerator, {"num_blocks": 6}),
  "unet": (UnetGenerator, {}),
  "unet_256": (UnetGenerator, {"num_levels": 8}),
  "unet_128": (UnetGenerator, {"num_levels": 7}),
  "patch": (PatchDiscriminator, {}),
  "basic": (PatchDiscriminator, {"num_layers": 3}),
  "n_layers": (PatchDiscriminator, {}),
  "pixel": (PixelDiscriminator, {}),
}


def create(name: str, **fields: Any) -> nn.Module:
  """Builds a network.

  Args:
    name: `resnet`, `resnet_9blocks`, `resnet_6blocks`, `unet`, `unet_256`,
      `unet_128` (generators); `basic`, `n_layers`, `patch`, `pixel`
      (discriminators).
    **fields: fields of the module that differ from its defaults.

  Raises:
    ValueError: the name or a field is not known; the message lists those
      that are.
  """
  if name not in _NETWORKS:
    raise ValueError(
      f"unknown network {name!r}; choose one of {', '.join(_NETWORKS)}"
    )
  module, defaults = _NETWORKS[name]
  known = [
    field
    for field in module.__dataclass_fields__
    if field not in ("parent", "name")
  ]
  unknown = sorted(set(fields) - set(known))
  if unknown:
    raise ValueError(
      f"network {name!r} has no field {', '.join(unknown)}; it has "
      f"{', '.join(known)}"
    )
  return module(**{**defaults, **fields})


__all__ = [
  "PatchDiscriminator",
  "PixelDiscriminator",
  "ResnetGenerator",
  "UnetGenerator",
  "create",
]
