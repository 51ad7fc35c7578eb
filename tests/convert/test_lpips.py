"""Key tables of LPIPS: torchvision's backbones, saved objects, and errors."""

import json
import os
import pathlib

import numpy as np
import pytest

from gansynth.convert import (
  CheckpointError,
  KeyMismatchError,
  convert_state_dict,
  lpips,
  to_state_dict,
)
from gansynth.models.lpips import BACKBONES

GOLDENS = os.environ.get("GANSYNTH_GOLDENS")
FILES = {"alex": "alexnet", "vgg": "vgg16"}
ALEX = {  # (outputs, inputs, height, width)
  "features.0.weight": (64, 3, 11, 11),
  "features.3.weight": (192, 64, 5, 5),
  "features.6.weight": (384, 192, 3, 3),
  "features.8.weight": (256, 384, 3, 3),
  "features.10.weight": (256, 256, 3, 3),
}
CLASSIFIER = {"classifier.6.bias": np.zeros(1000, np.float32)}
SCALING = {
  "scaling_layer.shift": [-0.030, -0.088, -0.188],
  "scaling_layer.scale": [0.458, 0.448, 0.450],
}


def state_of(backbone):
  """Arrays of torchvision's keys that take no memory, each of one number."""
  return {
    key: np.broadcast_to(np.float32(number), shape)
    for number, (key, shape) in enumerate(lpips.state_shapes(backbone).items())
  }


def saved(state):
  """What `lpips.LPIPS` saves: some of it twice."""
  constants = {
    key: np.float32(values).reshape(1, 3, 1, 1)
    for key, values in SCALING.items()
  }
  copies = {
    key.replace("lin", "lins.", 1): value
    for key, value in state.items()
    if key.startswith("lin")
  }
  return constants | dict(state) | copies


@pytest.mark.parametrize("backbone", BACKBONES)
def test_backbones_get_the_published_weights_of_channels(backbone):
  state = state_of(backbone)
  description, variables = convert_state_dict(state | CLASSIFIER)
  assert description == {"name": "lpips", "backbone": backbone}
  first = variables["params"]["features"]["conv_0"]
  assert (first["kernel"] == state["features.0.weight"][0, 0, 0, 0]).all()
  assert (first["bias"] == state["features.0.bias"][0]).all()
  for i, (key, weights) in enumerate(lpips.channel_weights(backbone).items()):
    assert key == f"lin{i}.model.1.weight"
    scale = variables["params"][f"lin_{i}"]["scale"]
    np.testing.assert_array_equal(scale, weights[0, :, 0, 0])
    assert scale.min() >= 0
    assert scale.max() > 0.1


@pytest.mark.parametrize("backbone", BACKBONES)
def test_saved_objects_both_ways(backbone):
  description, variables = convert_state_dict(state_of(backbone))
  for layer in variables["params"]:
    if layer != "features":
      variables["params"][layer]["scale"] *= 2
  written = to_state_dict(description, variables)
  assert "net.slice1.0.weight" in written
  again, same = convert_state_dict(saved(written))
  assert again == description
  both = {
    key: (array, to_state_dict(again, same)[key])
    for key, array in written.items()
  }
  for ours, theirs in both.values():
    np.testing.assert_array_equal(ours, theirs)
  assert len(written) == len(to_state_dict(again, same))


def test_slices_hold_what_they_do_in_the_original():
  description, variables = convert_state_dict(state_of("vgg"))
  keys = [k for k in to_state_dict(description, variables) if ".weight" in k]
  assert [key.removesuffix(".weight") for key in keys[:13]] == [
    *("net.slice1.0", "net.slice1.2", "net.slice2.5", "net.slice2.7"),
    *("net.slice3.10", "net.slice3.12", "net.slice3.14"),
    *("net.slice4.17", "net.slice4.19", "net.slice4.21"),
    *("net.slice5.24", "net.slice5.26", "net.slice5.28"),
  ]


def test_alexnet_is_known_by_its_keys_and_shapes():
  assert {
    k: v for k, v in lpips.state_shapes("alex").items() if len(v) > 1
  } == (ALEX)


def test_missing_and_extra_keys_are_named():
  state = state_of("alex")
  del state["features.3.bias"]
  with pytest.raises(KeyMismatchError) as caught:
    convert_state_dict(state | {"features.12.weight": np.zeros(1)})
  assert caught.value.missing == ["features.3.bias"]
  assert caught.value.extra == ["features.12.weight"]


def test_squeezenet_of_another_version_is_refused():
  """SqueezeNet 1.0 has fire modules at other places."""
  state = {
    key.replace("features.6.", "features.5."): value
    for key, value in state_of("squeeze").items()
  }
  with pytest.raises(KeyMismatchError, match=r"features\.6\.squeeze"):
    convert_state_dict(state)


def test_objects_that_contradict_themselves_are_refused():
  description, variables = convert_state_dict(state_of("alex"))
  state = saved(to_state_dict(description, variables))
  other = {"lins.2.model.1.weight": np.ones((1, 384, 1, 1), np.float32)}
  with pytest.raises(CheckpointError, match=r"lins\.2.* and lin2.* differ"):
    convert_state_dict(state | other)
  other = {"scaling_layer.scale": np.ones((1, 3, 1, 1), np.float32)}
  with pytest.raises(CheckpointError, match=r"scale is \[1.0, 1.0, 1.0\]"):
    convert_state_dict(state | other)


@pytest.mark.skipif(not GOLDENS, reason="GANSYNTH_GOLDENS is not set")
@pytest.mark.parametrize("backbone", FILES)
def test_all_keys_of_the_published_files(backbone):
  path = pathlib.Path(GOLDENS or "", "lpips/manifest_full.json")
  manifest = json.loads(path.read_text())
  state = {
    key: np.broadcast_to(np.zeros((), entry["dtype"]), entry["shape"])
    for key, entry in manifest[FILES[backbone]].items()
  }
  description, variables = convert_state_dict(state)
  assert description["backbone"] == backbone
  written = to_state_dict(description, variables)
  backbones = [key for key in state if key.startswith("features.")]
  lin = manifest["lin_v0_1"][backbone]
  assert len(written) == len(backbones) + len(lin)
  for key, entry in lin.items():
    assert list(written[key].shape) == entry["shape"]


@pytest.mark.skipif(not GOLDENS, reason="GANSYNTH_GOLDENS is not set")
def test_shapes_of_all_weights_of_channels():
  path = pathlib.Path(GOLDENS or "", "lpips/manifest_full.json")
  for backbone, lin in json.loads(path.read_text())["lin_v0_1"].items():
    weights = lpips.channel_weights(backbone)
    assert {k: list(v.shape) for k, v in weights.items()} == {
      key: entry["shape"] for key, entry in lin.items()
    }
