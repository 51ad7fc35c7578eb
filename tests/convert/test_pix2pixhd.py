"""Key tables of pix2pixHD, and VGG19's.

Parity with recorded outputs is tested in tests/parity; all keys at full size
in test_spade.py.
"""

import json
import logging
import os
import pathlib

import label_networks as networks
import numpy as np
import pytest
from flax import traverse_util

from gansynth.convert import (
  CheckpointError,
  KeyMismatchError,
  convert_state_dict,
  to_state_dict,
  torch_options,
)

GOLDENS = os.environ.get("GANSYNTH_GOLDENS")

VARIANTS = {
  "global": networks.global_generator(),
  "global_batch": networks.global_generator("batch"),
  "global_1_block": networks.global_generator(num_blocks=1, features=2),
  "local": networks.local_enhancer(),
  "local_batch": networks.local_enhancer("batch"),
  "local_2_enhancers": networks.local_enhancer(
    num_enhancers=2, num_enhancer_blocks=1
  ),
  "encoder": networks.instance_encoder(),
  "encoder_batch": networks.instance_encoder(
    "batch", num_downsampling=3, output_channels=2
  ),
  "discriminator": networks.discriminator(),
  "discriminator_batch": networks.discriminator("batch", num_scales=3),
  "discriminator_small": networks.discriminator(num_scales=1, num_layers=2),
}


def assert_same(found, expected):
  found = traverse_util.flatten_dict(found)
  expected = traverse_util.flatten_dict(expected)
  assert found.keys() == expected.keys()
  for path, array in expected.items():
    np.testing.assert_array_equal(found[path], array, err_msg=str(path))


@pytest.mark.parametrize("name", VARIANTS)
def test_recognises_what_it_writes(name):
  description = VARIANTS[name]
  variables = networks.random_variables(description)
  found, converted = convert_state_dict(to_state_dict(description, variables))
  assert found == description
  assert_same(converted, variables)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_discriminators_without_intermediate_features(norm):
  description = networks.discriminator(norm, num_scales=3)
  variables = networks.random_variables(description)
  state = to_state_dict(description, variables, intermediate=False)
  indices = {int(key.split(".")[1]) for key in state if key[:7] == "layer0."}
  norms = {3, 6, 9} if norm == "batch" else set()
  assert indices == {0, 2, 5, 8, 11} | norms
  found, converted = convert_state_dict(state)
  assert found == description
  assert_same(converted, variables)


@pytest.mark.parametrize("intermediate", [True, False])
def test_scales_are_in_reversed_order(intermediate):
  description = networks.discriminator(num_scales=3)
  variables = networks.random_variables(description)
  state = to_state_dict(description, variables, intermediate=intermediate)
  finest = "scale2_layer0.0.bias" if intermediate else "layer2.0.bias"
  np.testing.assert_array_equal(
    state[finest], variables["params"]["scale_0"]["conv_0"]["bias"]
  )


def test_keys_of_the_published_layouts():
  """As the checkpoints of the original have them."""
  keys = set(networks.state_of(VARIANTS["global_batch"]))
  assert {
    "model.1.weight",
    "model.2.running_mean",
    "model.10.bias",
    "model.13.conv_block.1.weight",
    "model.14.conv_block.5.bias",
    "model.14.conv_block.6.running_var",
    "model.15.weight",
    "model.21.weight",
    "model.25.bias",
  } <= keys
  keys = set(networks.state_of(VARIANTS["local"]))
  assert {
    "model.15.bias",
    "model1_1.1.weight",
    "model1_1.4.bias",
    "model1_2.0.conv_block.1.weight",
    "model1_2.2.conv_block.5.bias",
    "model1_2.3.weight",
    "model1_2.7.weight",
  } <= keys
  assert "model.19.weight" not in keys  # the global part has no head
  keys = set(networks.state_of(VARIANTS["local_2_enhancers"]))
  assert {"model1_2.1.bias", "model2_2.5.bias"} <= keys
  assert "model1_2.5.bias" not in keys  # nor has the inner enhancer
  keys = set(networks.state_of(VARIANTS["encoder"]))
  assert keys == {
    f"model.{i}.{name}"
    for i in (1, 4, 7, 10, 13, 17)
    for name in ("weight", "bias")
  }


def test_drops_wrappers_buffers_and_counters():
  state = networks.state_of(VARIANTS["global"])
  expected = convert_state_dict(state)[1]
  state["model.2.running_mean"] = np.ones(4)
  state["model.2.running_var"] = np.ones(4)
  state["model.2.num_batches_tracked"] = np.int64(1)
  state = {f"module.{key}": value for key, value in state.items()}
  found, variables = convert_state_dict(state)
  assert found == VARIANTS["global"]
  assert_same(variables, expected)


def test_two_halvings_are_cyclegans_unless_told(caplog):
  description = networks.global_generator(num_downsampling=2)
  state = networks.state_of(description)
  with caplog.at_level(logging.WARNING, logger="absl"):
    assert convert_state_dict(state, "x.pth")[0]["name"] == "resnet"
  assert "x.pth: taken for a ResNet of CycleGAN" in caplog.text
  options = torch_options.Options("opt.txt", {"label_nc": 5})
  for told in ({"network": "pix2pixhd_global"}, {"original": options}):
    found, variables = convert_state_dict(state, **told)
    assert found == description
    assert dict(to_state_dict(found, variables)).keys() == state.keys()
  with pytest.raises(CheckpointError, match="told by their keys"):
    convert_state_dict(state, network="resnet")


@pytest.mark.parametrize(
  "name", ["global", "local", "encoder", "discriminator"]
)
def test_every_missing_key_is_found(name):
  """Whatever is left away, no other network is taken for this one."""
  state = networks.state_of(VARIANTS[name])
  for key in list(state)[:: max(1, len(state) // 6)]:
    cut = {k: v for k, v in state.items() if k != key}
    with pytest.raises(KeyMismatchError) as caught:
      convert_state_dict(cut)
    assert caught.value.missing == [key]


def test_missing_and_extra_keys_and_wrong_shapes_are_listed():
  state = networks.state_of(VARIANTS["local"])
  del state["model1_2.0.conv_block.5.bias"]
  state["model1_2.9.bias"] = np.zeros(1)
  state["model.4.bias"] = np.zeros(3)
  with pytest.raises(KeyMismatchError, match=r"x\.pth") as caught:
    convert_state_dict(state, "x.pth")
  assert caught.value.missing == ["model1_2.0.conv_block.5.bias"]
  assert caught.value.extra == ["model1_2.9.bias"]
  assert caught.value.wrong_shapes == [
    "model.4.bias: found (3,), expected (16,)"
  ]


def test_norm_must_be_that_of_the_file():
  state = networks.state_of(VARIANTS["global"])
  assert convert_state_dict(state, norm="instance")[0]["norm"] == "instance"
  with pytest.raises(CheckpointError, match="norm is 'batch', but the keys"):
    convert_state_dict(state, norm="batch")
  with pytest.raises(CheckpointError, match="upsampling cannot be given"):
    convert_state_dict(state, upsampling="more")


SLICES = {
  "slice1": (0,),
  "slice2": (2, 5),
  "slice3": (7, 10),
  "slice4": (12, 14, 16, 19),
  "slice5": (21, 23, 25, 28),
}


def vgg_state():
  """Arrays of VGG19 that take no memory."""
  widths = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128)}
  widths |= {10: (128, 256), 12: (256, 256), 14: (256, 256), 16: (256, 256)}
  widths |= {19: (256, 512)} | dict.fromkeys((21, 23, 25, 28), (512, 512))
  state = {}
  for place, (inputs, outputs) in widths.items():
    number = np.float32(place)
    kernel = np.broadcast_to(number, (outputs, inputs, 3, 3))
    state[f"features.{place}.weight"] = kernel
    state[f"features.{place}.bias"] = np.broadcast_to(number, outputs)
  return state


def test_vgg19():
  state = vgg_state()
  unused = {"features.34.weight": np.zeros(1), "classifier.6.bias": np.zeros(1)}
  description, variables = convert_state_dict(state | unused)
  assert description == {"name": "vgg19"}
  params = variables["params"]
  assert len(params) == 13
  for place in (0, 14, 28):
    kernel = params[f"conv_{place}"]["kernel"]
    assert kernel[0, 0, 0, 0] == params[f"conv_{place}"]["bias"][0] == place
  assert to_state_dict(description, variables).keys() == state.keys()


def test_vgg19_of_the_original_programs():
  state = vgg_state()
  sliced = {
    f"{name}.{place}.{end}": state[f"features.{place}.{end}"]
    for name, places in SLICES.items()
    for place in places
    for end in ("weight", "bias")
  }
  description, variables = convert_state_dict(sliced)
  assert to_state_dict(description, variables).keys() == state.keys()
  del sliced["slice4.14.bias"]
  with pytest.raises(KeyMismatchError) as caught:
    convert_state_dict(sliced | {"slice6.0.bias": np.zeros(1)})
  assert caught.value.missing == ["slice4.14.bias"]
  assert caught.value.extra == ["slice6.0.bias"]


def test_vgg_of_another_depth_is_refused():
  """VGG16 has convolutions at other places."""
  state = {
    key: value for key, value in vgg_state().items() if ".16." not in key
  }
  with pytest.raises(KeyMismatchError, match=r"features\.16\.weight"):
    convert_state_dict(state | {"features.17.bias": np.zeros(256)})


@pytest.mark.skipif(not GOLDENS, reason="GANSYNTH_GOLDENS is not set")
def test_all_keys_of_vgg19():
  path = pathlib.Path(GOLDENS or "", "vgg19/manifest_full.json")
  state = {
    key: np.broadcast_to(np.zeros((), entry["dtype"]), entry["shape"])
    for key, entry in json.loads(path.read_text())["keys"].items()
  }
  description, variables = convert_state_dict(state)
  written = to_state_dict(description, variables)
  places = [place for slice_ in SLICES.values() for place in slice_]
  assert written.keys() == {
    f"features.{place}.{end}" for place in places for end in ("weight", "bias")
  }
