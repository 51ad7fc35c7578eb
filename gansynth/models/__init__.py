"""Networks: pure Linen modules, by the names that configs use."""

import re
from typing import Any

import flax.linen as nn

from gansynth.models.asapnets import AsapGenerator
from gansynth.models.dcgan import (
  DcganCritic,
  DcganGenerator,
  EncoderDecoder,
)
from gansynth.models.drn import Drn
from gansynth.models.encoders import InstanceEncoder, StyleEncoder
from gansynth.models.geoseg import GeosegDiscriminator, GeosegGenerator
from gansynth.models.inception import FidInception
from gansynth.models.lpips import Lpips
from gansynth.models.multiscale import MultiscaleDiscriminator
from gansynth.models.patchgan import PatchDiscriminator, PixelDiscriminator
from gansynth.models.pix2pixhd import GlobalGenerator, LocalEnhancer
from gansynth.models.resnet import ResnetGenerator
from gansynth.models.segmenter import SegmentationUnet
from gansynth.models.spade import SpadeGenerator
from gansynth.models.unet import UnetGenerator
from gansynth.models.vgg import Vgg19Features

_NETWORKS = {
  "resnet": ResnetGenerator,
  "unet": UnetGenerator,
  "patch": PatchDiscriminator,
  "pixel": PixelDiscriminator,
  "encoder_decoder": EncoderDecoder,
  "dcgan_generator": DcganGenerator,
  "dcgan_critic": DcganCritic,
  "spade": SpadeGenerator,
  "pix2pixhd_global": GlobalGenerator,
  "pix2pixhd_local": LocalEnhancer,
  "asapnets": AsapGenerator,
  "geoseg_unet": GeosegGenerator,
  "geoseg_patch": GeosegDiscriminator,
  "instance_encoder": InstanceEncoder,
  "style_encoder": StyleEncoder,
  "multiscale": MultiscaleDiscriminator,
  "segmentation_unet": SegmentationUnet,
  "drn": Drn,
  "vgg19": Vgg19Features,
  "lpips": Lpips,
  "fid_inception": FidInception,
}
NAMES = (
  "resnet",
  "resnet_<n>blocks",
  "unet",
  "unet_<pixels>",
  "patch",
  "patch_<n>layers",
  "basic",
  "pixel",
  "encoder_decoder",
  "dcgan_generator",
  "dcgan_critic",
  "spade",
  "pix2pixhd_global",
  "pix2pixhd_local",
  "asapnets",
  "geoseg_unet",
  "geoseg_patch",
  "instance_encoder",
  "style_encoder",
  "multiscale",
  "segmentation_unet",
  "drn",
  "vgg19",
  "lpips",
  "fid_inception",
)


def create(name: str, **fields: Any) -> nn.Module:
  """Builds a network.

  Args:
    name: generators: `resnet`, or `resnet_9blocks` for a number of blocks;
      `unet`, or `unet_256` for the picture size that it halves to 1 pixel.
      Discriminators: `patch`, or `patch_3layers` for a number of layers;
      `basic`, which is the latter; `pixel`. Of GP-GAN: `encoder_decoder`,
      `dcgan_generator`, `dcgan_critic`. Of label maps: the generators `spade`,
      `pix2pixhd_global`, `pix2pixhd_local`, `asapnets` and `geoseg_unet`, the
      encoders `style_encoder` and `instance_encoder`, the discriminators
      `multiscale` and `geoseg_patch`. `segmentation_unet` and `drn` tell
      classes. `vgg19`: features for a perceptual loss. `fid_inception`:
      features for distances between sets of pictures. `lpips`: how different
      two pictures look.
    **fields: fields of the module that differ from its defaults.

  Returns:
    A Linen module.

  Raises:
    ValueError: the name or a field is not known; the message lists those
      that are.
  """
  kind, defaults = _parse(name)
  module = _NETWORKS[kind]
  known = set(module.__dataclass_fields__) - {"parent", "name"}
  unknown = sorted(set(fields) - known)
  if unknown:
    raise ValueError(
      f"network {name!r} has no field {', '.join(unknown)}; it has "
      f"{', '.join(sorted(known))}"
    )
  return module(**{**defaults, **fields})


def _parse(name: str) -> tuple[str, dict[str, int]]:
  """Splits a name into the kind of network and the fields it implies."""
  if name in _NETWORKS:
    return name, {}
  if name == "basic":
    return "patch", {"num_layers": 3}
  if match := re.fullmatch(r"resnet_(\d+)blocks", name):
    return "resnet", {"num_blocks": int(match[1])}
  if match := re.fullmatch(r"patch_([1-9])layers", name):
    return "patch", {"num_layers": int(match[1])}
  match = re.fullmatch(r"unet_(\d+)", name)
  if match and int(match[1]).bit_count() == 1 and int(match[1]) >= 8:
    return "unet", {"num_levels": int(match[1]).bit_length() - 1}
  raise ValueError(f"unknown network {name!r}; known are {', '.join(NAMES)}")


__all__ = [
  "NAMES",
  "AsapGenerator",
  "DcganCritic",
  "DcganGenerator",
  "Drn",
  "EncoderDecoder",
  "FidInception",
  "GeosegDiscriminator",
  "GeosegGenerator",
  "GlobalGenerator",
  "InstanceEncoder",
  "LocalEnhancer",
  "Lpips",
  "MultiscaleDiscriminator",
  "PatchDiscriminator",
  "PixelDiscriminator",
  "ResnetGenerator",
  "SegmentationUnet",
  "SpadeGenerator",
  "StyleEncoder",
  "UnetGenerator",
  "Vgg19Features",
  "create",
]
