"""Weights of FID's Inception: all keys, and files that are others."""

import json
import math
import os
import pathlib

import numpy as np
import pytest

from gansynth import convert
from gansynth.convert import CheckpointError, KeyMismatchError, inception

GOLDENS = os.environ.get("GANSYNTH_GOLDENS")
COUNTER = ".num_batches_tracked"


@pytest.fixture(scope="module")
def state():
  """Arrays of which each has another value, cheaply."""
  return {
    key: np.full(shape, i, np.int64 if key.endswith(COUNTER) else np.float32)
    for i, (key, shape) in enumerate(inception.state_shapes().items())
  }


def test_all_keys_of_the_published_file(state):
  assert len(state) == 566
  assert sum(key.endswith(COUNTER) for key in state) == 94
  numbers = sum(array.size for array in state.values())
  assert numbers - 94 == 23_885_392
  assert state["Mixed_6b.branch7x7_2.conv.weight"].shape == (128, 128, 1, 7)
  assert state["Mixed_6b.branch7x7dbl_2.conv.weight"].shape == (128, 128, 7, 1)
  assert state["Mixed_7c.branch3x3_2b.conv.weight"].shape == (384, 384, 3, 1)


@pytest.mark.skipif(not GOLDENS, reason="GANSYNTH_GOLDENS is not set")
def test_keys_and_shapes_are_those_of_the_original():
  path = pathlib.Path(GOLDENS) / "fid_inception/manifest_full.json"
  manifest = json.loads(path.read_text())
  expected = {k: tuple(v["shape"]) for k, v in manifest["keys"].items()}
  shapes = inception.state_shapes()
  assert shapes == expected
  assert sum(map(math.prod, shapes.values())) == manifest["n_params"]


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("whole", [True, False])
def test_there_and_back(state, prefix, whole):
  kept = {
    key: array
    for key, array in state.items()
    if not key.startswith("fc.") and not key.endswith(COUNTER)
  }
  given = {prefix + key: a for key, a in (state if whole else kept).items()}
  description, variables = convert.convert_state_dict(given)
  assert description == {"name": "fid_inception"}
  layer = variables["params"]["Mixed_6b"]["branch7x7_2"]["conv"]["kernel"]
  assert layer.shape == (1, 7, 128, 128)
  back = convert.to_state_dict(description, variables)
  assert back.keys() == kept.keys()
  for key, array in kept.items():
    np.testing.assert_array_equal(back[key], array)


def test_a_file_that_lacks_or_exceeds(state):
  state = dict(state)
  del state["Mixed_5b.branch1x1.bn.running_var"]
  state["Mixed_5b.branch9x9.conv.weight"] = np.zeros(3)
  with pytest.raises(KeyMismatchError) as error:
    convert.convert_state_dict(state, "x.pth")
  assert error.value.missing == ["Mixed_5b.branch1x1.bn.running_var"]
  assert error.value.extra == ["Mixed_5b.branch9x9.conv.weight"]


def test_a_classifier_of_another_shape(state):
  state = {**state, "fc.weight": np.zeros((1008, 2047))}
  with pytest.raises(KeyMismatchError, match=r"fc\.weight: found \(1008, 2047"):
    convert.convert_state_dict(state, "x.pth")


@pytest.mark.parametrize(
  "change",
  [
    {"fc.weight": np.zeros((1000, 2048)), "fc.bias": np.zeros(1000)},
    {"AuxLogits.conv0.conv.weight": np.zeros((128, 768, 1, 1))},
  ],
)
def test_the_network_of_torchvision_is_another(state, change):
  with pytest.raises(CheckpointError, match=r"x\.pth: .* ImageNet.*pt_incepti"):
    convert.convert_state_dict({**state, **change}, "x.pth")


def test_options_do_not_apply(state):
  with pytest.raises(CheckpointError, match=r"norm cannot be .* Inception"):
    convert.convert_state_dict(state, norm="batch")
