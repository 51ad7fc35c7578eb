"""Weights of DRN: all keys both ways, and files that are others."""

import hashlib
import json
import os
import pathlib

import numpy as np
import pytest
import tiny_drn

from gansynth import convert
from gansynth.convert import CheckpointError, KeyMismatchError
from gansynth.convert import drn as convert_drn
from gansynth.models import drn

GOLDENS = os.environ.get("GANSYNTH_GOLDENS")
COUNTER = ".num_batches_tracked"
# Number and digest of the original's keys and shapes.
ORIGINALS = {
  "drn_d_22": (153, 25, "f26f275614ddf81f"),
  "drn_d_38": (249, 41, "6f22d47f8d86aa3f"),
  "drn_d_105": (651, 108, "afb00973c3e95565"),
}


def arrays(arch, num_classes=19):
  """Arrays of which each has another value, cheaply."""
  shapes = convert_drn.state_shapes(arch, num_classes)
  state = {
    key: np.full(shape, i, np.int64 if key.endswith(COUNTER) else np.float32)
    for i, (key, shape) in enumerate(shapes.items())
  }
  state["up.weight"] = np.tile(drn.fixed_kernel(), (num_classes, 1, 1, 1))
  return state


@pytest.mark.parametrize("arch", ORIGINALS)
def test_keys_and_shapes_are_those_of_the_original(arch):
  shapes = convert_drn.state_shapes(arch, 19)
  lines = sorted(f"{key} {list(shape)}" for key, shape in shapes.items())
  digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
  counters = sum(key.endswith(COUNTER) for key in shapes)
  assert (len(shapes), counters, digest) == ORIGINALS[arch]


@pytest.mark.skipif(not GOLDENS, reason="GANSYNTH_GOLDENS is not set")
@pytest.mark.parametrize("arch", ORIGINALS)
def test_manifest(arch):
  path = pathlib.Path(GOLDENS) / "drn/manifest_full.json"
  manifest = json.loads(path.read_text())["models"][arch]
  expected = {key: tuple(value["shape"]) for key, value in manifest.items()}
  assert convert_drn.state_shapes(arch, 19) == expected


@pytest.mark.parametrize(
  ("arch", "prefix", "whole"),
  [(arch, "", False) for arch in drn.ARCHITECTURES]
  + [("drn_d_22", "module.", True)],
)
def test_there_and_back(monkeypatch, arch, prefix, whole):
  tiny_drn.narrow(monkeypatch)
  state = arrays(arch, 7)
  kept = {k: v for k, v in state.items() if not k.endswith(COUNTER)}
  given = {prefix + k: v for k, v in (state if whole else kept).items()}
  description, variables = convert.convert_state_dict(given)
  assert description == {
    "name": "drn",
    "arch": arch,
    "num_classes": 7,
    "upsampling": "bilinear",
  }
  assert "up" not in variables["params"]
  back = convert.to_state_dict(description, variables)
  assert back.keys() == kept.keys()
  for key, value in back.items():
    np.testing.assert_array_equal(value, kept[key])


def test_another_kernel_that_enlarges_is_kept(monkeypatch):
  tiny_drn.narrow(monkeypatch)
  state = arrays("drn_d_22")
  state["up.weight"][3, 0, 5, 2] += 0.5
  description, variables = convert.convert_state_dict(state)
  assert description["upsampling"] == "stored"
  up = variables["params"]["up"]
  np.testing.assert_array_equal(up.transpose(3, 2, 0, 1), state["up.weight"])
  back = convert.to_state_dict(description, variables)
  np.testing.assert_array_equal(back["up.weight"], state["up.weight"])


def test_without_a_kernel_it_is_interpolated_between_corners(monkeypatch):
  tiny_drn.narrow(monkeypatch)
  state = arrays("drn_d_22")
  del state["up.weight"]
  description, variables = convert.convert_state_dict(state)
  assert description["upsampling"] == "align_corners"
  assert "up.weight" not in convert.to_state_dict(description, variables)


def test_training_states_are_read(monkeypatch, tmp_path):
  tiny_drn.narrow(monkeypatch)
  torch = pytest.importorskip("torch")
  state = arrays("drn_d_22")
  path = tmp_path / "checkpoint_latest.pth.tar"
  torch.save(
    {
      "epoch": 3,
      "arch": "drn_d_22",
      "state_dict": {f"module.{k}": torch.tensor(v) for k, v in state.items()},
      "best_prec1": 68.0,
    },
    path,
    _use_new_zipfile_serialization=False,  # as in 2017
  )
  description, variables = convert.from_original(path)
  assert description["arch"] == "drn_d_22"
  kernel = variables["params"]["level_8"]["conv_0"]["kernel"]
  assert kernel.shape == (3, 3, 6, 4)
  assert (kernel == state["base.8.0.weight"][0, 0, 0, 0]).all()


def test_files_that_do_not_fit_are_refused(monkeypatch):
  tiny_drn.narrow(monkeypatch)
  state = arrays("drn_d_22")
  less = {k: v for k, v in state.items() if k != "base.5.1.bn2.running_var"}
  with pytest.raises(KeyMismatchError, match=r"base\.5\.1\.bn2\.running_var"):
    convert.convert_state_dict(less)
  more = state | {"fc.weight": np.zeros((3, 3))}
  with pytest.raises(KeyMismatchError, match=r"Extra keys: fc\.weight"):
    convert.convert_state_dict(more)
  wrong = state | {"base.1.0.weight": np.zeros((16, 16, 5, 5))}
  with pytest.raises(KeyMismatchError, match=r"base\.1\.0\.weight: found"):
    convert.convert_state_dict(wrong)
  short = {k: v for k, v in state.items() if not k.startswith("base.6.1")}
  with pytest.raises(CheckpointError, match="1, 1, 2, 2, 2, 1, 1, 1 blocks"):
    convert.convert_state_dict(short)
  with pytest.raises(CheckpointError, match="no segmenter of DRN"):
    convert_drn.convert_state_dict({"base.0.0.weight": np.zeros(3)})
