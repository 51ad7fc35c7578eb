"""Key tables of Geoseg-GAN, its files and what is made of them.

Parity with recorded outputs is tested in tests/parity.
"""

import json
import os
import pathlib

import jax
import label_networks as networks
import numpy as np
import optax
import pytest
import tiny

from gansynth import models, warm_start, weights
from gansynth.convert import (
  CheckpointError,
  KeyMismatchError,
  conditioning_of,
  convert_state_dict,
  original_folder,
  to_state_dict,
)
from gansynth.models.semantics import Conditioning
from gansynth.systems import LabelToImage

GOLDENS = os.environ.get("GANSYNTH_GOLDENS")
CLASSES = 4
G = networks.geoseg_generator()
D = networks.geoseg_discriminator()


def state_of(description):
  return networks.state_of(description, CLASSES)


@pytest.mark.parametrize(
  ("description", "classes"),
  [
    (G, CLASSES),
    (D, CLASSES),
    ({**G, "features": 3, "output_channels": 4}, 1),
    ({**D, "features": 3}, 1),
    (D, 9),
  ],
)
def test_recognises_what_it_writes(description, classes):
  variables = networks.random_variables(description, classes)
  state = to_state_dict(description, variables)
  found, converted = convert_state_dict(
    {f"module.{key}": array for key, array in state.items()}
  )
  assert found == description
  tiny.assert_same(converted, variables)
  shown = conditioning_of(None, found, converted, "x.pt")
  assert shown == Conditioning(classes)


def test_keys_are_the_original_ones():
  blocks = [f"e{i}" for i in (2, 3, 4, 5)] + [f"d{i}.1" for i in (1, 2, 3, 4)]
  layers = [
    *("e1.0", "outc.0"),
    *(f"{block}.{i}" for block in blocks for i in (0, 1)),
  ]
  kinds = ("weight", "bias")
  expected = {f"{layer}.{kind}" for layer in layers for kind in kinds}
  assert state_of(G).keys() == expected
  layers = ["c1.0", "out", *(f"c{i}.{j}" for i in (2, 3, 4) for j in (0, 1))]
  expected = {f"{layer}.{kind}" for layer in layers for kind in kinds}
  assert state_of(D).keys() == expected


def test_the_discriminator_saw_pictures_before_classes():
  state = state_of(D)
  kernel = state["c1.0.weight"]
  assert kernel.shape == (2, 3 + CLASSES, 3, 3)
  stem = convert_state_dict(state)[1]["params"]["stem"]["kernel"]
  for theirs, ours in ((0, CLASSES), (2, CLASSES + 2), (3, 0), (6, 3)):
    np.testing.assert_array_equal(
      stem[:, :, ours], kernel[:, theirs].transpose(1, 2, 0)
    )


@pytest.mark.skipif(not GOLDENS, reason="GANSYNTH_GOLDENS is not set")
@pytest.mark.parametrize("letter", ["G", "D"])
def test_all_keys_at_full_size(monkeypatch, letter):
  path = pathlib.Path(GOLDENS) / "geoseg/manifest_full.json"
  manifest = json.loads(path.read_text())
  arrays = manifest["nets"][f"{letter}_eNNN.pt"]
  shapes = {key: tuple(array["shape"]) for key, array in arrays.items()}
  found, count = networks.check_shapes(monkeypatch, shapes)
  assert found == {**{"G": G, "D": D}[letter], "features": 64}
  assert count == manifest["n_params"][letter]


@pytest.mark.parametrize("description", [G, D])
def test_a_file_that_lacks_or_exceeds(description):
  state = state_of(description)
  key = next(key for key in state if "2.0.bias" in key)
  del state[key]
  state["extra.weight"] = np.zeros(3)
  last = next(reversed(state))
  with pytest.raises(KeyMismatchError) as error:
    convert_state_dict(state, "x.pt")
  assert (error.value.missing, error.value.extra) == ([key], [last])


def test_files_that_are_damaged():
  state = state_of(G)
  del state["e1.0.weight"]
  with pytest.raises(KeyMismatchError, match=r"x\.pt: .* e1\.0\.weight"):
    convert_state_dict(state, "x.pt")
  state = state_of(D)
  state["c1.0.weight"] = state["c1.0.weight"][:, :3]
  with pytest.raises(CheckpointError, match="takes 3 channels, expected 3 of"):
    convert_state_dict(state)
  with pytest.raises(CheckpointError, match=r"norm cannot be given for .*Geos"):
    convert_state_dict(state_of(G), norm="batch")


@pytest.fixture
def run(tmp_path):
  """A folder as the original's train leaves it."""
  for epoch in (2, 10, 50):
    for letter, description in (("G", G), ("D", D)):
      variables = networks.random_variables(description, CLASSES, epoch)
      state = to_state_dict(description, variables)
      networks.write_pth(tmp_path / f"{letter}_e{epoch:03}.pt", state)
  (tmp_path / "epoch050_0.jpg").touch()
  return tmp_path


def check(loaded, epoch):
  assert loaded.generator == models.create(**G)
  assert loaded.conditioning == Conditioning(CLASSES)
  assert loaded.encoder is None
  expected = networks.random_variables(G, CLASSES, epoch)
  tiny.assert_same(loaded.variables["params"], expected["params"])


def test_a_folder_and_its_epochs(run):
  check(weights.load_label_networks(run), 50)
  check(weights.load_label_networks(run, epoch="2"), 2)
  check(weights.load_label_networks(run, epoch="010"), 10)
  check(weights.load_label_networks(run / "G_e002.pt"), 2)
  found = original_folder.find_networks(run, "10")
  assert found == {"G": run / "G_e010.pt", "D": run / "D_e010.pt"}
  with pytest.raises(CheckpointError, match=r"_e003\.pt .* has 2, 10, 50"):
    weights.load_label_networks(run, epoch="3")


def test_what_lies_beside_a_file(run):
  assert weights.find_networks(run / "G_e010.pt") == {
    "G": run / "G_e010.pt",
    "D": run / "D_e010.pt",
  }
  (run / "D_e010.pt").unlink()
  assert weights.find_networks(run / "G_e010.pt").keys() == {"G"}
  (run / "G_e010.pt").rename(run / "generator.pt")
  check(weights.load_label_networks(run / "generator.pt"), 10)


def test_discriminators_make_no_pictures(run):
  with pytest.raises(ValueError, match=r"D_e010\.pt holds a discriminator"):
    weights.load_label_networks(run / "D_e010.pt")


def test_training_starts_from_them(run):
  conditioning = Conditioning(CLASSES)
  system = LabelToImage(
    generator=models.create(**G),
    discriminator=models.create(**D),
    conditioning=conditioning,
    generator_optimizer=optax.sgd(1e-3),
    discriminator_optimizer=optax.sgd(1e-3),
    recipe="geoseg",
  )
  batch = {
    "label": np.zeros((1, 32, 32), np.uint8),
    "image": np.zeros((1, 32, 32, 3), np.uint8),
  }
  shapes = jax.eval_shape(system.init, jax.random.PRNGKey(0), batch)
  state = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
  warm_start.check(run)
  for place, epoch in ((run, 50), (run / "G_e010.pt", 10)):
    params = warm_start.start_from(state, place).params
    for side, name, description in (
      ("generator", "g", G),
      ("discriminator", "d", D),
    ):
      expected = networks.random_variables(description, CLASSES, epoch)
      tiny.assert_same(params[side][name], expected["params"])
