"""Key tables of CycleGAN and pix2pix.

Parity with recorded outputs is tested in tests/parity; here, that every
variant is recognised by its keys and that nothing is passed over.
"""

import json
import os
import pathlib

import jax
import numpy as np
import pytest
from flax import traverse_util

from gansynth import models
from gansynth.convert import (
  CheckpointError,
  KeyMismatchError,
  convert_state_dict,
  to_state_dict,
)
from gansynth.convert import cyclegan as cyclegan_keys

GOLDENS = os.environ.get("GANSYNTH_GOLDENS")


def fields(name, norm, **others):
  return {"name": name, "norm": norm, "use_bias": norm == "instance", **others}


def resnet(norm="instance", **others):
  return {
    **fields("resnet", norm),
    "output_channels": 3,
    "features": 4,
    "num_blocks": 2,
    "use_dropout": False,
    "padding_mode": "reflect",
    "outer_padding_mode": "reflect",
    **others,
  }


def unet(norm="batch", **others):
  return {
    **fields("unet", norm),
    "output_channels": 2,
    "features": 2,
    "num_levels": 5,
    "use_dropout": norm == "batch",
    **others,
  }


def patch(norm="instance", **others):
  return {**fields("patch", norm, features=4, num_layers=3), **others}


def pixel(norm="instance", **others):
  return {**fields("pixel", norm, features=4), **others}


VARIANTS = {
  "resnet": resnet(),
  "resnet_1_block": resnet(num_blocks=1),
  "resnet_9_blocks": resnet(num_blocks=9),
  "resnet_batch": resnet("batch"),
  "resnet_none": resnet("none"),
  "resnet_dropout": resnet(use_dropout=True),
  "resnet_batch_dropout": resnet("batch", use_dropout=True),
  "resnet_1_channel": resnet(output_channels=1),
  "resnet_zero_blocks": resnet(padding_mode="zeros"),
  "resnet_zero_blocks_dropout": resnet(padding_mode="zeros", use_dropout=True),
  "resnet_2017": resnet(padding_mode="zeros", outer_padding_mode="zeros"),
  "resnet_2017_batch": resnet(
    "batch", padding_mode="zeros", outer_padding_mode="zeros", use_bias=True
  ),
  "resnet_batch_with_biases": resnet("batch", use_bias=True),
  "unet": unet(),
  "unet_instance": unet("instance"),
  "unet_none": unet("none"),
  "unet_128": unet(num_levels=7),
  "unet_batch_with_biases": unet(use_bias=True),
  "patch": patch(),
  "patch_batch": patch("batch"),
  "patch_none": patch("none"),
  "patch_1_layer": patch(num_layers=1),
  "patch_5_layers": patch("batch", num_layers=5),
  "pixel": pixel(),
  "pixel_batch": pixel("batch"),
  "pixel_none": pixel("none"),
  "pixel_batch_2019": pixel("batch", use_bias=True),
}


def random_variables(description, channels=3, seed=0):
  """Variables of a network, every number different from its neighbours."""
  side = 2 ** description.get("num_levels", 5)
  network = models.create(**description)
  shapes = jax.eval_shape(
    lambda: network.init(
      jax.random.key(0), np.zeros((1, 4 * side, 4 * side, channels), np.float32)
    )
  )
  rng = np.random.default_rng(seed)
  return jax.tree.map(
    lambda x: rng.standard_normal(x.shape).astype(np.float32), shapes
  )


def original_state(description, channels=3):
  return dict(
    to_state_dict(description, random_variables(description, channels))
  )


def assert_same(found, expected):
  found = traverse_util.flatten_dict(found)
  expected = traverse_util.flatten_dict(expected)
  assert found.keys() == expected.keys()
  for path, array in expected.items():
    np.testing.assert_array_equal(found[path], array, err_msg=str(path))


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_recognises_what_it_writes(name, channels):
  description = VARIANTS[name]
  variables = random_variables(description, channels)
  state = to_state_dict(description, variables)
  found, converted = convert_state_dict(state)
  assert found == description
  assert_same(converted, variables)


def test_dtype():
  state = {
    key: value.astype(np.float16)
    for key, value in original_state(pixel()).items()
  }
  for dtype, expected in (
    (np.float32, np.float32),
    (np.float64, np.float64),
    (None, np.float16),
  ):
    _, variables = convert_state_dict(state, dtype=dtype)
    assert {x.dtype for x in jax.tree.leaves(variables)} == {np.dtype(expected)}


def test_keys_of_the_published_layouts():
  """Indices as the checkpoints of the original have them."""
  keys = set(original_state(resnet(num_blocks=9)))
  assert {"model.1.weight", "model.4.weight", "model.7.bias"} <= keys
  assert {"model.10.conv_block.1.weight", "model.18.conv_block.5.bias"} <= keys
  assert {"model.19.weight", "model.22.weight", "model.26.bias"} <= keys
  assert len(keys) == 2 * (3 + 18 + 2 + 1)

  keys = set(original_state(resnet("batch", num_blocks=6, use_dropout=True)))
  assert {"model.2.running_mean", "model.5.weight", "model.8.bias"} <= keys
  assert {
    "model.10.conv_block.1.weight",
    "model.10.conv_block.2.running_var",
    "model.15.conv_block.6.weight",
    "model.15.conv_block.7.weight",
    "model.16.weight",
    "model.20.running_var",
    "model.23.bias",
  } <= keys
  assert "model.1.bias" not in keys

  keys = set(original_state(VARIANTS["resnet_2017"] | {"num_blocks": 6}))
  assert {
    "model.0.weight",
    "model.3.weight",
    "model.6.weight",
    "model.9.conv_block.0.weight",
    "model.14.conv_block.3.weight",
    "model.15.weight",
    "model.18.weight",
    "model.21.bias",
  } <= keys

  keys = set(original_state(unet(num_levels=8)))
  nested = "model.model.1.model.3.model.3.model.3.model.3.model.3.model"
  assert {
    "model.model.0.weight",
    "model.model.1.model.1.weight",
    "model.model.1.model.3.model.1.weight",
    "model.model.1.model.6.running_mean",
    f"{nested}.3.model.1.weight",
    f"{nested}.3.model.3.weight",
    f"{nested}.3.model.4.running_var",
    "model.model.3.bias",
  } <= keys
  assert f"{nested}.3.model.2.weight" not in keys  # innermost: no norm down

  keys = set(original_state(patch("batch")))
  assert keys == {
    *(f"model.{i}.weight" for i in (0, 2, 5, 8, 11)),
    *(f"model.{i}.bias" for i in (0, 11)),
    *(
      f"model.{i}.{part}"
      for i in (3, 6, 9)
      for part in ("weight", "bias", "running_mean", "running_var")
    ),
  }
  assert set(original_state(pixel("none"))) == {
    "net.0.weight",
    "net.0.bias",
    "net.2.weight",
    "net.5.weight",
  }


@pytest.mark.parametrize(
  ("description", "channels", "count"),
  [
    (resnet(num_blocks=9, features=64), 3, 11_378_179),
    (resnet(num_blocks=6, features=64), 3, 7_837_699),
    (resnet("batch", num_blocks=9, features=64), 3, 11_383_427),
    (unet(num_levels=8, features=64, output_channels=3), 3, 54_413_955),
    (unet(num_levels=7, features=64, output_channels=3), 3, 41_828_995),
    (patch(features=64), 3, 2_764_737),
    (patch("batch", features=64), 6, 2_768_705),
    (pixel(features=64), 3, 8_705),
  ],
)
def test_sizes_of_the_published_networks(description, channels, count):
  side = 2 ** description.get("num_levels", 5)
  network = models.create(**description)
  shapes = jax.eval_shape(
    lambda: network.init(
      jax.random.key(0), np.zeros((1, side, side, channels), np.float32)
    )
  )
  entries = cyclegan_keys.key_table(description)
  shapes = traverse_util.flatten_dict(dict(shapes))
  assert {entry.path for entry in entries} == shapes.keys()
  assert count == sum(
    shapes[entry.path].size for entry in entries if entry.path[0] == "params"
  )


def test_layout_of_kernels():
  """torch: (out, in, h, w), transposed (in, out, h, w); ours: (h, w, ...)."""
  description = resnet(num_blocks=1, features=2, output_channels=1)
  state = original_state(description, channels=3)
  assert state["model.1.weight"].shape == (2, 3, 7, 7)
  assert state["model.11.weight"].shape == (8, 4, 3, 3)
  _, variables = convert_state_dict(state)
  params = variables["params"]
  np.testing.assert_array_equal(
    params["stem"]["kernel"][2, 5, 1, 0], state["model.1.weight"][0, 1, 2, 5]
  )
  np.testing.assert_array_equal(
    params["up_0"]["kernel"][2, 1, 3, 6], state["model.11.weight"][6, 3, 2, 1]
  )


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module.module."])
def test_drops_prefixes_of_wrappers(prefix):
  state = original_state(resnet())
  wrapped = {prefix + key: value for key, value in state.items()}
  found, variables = convert_state_dict(wrapped)
  assert found == resnet()
  assert_same(variables, convert_state_dict(state)[1])


@pytest.mark.parametrize("counters", [True, False])
def test_drops_buffers_of_instance_norms(counters):
  """As PyTorch before 0.4.1 wrote them, with or without counters."""
  state = original_state(resnet())
  plain = dict(state)
  for key, value in plain.items():
    if key.endswith(".bias") and not key.startswith("model.18"):
      layer = key.removesuffix(".bias").split(".")
      layer[-1] = str(int(layer[-1]) + 1)
      layer = ".".join(layer)
      state[f"{layer}.running_mean"] = np.ones_like(value)
      state[f"{layer}.running_var"] = np.ones_like(value)
      if counters:
        state[f"{layer}.num_batches_tracked"] = np.int64(3)
  assert len(state) > len(plain)
  found, variables = convert_state_dict(state)
  assert found == resnet()
  assert_same(variables, convert_state_dict(plain)[1])
  with pytest.raises(CheckpointError, match="buffers of instance norms"):
    convert_state_dict(state, norm="none")


def test_ignores_counters_of_batch_norms():
  state = original_state(patch("batch"))
  expected = convert_state_dict(state)[1]
  state["model.3.num_batches_tracked"] = np.int64(7)
  assert_same(convert_state_dict(state)[1], expected)


def test_options_that_files_do_not_tell():
  state = original_state(pixel("none"))
  assert convert_state_dict(state)[0]["norm"] == "none"
  # Saved in the first half of 2019, this is an instance-norm network.
  assert convert_state_dict(state, norm="instance")[0] == pixel(
    "instance", use_bias=False
  )
  state = original_state(resnet())
  found, _ = convert_state_dict(state, padding_mode="replicate")
  assert found == resnet(padding_mode="replicate")
  state = original_state(unet())
  assert convert_state_dict(state, use_dropout=False)[0] == unet(
    use_dropout=False
  )


@pytest.mark.parametrize(
  ("description", "options", "message"),
  [
    (resnet(), {"norm": "batch"}, "the file has no parameters of batch"),
    (resnet("batch"), {"norm": "none"}, "the file has parameters of batch"),
    (resnet(), {"norm": "group"}, "unknown norm 'group'"),
    (resnet(), {"use_dropout": True}, "use_dropout is True, but"),
    (resnet(), {"padding_mode": "zeros"}, "reflect or replicate"),
    (
      resnet(padding_mode="zeros"),
      {"padding_mode": "reflect"},
      "are those of zeros",
    ),
  ],
)
def test_options_that_contradict_the_file(description, options, message):
  with pytest.raises(CheckpointError, match=message):
    convert_state_dict(original_state(description), "x.pth", **options)


def test_missing_and_extra_keys_are_both_listed():
  state = original_state(resnet("batch"))
  del state["model.4.weight"], state["model.11.conv_block.2.running_var"]
  state["model.4.weights"] = np.zeros(1)
  state["classifier.bias"] = np.zeros(1)
  with pytest.raises(KeyMismatchError, match=r"x\.pth") as caught:
    convert_state_dict(state, "x.pth")
  assert caught.value.missing == [
    "model.4.weight",
    "model.11.conv_block.2.running_var",
  ]
  assert caught.value.extra == ["classifier.bias", "model.4.weights"]
  for key in caught.value.missing + caught.value.extra:
    assert key in str(caught.value)


def test_wrong_shapes_are_listed():
  state = original_state(patch())
  state["model.5.weight"] = state["model.5.weight"][:, :3]
  state["model.8.bias"] = np.zeros(())
  with pytest.raises(KeyMismatchError) as caught:
    convert_state_dict(state)
  assert caught.value.wrong_shapes == [
    "model.5.weight: found (16, 3, 4, 4), expected (16, 8, 4, 4)",
    "model.8.bias: found (), expected (32,)",
  ]
  assert caught.value.missing == caught.value.extra == []


@pytest.mark.parametrize(
  ("state", "message"),
  [
    ({}, "no network of CycleGAN or pix2pix; its keys begin with nothing"),
    ({"features.0.weight": np.zeros((1, 1, 3, 3))}, "'features.0.weight'"),
    ({"net.0.weight": np.zeros(3)}, "expected a convolution net.0.weight"),
    ({"model.0.weight": np.zeros((4, 3, 4, 4))}, "of 1 convolutions"),
    ({"model.model.0.weight": np.zeros((4, 3, 4, 4))}, "U-Net of 1 levels"),
    (
      {"model.10.conv_block.2.weight": np.zeros((4, 4, 3, 3))},
      r"convolutions at \[2\] are not known",
    ),
    (
      {
        "model.10.conv_block.1.weight": np.zeros((4, 4, 3, 3)),
        "model.10.conv_block.5.weight": np.zeros((4, 4, 3, 3)),
      },
      "expected a convolution model.18.weight",
    ),
  ],
)
def test_other_networks_are_refused(state, message):
  with pytest.raises(CheckpointError, match=message):
    convert_state_dict(state, "x.pth")


@pytest.mark.skipif(not GOLDENS, reason="GANSYNTH_GOLDENS is not set")
@pytest.mark.parametrize("system", ["cyclegan", "pix2pix"])
def test_all_keys_at_full_size(system):
  path = pathlib.Path(GOLDENS or "", system, "manifest_full.json")
  for name, net in json.loads(path.read_text())["nets"].items():
    state = {
      key: np.zeros(entry["shape"], entry["dtype"])
      for key, entry in net["keys"].items()
    }
    description, variables = convert_state_dict(state, name)
    written = to_state_dict(description, variables)
    counters = {k for k in state if k.endswith("num_batches_tracked")}
    assert written.keys() == state.keys() - counters
    assert net["n_params"] == sum(
      x.size for k, x in written.items() if "running" not in k
    )
