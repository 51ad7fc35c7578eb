"""Key tables of SPADE's networks, by the names that `models.create` takes.

A normalised convolution is a list of two there, of which the first has the
arrays of the convolution, without bias, and the second those of the norm.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gansynth.convert import common
from gansynth.models import norms, spade


def _convolution(key, path, is_spectral, use_bias=True):
  kind = common.spectral_convolution if is_spectral else common.convolution
  return kind(key, path, use_bias)


def normed(
  key: str, path: Sequence[str], norm_path: Sequence[str], d: Mapping[str, Any]
) -> list[common.Entry]:
  """Entries of a convolution with what SPADE puts after it.

  Args:
    key: of both together.
    path: of the convolution.
    norm_path: of the norm.
    d: description of the network, of which `norm` and `use_bias` are read.
  """
  is_spectral, name = norms.parse(d["norm"])
  if name == "none":
    return _convolution(key, path, is_spectral)
  use_bias = d.get("use_bias")
  use_bias = not is_spectral if use_bias is None else use_bias
  entries = _convolution(f"{key}.0", path, is_spectral, use_bias)
  if name == "batch":
    entries += common.batch_norm(f"{key}.1", norm_path)
  if name == "instanceaffine":
    entries += common.affine_norm(f"{key}.1", norm_path)
  return entries


def _generator_table(d):
  """Entries of SPADE's own generator."""
  is_spectral, norm, _ = spade.parse_norm(d["norm"])
  blocks = {"head_0": "head_0"}
  blocks |= {f"G_middle_{i}": f"middle_{i}" for i in range(2)}
  ups = 5 if d["upsampling"] == "most" else 4
  blocks |= {f"up_{i}": f"up_{i}" for i in range(ups)}
  first = common.linear if d["use_vae"] else common.convolution
  entries = first("fc", ["fc"])
  for key, name in blocks.items():
    ends = "01s" if name.startswith("up") else "01"
    for end in ends:
      entries += _convolution(
        f"{key}.conv_{end}", [name, f"conv_{end}"], is_spectral, end != "s"
      )
    for end in ends:
      entries += _modulation_entries(
        f"{key}.norm_{end}", [name, f"norm_{end}"], norm
      )
  return [*entries, *common.convolution("conv_img", ["conv_img"])]


def _modulation_entries(key, path, norm_name):
  entries = []
  if norm_name == "batch":
    norm = ("batch_stats", *path, "norm")
    entries = [
      common.Entry(f"{key}.param_free_norm.running_mean", (*norm, "mean")),
      common.Entry(f"{key}.param_free_norm.running_var", (*norm, "var")),
    ]
  return [
    *entries,
    *common.convolution(f"{key}.mlp_shared.0", [*path, "shared"]),
    *common.convolution(f"{key}.mlp_gamma", [*path, "gamma"]),
    *common.convolution(f"{key}.mlp_beta", [*path, "beta"]),
  ]


def _encoder_table(d):
  """Entries of the encoder of styles."""
  entries = []
  for i in range(6 if d["deep"] else 5):
    path = [f"conv_{i}"], [f"norm_{i}"]
    entries += normed(f"layer{i + 1}", *path, d)
  return [
    *entries,
    *common.linear("fc_mu", ["mean"], layout="linear_of_map"),
    *common.linear("fc_var", ["log_variance"], layout="linear_of_map"),
  ]


def _pix2pixhd_table(d):
  """Entries of pix2pixHD's generator, one list named `model`."""
  depth, blocks = d["num_downsampling"], d["num_blocks"]
  entries = normed("model.1", ["stem"], ["stem_norm"], d)
  for i in range(depth):
    path = [f"down_{i}"], [f"down_norm_{i}"]
    entries += normed(f"model.{3 + 2 * i}", *path, d)
  for i in range(blocks):
    for j, at in enumerate((1, 4)):
      key = f"model.{3 + 2 * depth + i}.conv_block.{at}"
      path = [f"block_{i}", f"conv_{j}"], [f"block_{i}", f"norm_{j}"]
      entries += normed(key, *path, d)
  for i in range(depth):
    path = [f"up_{i}"], [f"up_norm_{i}"]
    key = f"model.{3 + 2 * depth + blocks + 2 * i}"
    entries += normed(key, *path, d)
  last = 4 + 4 * depth + blocks
  return [*entries, *common.convolution(f"model.{last}", ["head"])]


def _discriminator_table(d):
  """Entries of the discriminators, full resolution first."""
  entries = []
  for i in range(d["num_scales"]):
    key, scale = f"discriminator_{i}", f"scale_{i}"
    entries += common.convolution(f"{key}.model0.0", [scale, "conv_0"])
    for j in range(1, d["num_layers"]):
      path = [scale, f"conv_{j}"], [scale, f"norm_{j}"]
      entries += normed(f"{key}.model{j}.0", *path, d)
    last = f"{key}.model{d['num_layers']}.0"
    entries += common.convolution(last, [scale, "logits"])
  return entries


TABLES = {
  "spade": _generator_table,
  "style_encoder": _encoder_table,
  "pix2pixhd_global": _pix2pixhd_table,
  "multiscale": _discriminator_table,
}
