"""Options beside checkpoints, and what they say of networks."""

import argparse
import pathlib
import pickle

import label_networks as networks
import numpy as np
import pytest

from gansynth.convert import (
  CheckpointError,
  UnsafeCheckpointError,
  conditioning_of,
  from_original,
  torch_options,
)
from gansynth.convert import original_folder as folders
from gansynth.models.semantics import Conditioning

# Options of SPADE with their defaults.
SPADE_TABLE = {
  "aspect_ratio": (2.0, 1.0),
  "contain_dontcare_label": (True, False),
  "crop_size": (128, 256),
  "instance_dir": ("", None),
  "label_nc": (4, 13),
  "n_layers_D": (4, 4),
  "no_instance": (False, False),
  "norm_D": ("spectralinstance", "spectralinstance"),
  "norm_E": ("spectralinstance", "spectralinstance"),
  "norm_G": ("spectralspadebatch1x1", "spectralspadebatch1x1"),
  "num_upsampling_layers": ("more", "normal"),
}
PIX2PIXHD_TEXT = """\
------------ Options -------------
gpu_ids: [0]
instance_feat: False
label_feat: False
label_nc: 5
max_dataset_size: inf
n_downsample_global: 2
no_instance: False
norm: instance
-------------- End ----------------
"""
SPADE_VALUES = {
  "norm_G": "spectralspadesyncbatch1x1",
  "norm_D": "spectralinstance",
  "label_nc": 4,
  "contain_dontcare_label": True,
  "no_instance": False,
  "gpu_ids": "-1",
  "niter": float("inf"),
  "lr": 2e-4,
  "image_dir": None,
}


class Evil:
  def __init__(self, flag):
    self.flag = flag

  def __reduce__(self):
    return (pathlib.Path.touch, (self.flag,))


def spade_text(**others):
  """The table that SPADE prints: what differs from its default is remarked."""
  lines = []
  for name, (value, default) in {**SPADE_TABLE, **others}.items():
    remark = "" if value == default else f"\t[default: {default}]"
    lines.append(f"{name:>25}: {value!s:<30}{remark}\n")
  return "".join(lines)


def write_pickle(path, values, protocol=4):
  path.write_bytes(pickle.dumps(argparse.Namespace(**values), protocol))


def test_reads_the_table_of_spade(tmp_path):
  path = tmp_path / "opt.txt"
  path.write_text(spade_text())
  options = torch_options.read_text(path)
  assert options.program == "spade"
  assert options.values["aspect_ratio"] == 2.0
  assert options.values["contain_dontcare_label"] is True
  assert options.values["norm_G"] == "spectralspadebatch1x1"
  assert options.values["instance_dir"] == ""
  assert options.values["label_nc"] == 4
  assert options.defaults["label_nc"] == 13
  assert options.defaults["norm_D"] == "spectralinstance"


def test_reads_the_list_of_pix2pixhd(tmp_path):
  path = tmp_path / "opt.txt"
  path.write_text(PIX2PIXHD_TEXT)
  options = torch_options.find(tmp_path)
  assert options.program == "pix2pixhd"
  assert options.values == {
    "gpu_ids": [0],
    "instance_feat": False,
    "label_feat": False,
    "label_nc": 5,
    "max_dataset_size": "inf",
    "n_downsample_global": 2,
    "no_instance": False,
    "norm": "instance",
  }


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_reads_a_pickle(tmp_path, protocol):
  path = tmp_path / "opt.pkl"
  write_pickle(path, SPADE_VALUES | {"names": ["a", "b"]}, protocol)
  options = torch_options.read_pickle(path)
  assert options.values == SPADE_VALUES | {"names": ["a", "b"]}
  assert options.program == "spade"


@pytest.mark.parametrize("protocol", [2, 4])
def test_pickles_run_nothing(tmp_path, protocol):
  path, flag = tmp_path / "opt.pkl", tmp_path / "was-here"
  write_pickle(path, SPADE_VALUES | {"x": Evil(flag)}, protocol)
  with pytest.raises(UnsafeCheckpointError, match=r"opt\.pkl: refused"):
    torch_options.find(tmp_path)
  assert not flag.exists()


@pytest.mark.parametrize(
  "content",
  [
    {"a": 1},
    [argparse.Namespace(a=1)],
    argparse.Namespace(a=argparse.Namespace(b=1)),
    argparse.Namespace(a={"b": 1}),
    argparse.Namespace(a=b"bytes"),
    argparse.Namespace(a=np.float32(1)),
    argparse.Namespace,
    pathlib.PurePosixPath("x"),
  ],
)
def test_pickles_of_anything_else_are_refused(tmp_path, content):
  path = tmp_path / "opt.pkl"
  path.write_bytes(pickle.dumps(content))
  expected = r"opt\.pkl: refused.* argparse\.Namespace of plain values"
  with pytest.raises(UnsafeCheckpointError, match=expected):
    torch_options.read_pickle(path)


@pytest.mark.parametrize("content", [b"", b"\x80", b"hello", b"\x80\x04."])
def test_damaged_pickles(tmp_path, content):
  path = tmp_path / "opt.pkl"
  path.write_bytes(content)
  with pytest.raises(CheckpointError, match=r"opt\.pkl"):
    torch_options.read_pickle(path)


def test_finds_files_of_these_programs_only(tmp_path):
  assert torch_options.find(tmp_path) is None
  (tmp_path / "opt.txt").write_text("norm: instance\nlabel_nc: 3\n")
  assert torch_options.find(tmp_path) is None
  (tmp_path / "opt.txt").write_text(spade_text())
  write_pickle(tmp_path / "opt.pkl", SPADE_VALUES)
  options = torch_options.find(tmp_path)
  assert options.values == SPADE_VALUES  # as for SPADE itself
  assert options.defaults["label_nc"] == 13
  assert options.source.endswith("opt.pkl")


def test_what_is_given_holds_over_files_and_modes(tmp_path):
  path = tmp_path / "latest_net_G.pth"
  assert torch_options.gather(path) is None
  options = torch_options.gather(path, dataset_mode="cityscapes")
  assert options.values == {
    "label_nc": 35,
    "contain_dontcare_label": False,
    "no_instance": False,
    "crop_size": 512,
    "aspect_ratio": 2.0,
    "num_upsampling_layers": "more",
  }
  (tmp_path / "opt.txt").write_text(spade_text())
  options = torch_options.gather(
    path, dataset_mode="coco", num_labels=9, instances=False, features="label"
  )
  assert options.values["label_nc"] == 9
  assert options.values["no_instance"] is True
  assert options.values["label_feat"] is True
  assert options.values["instance_feat"] is False
  assert options.values["aspect_ratio"] == 2.0  # the file's, not the mode's
  with pytest.raises(CheckpointError, match="'city'; choose one of coco"):
    torch_options.gather(path, dataset_mode="city")


def test_values_of_another_type_are_told(tmp_path):
  (tmp_path / "opt.txt").write_text(spade_text(crop_size=("wide", 256)))
  options = torch_options.find(tmp_path)
  with pytest.raises(CheckpointError, match=r"crop_size is 'wide', expected"):
    torch_options.network_arguments(options, "spade")


@pytest.mark.parametrize(("default", "stride"), [(3, 2), (4, 1)])
def test_discriminators_of_an_old_program(tmp_path, default, stride):
  """The default of their depth tells how old the program is."""
  description = networks.spade_discriminator(last_stride=stride)
  networks.write_pth(
    tmp_path / "latest_net_D.pth", networks.state_of(description)
  )
  text = spade_text(n_layers_D=(4, default))
  (tmp_path / "opt.txt").write_text(text)
  assert from_original(tmp_path / "latest_net_D.pth")[0] == description


def test_reads_options_beside_a_file(tmp_path):
  path = tmp_path / "latest_net_G.pth"
  networks.write_pth(path, networks.state_of(networks.spade()))
  (tmp_path / "opt.txt").write_text(spade_text())
  description, variables = from_original(path)
  assert description == networks.spade(
    upsampling="more", height=64, width=128, norm="spectralspadebatch1x1"
  )
  # What is given holds whatever the file says.
  description, _ = from_original(path, upsampling="normal", crop_size=64)
  assert (description["height"], description["width"]) == (32, 64)
  found = conditioning_of(
    torch_options.gather(path), description, variables, str(path)
  )
  assert found == Conditioning(4, dont_care=True, edges=True)


def test_a_generator_of_two_halvings_is_told_by_the_options(tmp_path):
  path = tmp_path / "latest_net_G.pth"
  expected = networks.global_generator(num_downsampling=2)
  networks.write_pth(path, networks.state_of(expected))
  (tmp_path / "opt.txt").write_text(PIX2PIXHD_TEXT)
  description, variables = from_original(path)
  assert description == expected
  options = torch_options.gather(path)
  found = conditioning_of(options, description, variables, str(path))
  assert found == Conditioning(5, edges=True)


def conditioning(description, channels=networks.CHANNELS, **values):
  variables = networks.random_variables(description, channels)
  options = torch_options.Options("opt.txt", values)
  return conditioning_of(options, description, variables, "x.pth")


@pytest.mark.parametrize(
  ("values", "expected"),
  [
    ({"label_nc": 6}, Conditioning(6)),
    ({"label_nc": 4}, Conditioning(4, dont_care=True, edges=True)),
    ({"label_nc": 5, "no_instance": True}, Conditioning(5, dont_care=True)),
    ({"label_nc": 5, "no_instance": False}, Conditioning(5, edges=True)),
    (
      {"label_nc": 5, "contain_dontcare_label": False},
      Conditioning(5, edges=True),
    ),
    ({}, None),
  ],
)
def test_conditioning_of_spade(values, expected):
  assert conditioning(networks.spade(), **values) == expected


@pytest.mark.parametrize(
  ("values", "expected"),
  [
    ({"label_nc": 5}, Conditioning(5, edges=True)),
    ({"label_nc": 6}, Conditioning(6)),
    ({"label_nc": 2, "instance_feat": True}, "instance"),
    ({"label_nc": 2, "instance_feat": True, "label_feat": True}, "label"),
    ({"label_nc": 0, "instance_feat": True, "no_instance": True}, "instance"),
    (
      {"label_nc": 4, "instance_feat": True, "feat_num": 1},
      Conditioning(4, False, True, "instance", 1),
    ),
  ],
)
@pytest.mark.parametrize(
  "network", [networks.global_generator(), networks.local_enhancer()]
)
def test_conditioning_of_pix2pixhd(network, values, expected):
  found = conditioning(network, **values)
  if isinstance(expected, str):
    edges = values["label_nc"] > 0
    expected = Conditioning(values["label_nc"], False, edges, expected, 3)
  assert found == expected


def test_discriminators_are_not_shown_features():
  found = conditioning(networks.discriminator(), label_nc=5, instance_feat=True)
  assert found == Conditioning(5, edges=True, features="instance")


def test_encoders_see_no_labels():
  assert conditioning(networks.style_encoder(), label_nc=5) is None


@pytest.mark.parametrize(
  ("network", "values", "message"),
  [
    (networks.spade(), {"label_nc": 7}, "shown 6 channels .* With 7 labels"),
    (networks.spade(), {"label_nc": 5}, "a don't-care label and no edges"),
    (networks.global_generator(), {"label_nc": 4}, "nothing makes that many"),
    (networks.spade(), {"label_nc": -1}, "num_labels is -1"),
    (networks.spade(), {"label_nc": "5"}, "label_nc is '5', expected"),
  ],
)
def test_channels_that_options_do_not_explain(network, values, message):
  with pytest.raises(CheckpointError, match=message):
    conditioning(network, **values)


def test_folders_of_these_programs(tmp_path):
  for name in ("latest_net_G", "latest_net_E", "10_net_D"):
    (tmp_path / f"{name}.pth").touch()
  (tmp_path / "iter.txt").touch()
  assert folders.find_networks(tmp_path).keys() == {"G", "E"}
  assert folders.find_networks(tmp_path, "10").keys() == {"D"}
