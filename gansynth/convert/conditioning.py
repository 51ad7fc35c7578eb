"""What the input channels of an imported network stand for."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from gansynth.convert import geoseg, spade, torch_options
from gansynth.convert.errors import CheckpointError
from gansynth.models import semantics

# Where the kernel lies that sees the label map.
_FIRST_KERNELS = {
  "spade": ("head_0", "norm_0", "shared"),
  "pix2pixhd_global": ("stem",),
  "pix2pixhd_local": ("global", "stem"),
  "asapnets": ("down_0",),
  "multiscale": ("scale_0", "conv_0"),
  "geoseg_unet": ("stem",),
  "geoseg_patch": ("stem",),
}
_PICTURE_CHANNELS = 3
GENERATORS = (
  "spade",
  "pix2pixhd_global",
  "pix2pixhd_local",
  "asapnets",
  "geoseg_unet",
)
DISCRIMINATORS = ("multiscale", "geoseg_patch")


def conditioning_of(
  original: torch_options.Options | None,
  description: Mapping[str, Any],
  variables: Mapping[str, Any],
  source: str,
) -> semantics.Conditioning | None:
  """Works out what a network is shown beside the labels.

  Options of the original say so. Where only some are known, the number of
  channels must leave one possibility; edges and the don't-care label of SPADE
  are one channel each. Geoseg-GAN shows labels and nothing else.

  Args:
    original: options that the network was made with, as far as known.
    description: of the network, as `convert.from_original` returns it.
    variables: its variables.
    source: name of the file, for messages.

  Returns:
    The conditioning; None where the number of labels is not known, or the
    network sees no label maps.

  Raises:
    CheckpointError: the options do not give the network's channels, or leave
      several possibilities.
  """
  channels = _channels(description, variables)
  if channels and description["name"] in geoseg.NAMES:
    return semantics.Conditioning(channels)
  if not channels or original is None:
    return None
  num_labels = original.get("label_nc", int)
  if num_labels is None:
    return None
  is_judge = description["name"] in DISCRIMINATORS
  possible = []
  for found in _candidates(original, num_labels, description):
    count = found.discriminator_channels if is_judge else found.channels
    if count == channels and found not in possible:
      possible.append(found)
  if len(possible) == 1:
    return possible[0]
  raise CheckpointError(
    f"{source}: the network is shown {channels} channels of label maps. With "
    f"{num_labels} labels ({original.source}) "
    f"{_listed(possible) if possible else 'nothing makes that many'}; say "
    "which labels, don't-care label, instances and features it was trained "
    "with (--num-labels, --dont-care, --instances, --features)"
  )


def _candidates(original, num_labels, description):
  """All that the options leave open."""
  no_edges = _no_edges(original, description)
  edges = (True, False) if no_edges is None else (not no_edges,)
  dont_care, features = (False,), "none"
  is_asapnets = description["name"] == "asapnets"
  if is_asapnets and original.program == "asapnets":
    num_labels *= not original.get("no_one_hot", bool)
  if is_asapnets or spade.describes(description):
    given = original.get("contain_dontcare_label", bool)
    dont_care = (False, True) if given is None else (given,)
  elif original.get("label_feat", bool):
    features = "label"
  elif original.get("instance_feat", bool):
    features = "instance"
  num_features = original.get("feat_num", int) or 3
  try:
    for has_label, has_edges in itertools.product(dont_care, edges):
      if num_labels or not has_label:
        yield semantics.Conditioning(
          num_labels, has_label, has_edges, features, num_features
        )
  except ValueError as e:
    raise CheckpointError(f"{original.source}: {e}") from e


def _no_edges(original, description):
  """Whether edges of instances are left away, or None: not known.

  ASAP-Nets has an option of its own for it. SemDisc, where the other is for
  the data, has both, and its own is for this generator.
  """
  names = ["no_instance", "no_instance_edge"]
  if description["name"] == "asapnets":
    names.reverse()
  told = (original.get(name, bool) for name in names)
  return next((value for value in told if value is not None), None)


def _listed(possible):
  choices = [
    f"{'a' if found.dont_care else 'no'} don't-care label and "
    f"{'' if found.edges else 'no '}edges of instances"
    for found in possible
  ]
  return f"these may be {' or '.join(choices)}"


def _channels(description, variables):
  """Channels of label maps that a network takes, or None."""
  path = _FIRST_KERNELS.get(description["name"])
  if path is None:
    return None
  params = variables["params"]
  for name in path:
    params = params[name]
  channels = np.shape(params["kernel"])[2]
  is_judge = description["name"] in DISCRIMINATORS
  return channels - _PICTURE_CHANNELS if is_judge else channels
