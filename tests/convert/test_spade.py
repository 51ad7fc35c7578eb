"""Key tables of SPADE.

Parity with recorded outputs is tested in tests/parity; here, that every
variant is recognised by its keys and that nothing is passed over.
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
  spectral_vectors,
  to_state_dict,
  torch_options,
)

GOLDENS = os.environ.get("GANSYNTH_GOLDENS")

GENERATORS = {
  "default": networks.spade(),
  "no_spectral": networks.spade(norm="spadesyncbatch1x1"),
  "instance": networks.spade(norm="spectralspadeinstance1x1"),
  "3x3": networks.spade(norm="spadeinstance3x3", features=1),
  "most": networks.spade(upsampling="most"),
  "square_vae": networks.spade(
    use_vae=True, latent_size=5, height=64, width=64
  ),
}
OTHERS = {
  "encoder": networks.style_encoder(),
  "encoder_batch": networks.style_encoder(norm="spectralsync_batch"),
  "encoder_none": networks.style_encoder(norm="spectralnone"),
  "pix2pixhd": networks.spade_pix2pixhd(),
  "pix2pixhd_batch": networks.spade_pix2pixhd("spectralsync_batch"),
  "pix2pixhd_none": networks.spade_pix2pixhd("spectralnone"),
  "pix2pixhd_plain": networks.spade_pix2pixhd("instance"),
  "pix2pixhd_kernels": networks.spade_pix2pixhd(
    kernel_size=5, initial_kernel_size=3, num_downsampling=2, num_blocks=1
  ),
  "discriminator": networks.spade_discriminator(),
  "discriminator_batch": networks.spade_discriminator("spectralsync_batch"),
  "discriminator_none": networks.spade_discriminator("spectralnone"),
  "discriminator_plain": networks.spade_discriminator("sync_batch"),
  "discriminator_small": networks.spade_discriminator(
    num_scales=1, num_layers=2
  ),
}


def assert_same(found, expected):
  found = traverse_util.flatten_dict(found)
  expected = traverse_util.flatten_dict(expected)
  assert found.keys() == expected.keys()
  for path, array in expected.items():
    np.testing.assert_array_equal(found[path], array, err_msg=str(path))


@pytest.mark.parametrize("name", [*GENERATORS, *OTHERS])
def test_recognises_what_it_writes(name):
  description = {**GENERATORS, **OTHERS}[name]
  variables = networks.random_variables(description)
  state = to_state_dict(description, variables)
  found, converted = convert_state_dict(state)
  assert found == description
  assert_same(converted, variables)


def test_keys_of_the_published_layouts():
  """As the checkpoints of the original have them."""
  keys = set(networks.state_of(networks.spade()))
  assert {
    "fc.weight",
    "head_0.conv_0.weight_orig",
    "G_middle_1.conv_1.weight_v",
    "up_0.conv_s.weight_u",
    "up_3.norm_s.mlp_shared.0.weight",
    "up_2.norm_1.param_free_norm.running_var",
    "conv_img.bias",
  } <= keys
  assert "up_0.conv_s.bias" not in keys  # a shortcut has none
  assert "head_0.conv_s.weight_orig" not in keys
  assert len(keys) + 18 == 234  # and 18 counters

  keys = set(networks.state_of(networks.spade_discriminator()))
  expected = set()
  for scale in ("discriminator_0", "discriminator_1"):
    expected |= {
      f"{scale}.model{i}.0.{name}"
      for i in (0, 4)
      for name in ("weight", "bias")
    }
    expected |= {
      f"{scale}.model{i}.0.0.weight_{name}"
      for i in (1, 2, 3)
      for name in ("orig", "u", "v")
    }
  assert keys == expected

  keys = set(networks.state_of(networks.spade_pix2pixhd()))
  assert {
    "model.1.0.weight_orig",
    "model.7.0.weight_v",
    "model.9.conv_block.1.0.weight_orig",
    "model.10.conv_block.4.0.weight_u",
    "model.11.0.weight_orig",
    "model.18.weight",
  } <= keys
  keys = set(networks.state_of(networks.spade_pix2pixhd("spectralnone")))
  assert {"model.1.bias", "model.1.weight_orig", "model.11.bias"} <= keys

  keys = set(
    networks.state_of(networks.style_encoder(norm="spectralsync_batch"))
  )
  assert {"layer1.0.weight_orig", "layer6.1.running_var", "fc_var.bias"} <= keys


def test_layout_of_spectral_vectors():
  """torch: (in * height * width,), ours: (height, width, in)."""
  state = networks.state_of(networks.spade_pix2pixhd())
  _, variables = convert_state_dict(state)
  spectral = variables["batch_stats"]["stem"]["spectral"]
  v = state["model.1.0.weight_v"].reshape(networks.CHANNELS, 7, 7)
  assert spectral["v"][2, 3, 4] == v[4, 2, 3]
  np.testing.assert_array_equal(spectral["u"], state["model.1.0.weight_u"])
  # A transposed convolution's kernel is (in, out, height, width).
  up = variables["batch_stats"]["up_0"]["spectral"]
  inputs = state["model.11.0.weight_orig"].shape[0]
  v = state["model.11.0.weight_v"].reshape(inputs, 3, 3)
  assert up["v"][0, 2, 5] == v[5, 0, 2]


def test_layout_of_linear_layers():
  state = networks.state_of(networks.style_encoder())
  _, variables = convert_state_dict(state)
  kernel = variables["params"]["mean"]["kernel"]
  matrix = state["fc_mu.weight"].reshape(5, 16, 4, 4)
  assert kernel[1, 2, 3, 4] == matrix[4, 3, 1, 2]


def test_sigma_is_that_of_the_original():
  """The layouts of kernel, u and v agree with each other."""
  description = networks.spade_pix2pixhd()
  state = networks.state_of(description)
  for key, axis in (("model.3.0", 0), ("model.11.0", 1)):
    kernel = np.moveaxis(state[f"{key}.weight_orig"], axis, 0)
    matrix = kernel.reshape(len(kernel), -1)
    u, v = state[f"{key}.weight_u"], state[f"{key}.weight_v"]
    path = ("down_0",) if axis == 0 else ("up_0",)
    _, variables = convert_state_dict(state)
    layer = variables["params"][path[0]]["kernel"]
    ours = variables["batch_stats"][path[0]]["spectral"]
    equation = "hwio,hwi,o->" if axis == 0 else "hwoi,hwi,o->"
    sigma = np.einsum(equation, layer, ours["v"], ours["u"])
    np.testing.assert_allclose(sigma, u @ matrix @ v, rtol=1e-4)


@pytest.mark.parametrize("folded", [True, False])
def test_rebuilds_vectors_that_old_files_lack(folded):
  state = networks.state_of(networks.spade_pix2pixhd())
  expected, old = dict(state), dict(state)
  for key in [key for key in state if key.endswith("_v")]:
    layer = key.removesuffix("_v")
    axis = state[f"{layer}_orig"].shape.index(len(state[f"{layer}_u"]))
    assert axis in (0, 1)
    kernel = np.moveaxis(state[f"{layer}_orig"], axis, 0)
    matrix = kernel.reshape(len(kernel), -1).astype(np.float64)
    v = matrix.T @ state[f"{layer}_u"]
    expected[key] = v / np.linalg.norm(v)
    if folded:
      sigma = 3.0
      old[layer] = state[f"{layer}_orig"] / np.float32(sigma)
      expected[key] *= sigma / (state[f"{layer}_u"] @ matrix @ expected[key])
    del old[key]
  found, variables = convert_state_dict(old)
  assert found == networks.spade_pix2pixhd()
  written = to_state_dict(found, variables)
  assert written.keys() == expected.keys()
  for key in expected:
    np.testing.assert_allclose(written[key], expected[key], rtol=1e-5)


@pytest.mark.parametrize("transposed", [False, True])
def test_rebuilt_vectors_act_as_in_torch(transposed):
  """torch solves for another v; what evaluation computes is the same."""
  torch = pytest.importorskip("torch")

  def layer():
    kind = torch.nn.ConvTranspose2d if transposed else torch.nn.Conv2d
    return torch.nn.utils.spectral_norm(kind(6, 3, 3))

  def load(state):
    network = layer()
    network.load_state_dict(state, strict=False)
    return network.eval()(torch.ones(1, 6, 5, 5)).detach().numpy()

  network = layer()
  network(torch.ones(1, 6, 5, 5))
  old = network.state_dict()
  del old["weight_v"]
  old["weight"] = network.weight.detach().clone()
  arrays = {f"conv.{key}": value.numpy() for key, value in old.items()}
  rebuilt = spectral_vectors.complete(arrays, "x.pth")
  assert "conv.weight" not in rebuilt
  found = load({k[5:]: torch.tensor(v) for k, v in rebuilt.items()})
  # Without the version that the state dict carries, torch takes it for old.
  expected = load(dict(old))
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_drops_prefixes_and_counters():
  description = networks.spade(upsampling="most")
  state = networks.state_of(description)
  expected = convert_state_dict(state)[1]
  for key in list(state):
    if key.endswith("running_var"):
      counter = key.replace("running_var", "num_batches_tracked")
      state[counter] = np.int64(0)
  wrapped = {f"module.{key}": value for key, value in state.items()}
  found, variables = convert_state_dict(wrapped)
  assert found == description
  assert_same(variables, expected)


def test_drops_buffers_of_instance_norms():
  state = networks.state_of(networks.spade_discriminator())
  expected = convert_state_dict(state)[1]
  for name in ("running_mean", "running_var", "num_batches_tracked"):
    state[f"discriminator_0.model1.0.1.{name}"] = np.ones(8)
  assert_same(convert_state_dict(state)[1], expected)


def test_gradients_are_written_without_vectors():
  description = networks.spade_discriminator()
  variables = networks.random_variables(description)
  state = to_state_dict(description, {"params": variables["params"]})
  assert not any(key.endswith(("_u", "_v")) for key in state)
  assert "discriminator_1.model2.0.0.weight_orig" in state


@pytest.mark.parametrize(
  ("options", "expected"),
  [
    ({"crop_size": 256}, {"height": 256, "width": 256}),
    # As Python rounds: half of 5 is 2.
    (
      {"crop_size": 320, "aspect_ratio": 2.0, "upsampling": "more"},
      {"height": 128, "width": 320, "upsampling": "more"},
    ),
    ({"norm": "spectralspadebatch1x1"}, {"norm": "spectralspadebatch1x1"}),
  ],
)
def test_options_that_files_do_not_tell(options, expected):
  state = networks.state_of(networks.spade())
  assert convert_state_dict(state, **options)[0] == networks.spade(**expected)


def test_assumed_upsampling_is_told(caplog):
  state = networks.state_of(networks.spade())
  with caplog.at_level(logging.WARNING, logger="absl"):
    convert_state_dict(state, "x.pth")
  assert "x.pth: upsampling 'normal' is assumed" in caplog.text


def test_size_of_the_first_layer_with_a_style():
  wide = networks.spade(use_vae=True, latent_size=3, height=64, width=128)
  state = networks.state_of(wide)
  assert convert_state_dict(state, aspect_ratio=2.0)[0] == wide
  assert convert_state_dict(state, crop_size=128, aspect_ratio=2)[0] == wide
  with pytest.raises(CheckpointError, match="first layer of 8 pixels"):
    convert_state_dict(state)
  with pytest.raises(CheckpointError, match="crop_size 256"):
    convert_state_dict(state, crop_size=256, aspect_ratio=2.0)


def test_strides_of_old_discriminators():
  state = networks.state_of(networks.spade_discriminator(num_layers=3))
  found, _ = convert_state_dict(state, last_stride=2)
  assert found == networks.spade_discriminator(num_layers=3, last_stride=2)


@pytest.mark.parametrize(
  ("description", "options", "message"),
  [
    (networks.spade(), {"upsampling": "most"}, "of normal or more"),
    (networks.spade(), {"upsampling": "all"}, "of normal or more"),
    (networks.spade(), {"norm": "spectralspadebatch3x3"}, "keys are those of"),
    (networks.spade(), {"norm": "instance"}, "unknown norm 'instance'"),
    (networks.spade(), {"aspect_ratio": -1.0, "crop_size": 64}, "is -1.0"),
    (networks.spade(), {"crop_size": 16}, "do not give a first layer"),
    (networks.spade(), {"padding_mode": "reflect"}, "network of SPADE, only"),
    (networks.spade_discriminator(), {"norm": "spectralbatch"}, "keys are"),
    (networks.spade_discriminator(), {"last_stride": 3}, "it is 1 or 2"),
  ],
)
def test_options_that_contradict_the_file(description, options, message):
  with pytest.raises(CheckpointError, match=message):
    convert_state_dict(networks.state_of(description), "x.pth", **options)


def test_missing_and_extra_keys_and_wrong_shapes_are_listed():
  state = networks.state_of(networks.spade())
  del state["up_1.norm_s.mlp_beta.weight"]
  del state["up_2.norm_0.param_free_norm.running_var"]
  state["up_9.conv_0.bias"] = np.zeros(1)
  state["up_0.conv_s.weight_v"] = state["up_0.conv_s.weight_v"][1:]
  with pytest.raises(KeyMismatchError, match=r"x\.pth") as caught:
    convert_state_dict(state, "x.pth")
  assert caught.value.missing == [
    "up_1.norm_s.mlp_beta.weight",
    "up_2.norm_0.param_free_norm.running_var",
  ]
  assert caught.value.extra == ["up_9.conv_0.bias"]
  assert caught.value.wrong_shapes == [
    "up_0.conv_s.weight_v: found (31,), expected (32,)"
  ]
  for key in caught.value.missing + caught.value.extra:
    assert key in str(caught.value)


@pytest.mark.parametrize("name", ["encoder", "pix2pixhd", "discriminator"])
def test_every_missing_key_is_found(name):
  """Whatever is left away, no other network is taken for this one."""
  state = networks.state_of(OTHERS[name])
  for key in list(state)[:: max(1, len(state) // 6)]:
    cut = {k: v for k, v in state.items() if k != key}
    with pytest.raises(KeyMismatchError) as caught:
      convert_state_dict(cut)
    assert caught.value.missing == [key]


def test_vectors_of_a_newer_file_are_not_rebuilt():
  state = networks.state_of(networks.spade_discriminator())
  del state["discriminator_1.model2.0.0.weight_v"]
  with pytest.raises(KeyMismatchError, match=r"model2\.0\.0\.weight_v"):
    convert_state_dict(state)


def test_shallow_encoders_are_explained():
  state = networks.state_of(networks.style_encoder())
  state = {k: v for k, v in state.items() if not k.startswith("layer6")}
  with pytest.raises(CheckpointError, match="crop_size below 256"):
    convert_state_dict(state)


def test_other_networks_are_refused():
  with pytest.raises(CheckpointError, match=r"expected an array head_0.conv_0"):
    convert_state_dict({"head_0.bias": np.zeros(3)})
  state = networks.state_of(networks.spade(norm="spadeinstance1x1"))
  state["head_0.conv_0.weight"] = np.zeros((3, 2, 1, 1))
  with pytest.raises(CheckpointError, match=r"x\.pth: head_0.conv_0 has 3"):
    convert_state_dict(state, "x.pth")
  state = networks.state_of(networks.spade_discriminator())
  state["discriminator_0.model0.0.weight"] = np.zeros((0, 9, 4, 4))
  with pytest.raises(CheckpointError, match=r"x\.pth: "):
    convert_state_dict(state, "x.pth")
  with pytest.raises(CheckpointError, match="no residual blocks"):
    convert_state_dict({"model.1.weight_orig": np.zeros((4, 3, 7, 7))})


@pytest.mark.skipif(not GOLDENS, reason="GANSYNTH_GOLDENS is not set")
@pytest.mark.parametrize("system", ["spade", "pix2pixhd"])
def test_all_keys_at_full_size(system, monkeypatch):
  """The tables and the networks at full size, without any numbers."""
  path = pathlib.Path(GOLDENS or "", system, "manifest_full.json")
  for name, config in json.loads(path.read_text())["configs"].items():
    original = None
    if "options" in config:
      original = torch_options.Options(name, config["options"])
    for letter in "GDE":
      if letter in config:
        shapes = {k: v[0] for k, v in config[letter]["keys"].items()}
        _, count = networks.check_shapes(
          monkeypatch, shapes, name, original=original
        )
        assert count == config[letter]["parameters"]
