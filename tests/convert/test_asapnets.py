"""Key tables of ASAP-Nets' generator, and what tells its cells' networks."""

import logging

import label_networks as networks
import numpy as np
import pytest
from flax import traverse_util

from gansynth.convert import (
  CheckpointError,
  KeyMismatchError,
  conditioning_of,
  convert_state_dict,
  from_original,
  to_state_dict,
  torch_options,
)
from gansynth.models.semantics import Conditioning

NORMS = ("instance", "instanceaffine", "sync_batch", "none")
VARIANTS = {
  **{norm: {"norm": norm} for norm in NORMS},
  **{f"spectral{norm}": {"norm": f"spectral{norm}"} for norm in NORMS},
  **{f"reflect_{norm}": {"norm": norm, "padding": "reflect"} for norm in NORMS},
  "tent": {"downsampling": 16},
  "tent_only": {"learned_downsampling": 1, "max_features": 3},
  "one_halving": {"learned_downsampling": 2, "padding": "reflect"},
  "no_blocks": {"num_blocks": 0},
  "no_blocks_none": {"num_blocks": 0, "norm": "none", "padding": "reflect"},
  "unseen": {"unseen_channels": 1},
  "two_layers": {"pixel_layers": 2},
}
# What the programs leave, as far as it is looked at.
OPTIONS = {
  "aspect_ratio": 2.0,
  "contain_dontcare_label": False,
  "crop_size": 128,
  "hr_coor": "cosine",
  "hr_depth": 5,
  "hr_width": 7,
  "label_nc": 5,
  "lr_instance": True,
  "no_instance_edge": False,
  "norm_G": "instanceaffine",
}
SIZES = {"crop_size": 64, "pixel_features": 7, "pixel_layers": 5}


def assert_same(found, expected):
  found = traverse_util.flatten_dict(found)
  expected = traverse_util.flatten_dict(expected)
  assert found.keys() == expected.keys()
  for path, array in expected.items():
    np.testing.assert_array_equal(found[path], array, err_msg=str(path))


def options(**others):
  return torch_options.Options("opt.txt", {**OPTIONS, **others})


@pytest.mark.parametrize("name", VARIANTS)
def test_recognises_what_it_writes(name):
  description = networks.asapnets(**VARIANTS[name])
  variables = networks.random_variables(description)
  found, converted = convert_state_dict(
    to_state_dict(description, variables),
    pixel_features=7,
    pixel_layers=description["pixel_layers"],
  )
  assert found == description
  assert_same(converted, variables)


def test_places_in_the_list():
  """Activations have a place too, and with reflection padding has one."""
  layers = [
    ("{at}.0.weight", (3, 6, 3, 3)),
    ("{at}.1.weight", (3,)),
    ("{at}.1.bias", (3,)),
  ]
  zero = networks.state_of(networks.asapnets())
  reflect = networks.state_of(networks.asapnets(padding="reflect"))
  for state, first in ((zero, 0), (reflect, 1)):
    for name, shape in layers:
      key = f"lowres_stream.model.{name.format(at=first)}"
      assert state[key].shape == shape
  prefixes = {
    "zero": ["0", "2", "4", "6.conv_block.0", "7.conv_block.0", "8"],
    "reflect": ["1", "4", "7", "9.conv_block.1", "10.conv_block.1", "11"],
  }
  for state, places in zip((zero, reflect), prefixes.values(), strict=True):
    names = [f"{place}.0.weight" for place in places[:-1]]
    names += [
      f"{place}.1.{x}" for place in places[:-1] for x in ("weight", "bias")
    ]
    names += [f"{places[-1]}.{x}" for x in ("weight", "bias")]
    assert state.keys() == {f"lowres_stream.model.{name}" for name in names}


def test_numbers_of_parameters_tell_most():
  """Here one reading is left, whose sizes are not the published ones."""
  description = networks.asapnets(
    downsampling=16, pixel_features=32, unseen_channels=1
  )
  assert convert_state_dict(networks.state_of(description))[0] == description


@pytest.mark.parametrize(
  ("fields", "channels"),
  [
    ({"unseen_channels": 1, "downsampling": 16}, 36),
    ({"downsampling": 32}, 13),
  ],
)
def test_published_sizes_are_preferred(fields, channels, caplog):
  description = networks.asapnets(pixel_features=64, **fields)
  state = networks.state_of(description, channels)
  with caplog.at_level(logging.WARNING, logger="absl"):
    assert convert_state_dict(state, "x.pth")[0] == description
  # Of 14851 numbers the cells' networks can be made in one way only.
  assumed = "x.pth: cells of 16 x 16 pixels and networks of 5 layers of 64"
  assert (assumed in caplog.text) == (channels == 36)


def test_sizes_of_cells_are_not_bought_with_odd_networks():
  """Cells of 16 pixels could do, with 2 layers of 464."""
  description = networks.asapnets(pixel_features=64, downsampling=32)
  state = networks.state_of(description, channels=13)
  with pytest.raises(CheckpointError, match=r"make downsampling 32, .*; down"):
    convert_state_dict(state, crop_size=256)
  found, _ = convert_state_dict(
    state, crop_size=512, pixel_features=64, pixel_layers=5
  )
  assert found == description


def test_what_is_left_open_is_listed():
  state = networks.state_of(networks.asapnets(), channels=13)
  with pytest.raises(CheckpointError) as caught:
    convert_state_dict(state, "x.pth")
  message = str(caught.value)
  assert message.startswith("x.pth: the generator has ")
  assert "(given: nothing)" in message
  assert "unseen_channels 0, pixel_features 7, pixel_layers 5" in message
  assert "pixel_features (hr_width)" in message
  found, _ = convert_state_dict(state, **SIZES)
  assert found == networks.asapnets()


@pytest.mark.parametrize(
  ("given", "message"),
  [
    ({"crop_size": 128}, "downsampling 4, .*aspect_ratio\\) 8, "),
    (
      {"crop_size": 64, "aspect_ratio": 2.0},
      "downsampling 4, .*given: cells of side .* 2, ",
    ),
    ({"crop_size": 64, "aspect_ratio": 0.0}, "aspect_ratio is 0.0; expected"),
    (
      {"pixel_features": 8},
      "no sizes .*pixel_features 8, pixel_layers 5",
    ),
    (
      {"pixel_layers": 4},
      "make downsampling 16, .*side .* 4, .*pixel_layers 4",
    ),
    ({"unseen_channels": 1}, "make no sizes .*unseen_channels 1,"),
    ({"norm": "instance"}, "norm is 'instance', but .* of 'instanceaffine'"),
    ({"norm": "layer"}, "unknown norm 'layer'"),
    ({"upsampling": "more"}, "upsampling cannot be given .* of ASAP-Nets"),
  ],
)
def test_options_that_contradict_the_file(given, message):
  state = networks.state_of(networks.asapnets())
  with pytest.raises(CheckpointError, match=rf"x\.pth: .*{message}"):
    convert_state_dict(state, "x.pth", **{**SIZES, **given})


def test_whether_statistics_are_synchronised_is_told_by_options():
  state = networks.state_of(networks.asapnets(norm="sync_batch"))
  found, _ = convert_state_dict(state, norm="batch", **SIZES)
  assert found == networks.asapnets(norm="batch")


@pytest.mark.parametrize("padding", ["zero", "reflect"])
@pytest.mark.parametrize("norm", ["spectralsync_batch", "none"])
def test_missing_keys_are_found(padding, norm):
  description = networks.asapnets(padding=padding, norm=norm)
  state = networks.state_of(description)
  for key in list(state)[::5]:
    cut = {k: v for k, v in state.items() if k != key}
    with pytest.raises(KeyMismatchError) as caught:
      convert_state_dict(cut, **SIZES)
    assert key in caught.value.missing


def test_extra_keys_and_wrong_shapes_are_listed():
  state = networks.state_of(networks.asapnets())
  state["lowres_stream.model.4.0.bias"] = np.zeros(5)
  state["highres_stream.coords"] = np.zeros(1)
  state["lowres_stream.model.6.conv_block.0.1.bias"] = np.zeros(4)
  with pytest.raises(KeyMismatchError) as caught:
    convert_state_dict(state, **SIZES)
  assert not caught.value.missing
  assert caught.value.extra == [
    "highres_stream.coords",
    "lowres_stream.model.4.0.bias",
  ]
  assert caught.value.wrong_shapes == [
    "lowres_stream.model.6.conv_block.0.1.bias: found (4,), expected (5,)"
  ]


def test_prefixes_and_counters_are_dropped():
  description = networks.asapnets(norm="spectralsync_batch")
  state = networks.state_of(description)
  expected = convert_state_dict(state, **SIZES)[1]
  state["lowres_stream.model.0.1.num_batches_tracked"] = np.int64(3)
  wrapped = {f"module.{key}": value for key, value in state.items()}
  found, variables = convert_state_dict(wrapped, **SIZES)
  assert found == description
  assert_same(variables, expected)


@pytest.mark.parametrize("program", ["asapnets", "semdisc"])
def test_options_beside_a_file(tmp_path, program):
  path = tmp_path / "latest_net_G.pth"
  description = networks.asapnets(unseen_channels=1)
  networks.write_pth(path, networks.state_of(description))
  lines = {**OPTIONS, "c2f": False} if program == "semdisc" else OPTIONS
  text = "".join(
    f"{name:>25}: {value!s:<30}\n" for name, value in lines.items()
  )
  (tmp_path / "opt.txt").write_text(text)
  found, variables = from_original(path)
  assert found == description
  told = torch_options.gather(path)
  assert told.program == program
  assert conditioning_of(told, found, variables, "x") == Conditioning(
    5, edges=True
  )
  (tmp_path / "opt.txt").write_text(text.replace("cosine", "none  "))
  with pytest.raises(CheckpointError, match="hr_coor is 'none'; the only"):
    from_original(path)


@pytest.mark.parametrize(
  ("changed", "channels", "expected"),
  [
    ({}, 6, Conditioning(5, edges=True)),
    ({"no_instance_edge": True}, 5, Conditioning(5)),
    ({"contain_dontcare_label": True}, 7, Conditioning(5, True, True)),
    # SemDisc has both, and the generator obeys its own.
    (
      {"no_instance": False, "no_instance_edge": True, "c2f": False},
      5,
      Conditioning(5),
    ),
    ({"no_one_hot": True}, 4, Conditioning(0, edges=True)),
    # There the flag has no effect.
    ({"no_one_hot": True, "c2f": True}, 6, Conditioning(5, edges=True)),
  ],
)
def test_what_the_generator_is_shown(changed, channels, expected):
  description = networks.asapnets(unseen_channels=1)
  state = networks.state_of(description, channels)
  told = options(**changed, crop_size=128)
  found, variables = convert_state_dict(state, original=told)
  assert found == description
  assert conditioning_of(told, found, variables, "x") == expected


def test_facades_in_semdisc_hide_the_last_label():
  """Its data set does not take `lr_instance` back, as ASAP-Nets' does."""
  description = networks.asapnets(unseen_channels=1)
  state = networks.state_of(description, channels=13)
  told = options(
    label_nc=13, no_instance=True, no_instance_edge=True, c2f=False
  )
  found, variables = convert_state_dict(state, original=told)
  assert found["unseen_channels"] == 1
  assert conditioning_of(told, found, variables, "x") == Conditioning(13)


def test_other_networks_are_refused():
  with pytest.raises(CheckpointError, match=r"x\.pth: .*lowres_stream\.model"):
    convert_state_dict({"lowres_stream.model.0.bias": np.zeros(3)}, "x.pth")
