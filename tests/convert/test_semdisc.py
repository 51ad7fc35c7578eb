"""Discriminators of SemDisc in all modes, and its options."""

import json
import pathlib

import label_networks as networks
import numpy as np
import pytest

from gansynth.convert import (
  CheckpointError,
  conditioning_of,
  convert_state_dict,
  to_state_dict,
  torch_options,
)
from gansynth.models.semantics import Conditioning

FULL_SIZE = json.loads(
  (pathlib.Path(__file__).parent / "data/full_size_shapes.json").read_text()
)
LABELS, CLASSES = 35, 19
MODES = ("c2f", "c2f_sem", "c2f_sem_rec", "added_capacity")
FLAGS = dict.fromkeys(MODES, False)
OPTIONS = {
  **FLAGS,
  "active_GSeg": False,
  "contain_dontcare_label": False,
  "label_nc": LABELS,
  "no_instance": False,
  "no_instance_edge": False,
  "norm_D": "spectralinstance",
  "norm_G": "instance",
}


def discriminator(mode, labels=LABELS, classes=CLASSES, **others):
  """Description and channels of conditions."""
  fields = {
    "original": {},
    "added_capacity": {"adversarial_channels": labels},
    "c2f": {"adversarial_channels": labels + 1},
  }.get(mode)
  if fields is None:
    fields = {
      "conditional": False,
      "adversarial_channels": labels + 1,
      "num_classes": classes,
      "reconstruction_channels": 3 * mode.endswith("rec"),
    }
  description = networks.spade_discriminator(**fields, **others)
  return description, labels + 1 if description["conditional"] else 0


def options(mode="original", **others):
  flags = {} if mode == "original" else {mode: True}
  return torch_options.Options("opt.txt", {**OPTIONS, **flags, **others})


@pytest.mark.parametrize("name", FULL_SIZE)
def test_all_keys_at_full_size(name, monkeypatch):
  """Networks that the programs make by default, of SemDisc and ASAP-Nets."""
  shapes = {
    key: shape
    for key, shape in FULL_SIZE[name]["shapes"].items()
    if not key.endswith("num_batches_tracked")
  }
  found, count = networks.check_shapes(monkeypatch, shapes, name)
  assert count == FULL_SIZE[name]["parameters"]
  program, setting, letter = name.split("/")
  if found["name"] == "asapnets":
    sizes = {"facades512": 32, "facades1024": 64}
    fields = "downsampling", "padding", "unseen_channels"
    assert tuple(found[field] for field in fields) == (
      sizes.get(setting, 16),
      "reflect" if setting in sizes else "zero",
      0 if setting in sizes else 1,
    )
  elif letter == "D":
    channels = sum(
      found[f"{x}_channels"] for x in ("adversarial", "reconstruction")
    )
    channels += found["num_classes"]
    modes = dict(zip(MODES, (36, 55, 58, 35), strict=True))
    assert channels == modes.get(setting, 1)
    assert found["conditional"] == ("sem" not in setting)
    assert found["max_features"] == 512
  else:
    assert program == "semdisc"


@pytest.mark.parametrize("mode", ["original", *MODES])
@pytest.mark.parametrize("told", [True, False])
def test_modes_of_cityscapes_are_told_by_the_shapes(mode, told):
  description, channels = discriminator(mode)
  variables = networks.random_variables(description, channels)
  state = to_state_dict(description, variables)
  found, converted = convert_state_dict(
    state, original=options(mode) if told else None
  )
  assert found == description
  original = options(mode)
  shown = conditioning_of(original, found, converted, "x.pth")
  # A discriminator without conditions is shown none.
  assert shown == (Conditioning(LABELS, edges=True) if channels else None)


@pytest.mark.parametrize(
  ("labels", "classes", "given"),
  [
    # Each label is its class.
    (6, 6, {"num_labels": 6}),
    (6, 4, {"num_labels": 6, "num_classes": 4}),
    (6, 4, {"num_labels": 6, "mode": True}),
    (6, 4, {"num_classes": 4, "mode": True}),
    # 55 and 58 channels may be 27 labels and classes too.
    (27, 27, {"num_labels": 27}),
    (LABELS, LABELS, {"num_labels": LABELS}),
  ],
)
@pytest.mark.parametrize("mode", ["c2f_sem", "c2f_sem_rec"])
def test_other_labels_and_classes(mode, labels, classes, given):
  description, _ = discriminator(mode, labels, classes)
  state = networks.state_of(description, channels=0)
  if "mode" in given:
    given = {**given, "mode": mode}
  assert convert_state_dict(state, **given)[0] == description


def test_semdisc_has_36_verdicts_whatever_its_labels():
  description, _ = discriminator("c2f_sem")
  state = networks.state_of(description, channels=0)
  found, _ = convert_state_dict(state, original=options("c2f_sem", label_nc=13))
  assert found == description


def test_labels_that_are_told_by_hand():
  """A file by another hand than SemDisc's, with nothing beside it."""
  description, _ = discriminator("c2f_sem_rec", labels=7, classes=7)
  state = networks.state_of(description, channels=0)
  for arguments in (
    {"num_labels": 6, "dont_care": True},
    {"discriminator_mode": "c2f_sem_rec", "num_classes": 7},
  ):
    given = torch_options.gather("x.pth", **arguments)
    assert convert_state_dict(state, original=given)[0] == description


def test_pictures_as_conditions():
  """Each channel is judged for itself, and there is a class for none."""
  description, _ = discriminator("c2f_sem", labels=3, classes=4)
  state = networks.state_of(description, channels=0)
  given = torch_options.gather("x.pth", num_labels=0, num_classes=4)
  assert convert_state_dict(state, original=given)[0] == description


@pytest.mark.parametrize(
  ("mode", "labels", "given", "message"),
  [
    ("c2f_sem", 6, {}, "22 channels of logits are many things: one more"),
    ("c2f_sem", 6, {"mode": "c2f_sem"}, "given are c2f_sem, no labels and no"),
    ("c2f_sem", 6, {"num_labels": 4}, "many things.* no mode, 4 labels and no"),
    ("c2f_sem", 6, {"num_labels": 30}, "are not what the options make"),
    ("c2f_sem", 35, {"mode": "c2f"}, "of mode c2f, but it is shown pictures"),
    ("c2f_sem", 35, {"mode": "original"}, "of mode original, but it is shown"),
    ("c2f", 35, {"mode": "c2f_sem"}, "of mode c2f_sem, but it is shown label"),
    ("c2f", 35, {"mode": "original"}, "of mode original, but it is shown lab"),
    ("original", 35, {"mode": "c2f"}, "and has 1 channels of logits"),
    ("c2f", 35, {"mode": "rec"}, "mode is 'rec'; choose one of original"),
  ],
)
def test_modes_that_contradict_the_file(mode, labels, given, message):
  description, channels = discriminator(mode, labels, classes=15)
  state = networks.state_of(description, channels)
  with pytest.raises(CheckpointError, match=message):
    convert_state_dict(state, "x.pth", **given)


@pytest.mark.parametrize(
  ("bound", "layers"), [(512, 4), (8, 4), (4, 3), (512, 2), (16, 4)]
)
@pytest.mark.parametrize("norm", ["spectralinstance", "none"])
def test_bounds_of_widths(bound, layers, norm):
  """4, 8, 16, 32 channels are bounded by what is told, or by nothing."""
  fields = {"max_features": bound, "num_layers": layers, "norm": norm}
  description, channels = discriminator(
    "c2f", use_bias=norm == "none", **fields
  )
  state = networks.state_of(description, channels)
  assert convert_state_dict(state)[0] == description


def test_widths_over_the_usual_bound():
  description, channels = discriminator(
    "original", labels=3, features=160, max_features=640, num_layers=3
  )
  shapes = {
    key: value.shape
    for key, value in networks.state_of(description, channels).items()
  }
  assert shapes["discriminator_0.model2.0.0.weight_orig"][0] == 640
  state = {k: np.broadcast_to(np.float32(0), v) for k, v in shapes.items()}
  assert convert_state_dict(state)[0] == description


def test_names_of_the_first_version(tmp_path):
  lines = {
    "norm_G": "instance",
    "semantic": False,
    "semantic_disc": True,
    "self_supervised": False,
    "lambda_S": 2.0,
    "lambda_Self": 3.0,
  }
  text = "".join(
    f"{name:>25}: {value!s:<30}\n" for name, value in lines.items()
  )
  (tmp_path / "opt.txt").write_text(text)
  found = torch_options.find(tmp_path)
  assert found.program == "semdisc"
  assert found.discriminator_mode == "c2f_sem"
  assert found.values["lambda_seg"] == found.defaults["lambda_seg"] == 2.0
  assert found.values["lambda_rec"] == 3.0
  assert not found.values.keys() & lines.keys() - {"norm_G"}


def test_modes_of_options():
  assert torch_options.Options("x", {"norm_G": "x"}).discriminator_mode is None
  assert options().discriminator_mode == "original"
  # The first that is set holds.
  assert options("c2f_sem", c2f_sem_rec=True).discriminator_mode == "c2f_sem"
  assert options("added_capacity", c2f=True).discriminator_mode == "c2f"
  assert options().program == "semdisc"
  assert torch_options.Options("x", {"norm_G": "x"}).program == "spade"


def test_generators_of_semdisc():
  """pix2pixHD's without biases, SPADE's with convolutions of one tap."""
  told = options(netG="pix2pixhd", label_nc=5, resnet_n_downsample=2)
  expected = networks.spade_pix2pixhd("instance", num_downsampling=2)
  state = networks.state_of(expected)
  assert not any(k.endswith("0.bias") for k in state)
  found, variables = convert_state_dict(state, original=told)
  assert found == expected
  assert conditioning_of(told, found, variables, "x") == Conditioning(
    5, edges=True
  )
  norm = "spectralspadesyncbatch1x1"
  told = options(
    norm_G=norm, crop_size=64, aspect_ratio=1.0, num_upsampling_layers="more"
  )
  found, _ = convert_state_dict(
    networks.state_of(networks.spade()), original=told
  )
  assert found == networks.spade(upsampling="more", height=64, width=64)
