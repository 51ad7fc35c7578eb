"""Which converter a file, a state dict or a network belongs to."""

import collections
import inspect
import os
import pathlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from absl import logging

from gansynth.convert import (
  asapnets,
  common,
  cyclegan,
  drn,
  geoseg,
  gpgan,
  inception,
  lpips,
  pix2pixhd,
  spade,
  torch_options,
  torch_reader,
  vgg,
)
from gansynth.convert.errors import CheckpointError

# Families that tell their networks by the keys; what none of them knows is
# CycleGAN's or pix2pix's, or nobody's.
_TOLD_BY_KEYS = (
  inception,
  lpips,
  drn,
  vgg,
  asapnets,
  spade,
  pix2pixhd,
  geoseg,
)
# Whose programs leave options beside their files.
_WITH_OPTIONS = (asapnets, spade, pix2pixhd)
_PROGRAMS = {
  gpgan: "GP-GAN",
  cyclegan: "CycleGAN or pix2pix",
  spade: "SPADE",
  pix2pixhd: "pix2pixHD",
  asapnets: "ASAP-Nets",
  geoseg: "Geoseg-GAN",
  vgg: "VGG19",
  lpips: "LPIPS",
  inception: "FID Inception",
  drn: "DRN",
}
_PICTURE_CHANNELS = 4  # or fewer
_AMBIGUOUS = "pix2pixhd_global"


def from_original(
  path: str | os.PathLike[str],
  *,
  key: str | None = None,
  dtype: Any = np.float32,
  original: torch_options.Options | None = None,
  **options: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Reads a network of an original program.

  Args:
    path: a `.npz` file of GP-GAN; any other is one of CycleGAN, pix2pix,
      SPADE, SemDisc, ASAP-Nets, pix2pixHD or Geoseg-GAN, VGG19, AlexNet, VGG16
      or SqueezeNet 1.1 of torchvision, the latter three for LPIPS, a saved
      LPIPS object, or Inception of pytorch-fid (`.pth`, `.pt`).
    key: which network of a training state to take, where the file holds
      several.
    dtype: of the variables; None keeps the file's own.
    original: what one of SPADE to pix2pixHD was run with; None: what `opt.txt`
      and `opt.pkl` beside the file say, if they are there.
    **options: what the file does not tell, see `convert_state_dict`.

  Returns:
    The description of the network, for `models.create(**description)`, and
    its variables, {"params": ...} and, where there are running statistics or
    spectral norms, "batch_stats".

  Raises:
    CheckpointError: the file cannot be read, holds no known network, or an
      option does not apply.
    UnsafeCheckpointError: it wants to run code.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  if pathlib.Path(path).suffix.lower() == ".npz":
    _check_options(gpgan, options, original, str(path))
    return gpgan.from_original(path, key=key, dtype=dtype)
  state = torch_reader.load_state_dict(path, key)
  if original is None:
    original = torch_options.find(pathlib.Path(path).parent)
  return convert_state_dict(
    state, str(path), dtype=dtype, original=original, **options
  )


def convert_state_dict(
  state: Mapping[str, np.ndarray],
  source: str = "state dict",
  *,
  dtype: Any = np.float32,
  original: torch_options.Options | None = None,
  network: str | None = None,
  **options: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Works out the network of a state dict and fills its variables.

  Args:
    state: arrays by the original's keys; Chainer's have slashes.
    source: name of the file, for messages.
    dtype: of the variables; None keeps the state's own.
    original: what SPADE, SemDisc, ASAP-Nets or pix2pixHD was run with;
      `options` hold whatever it says.
    network: `pix2pixhd_global` for a generator of pix2pixHD with two halvings,
      which is a ResNet of CycleGAN to the last key and is taken for one
      unless `original` says otherwise.
    **options: of the converter whose network it is: `convert_state_dict` of
      `gpgan`, `cyclegan`, `spade`, `asapnets`, `pix2pixhd`, `geoseg`, `vgg`,
      `lpips`, `inception` or `drn`. None: not given.

  Returns:
    The network's description and variables, as `from_original`.

  Raises:
    CheckpointError: no known network, or an option that does not apply.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  if network not in (None, _AMBIGUOUS):
    raise CheckpointError(
      f"network is {network!r}; all but {_AMBIGUOUS} are told by their keys"
    )
  has_labels = original is not None and "label_nc" in original.values
  family, found = _family(state, bool(network) or has_labels)
  options = {k: v for k, v in options.items() if v is not None}
  _check_options(family, options, original, source)
  if original is not None and found:
    told = torch_options.network_arguments(original, found)
    known = _parameters(family)
    options = {k: v for k, v in told.items() if k in known} | options
  if found == _AMBIGUOUS and family is pix2pixhd:
    options["network"] = found
  converted = family.convert_state_dict(state, source, dtype=dtype, **options)
  if family is cyclegan and _may_see_labels(state):
    logging.warning(
      "%s: taken for a ResNet of CycleGAN; a global generator of pix2pixHD "
      "with two halvings has the same keys, so say how many labels it was "
      "trained with if it is one",
      source,
    )
  return converted


def to_state_dict(
  description: Mapping[str, Any],
  variables: Mapping[str, Any],
  *,
  intermediate: bool = True,
) -> collections.OrderedDict[str, np.ndarray]:
  """Writes variables, or gradients, under the original's keys and layouts.

  Args:
    description: of the network, as `from_original` returns it.
    variables: {"params": ..., "batch_stats": ...}, or anything of the same
      structure, such as {"params": gradients}.
    intermediate: of a discriminator of pix2pixHD, whether it is trained with
      feature matching, which its keys depend on.

  Returns:
    Arrays by key.
  """
  name = description["name"]
  if name in gpgan.TABLES:
    return gpgan.to_state_dict(description, variables)
  if name == inception.NAME:
    return inception.to_state_dict(description, variables)
  if name == lpips.NAME:
    return lpips.to_state_dict(description, variables)
  if name == drn.NAME:
    return drn.to_state_dict(description, variables)
  if name == vgg.NAME:
    return vgg.to_state_dict(description, variables)
  if name in geoseg.NAMES:
    return geoseg.to_state_dict(description, variables)
  if name == asapnets.NAME:
    return asapnets.to_state_dict(description, variables)
  if spade.describes(description):
    return spade.to_state_dict(description, variables)
  if name in pix2pixhd.NAMES:
    return pix2pixhd.to_state_dict(
      description, variables, intermediate=intermediate
    )
  return cyclegan.to_state_dict(description, variables)


def _family(
  state: Mapping[str, np.ndarray], sees_labels: bool
) -> tuple[ModuleType, str | None]:
  """Returns the converter of a state dict, and its network where it tells."""
  if any("/" in key for key in state):
    return gpgan, None
  for family in _TOLD_BY_KEYS:
    if found := family.network_of(state):
      return family, found
  if sees_labels and pix2pixhd.is_two_halvings(state):
    return pix2pixhd, _AMBIGUOUS
  return cyclegan, None


def _may_see_labels(state: Mapping[str, np.ndarray]) -> bool:
  """Whether a ResNet sees more channels than pictures have."""
  stem = common.unwrap(state).get("model.1.weight")
  is_one = pix2pixhd.is_two_halvings(state) and stem is not None
  return is_one and stem.shape[1] > _PICTURE_CHANNELS


def _parameters(family: ModuleType) -> list[str]:
  """Names of the options that a family's converter takes."""
  return list(inspect.signature(family.convert_state_dict).parameters)[2:]


def _check_options(
  family: ModuleType,
  options: Mapping[str, Any],
  original: torch_options.Options | None,
  source: str,
) -> None:
  """Refuses options that a family does not know."""
  known = _parameters(family)
  unknown = [k for k, v in options.items() if v is not None and k not in known]
  if family not in _WITH_OPTIONS and original and not original.program:
    unknown += original.values  # given by hand, not read from a file
  if unknown:
    known = ", ".join(name for name in known if name != "dtype")
    raise CheckpointError(
      f"{source}: {', '.join(unknown)} cannot be given for a network of "
      f"{_PROGRAMS[family]}, {f'only {known}' if known else 'which tells all'}"
    )
