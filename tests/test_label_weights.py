"""Networks of label maps, from wherever they are kept."""

import dataclasses

import label_networks_standin as standin
import numpy as np
import pytest
import tiny
import tiny_labels

from gansynth import (
  checkpoints,
  config_defaults,
  convert,
  models,
  systems,
  weights,
)
from gansynth import config as config_lib
from gansynth.models.semantics import Conditioning

CONDITIONING = Conditioning(3, edges=True, features="instance")
GENERATOR = {
  "name": "pix2pixhd_global",
  "output_channels": 3,
  "features": 2,
  "num_downsampling": 1,
  "num_blocks": 1,
  "kernel_size": 3,
  "initial_kernel_size": 7,
  "norm": "instance",
  "use_bias": True,
}
ENCODER = {
  **GENERATOR,
  "name": "instance_encoder",
  "num_blocks": 0,
}
del ENCODER["kernel_size"]
OPTIONS = """
label_nc: 3
no_instance: False
instance_feat: True
feat_num: 3
n_downsample_global: 1
norm: instance
"""


def networks():
  """Descriptions and variables, by the originals' names."""
  channels = {"G": CONDITIONING.channels, "E": 3}
  descriptions = {"G": GENERATOR, "E": ENCODER}
  return {
    name: (
      description,
      standin.variables(
        models.create(**description), (1, 16, 16, channels[name])
      ),
    )
    for name, description in descriptions.items()
  }


def check(loaded, encoder=True):
  expected = networks()
  assert loaded.generator == models.create(**GENERATOR)
  assert loaded.conditioning == CONDITIONING
  tiny.assert_same(loaded.variables["params"], expected["G"][1]["params"])
  assert (loaded.encoder is not None) == encoder
  if encoder:
    assert loaded.encoder == models.create(**ENCODER)
    tiny.assert_same(
      loaded.encoder_variables["params"], expected["E"][1]["params"]
    )


def test_converted_folders(tmp_path):
  for name, (description, variables) in networks().items():
    record = {"network": description}
    if name == "G":
      record["conditioning"] = dataclasses.asdict(CONDITIONING)
    checkpoints.save_network(tmp_path / "net" / name, variables, record)
  check(weights.load_label_networks(tmp_path / "net"))
  check(weights.load_label_networks(tmp_path / "net/G"))
  (tmp_path / "net/G").rename(tmp_path / "alone")
  check(weights.load_label_networks(tmp_path / "alone"), encoder=False)


def test_conditioning_that_was_not_recorded_can_be_told(tmp_path):
  description, variables = networks()["G"]
  place = tmp_path / "net"
  checkpoints.save_network(place, variables, {"network": description})
  with pytest.raises(ValueError, match="not known how many labels"):
    weights.load_label_networks(place)
  told = {"num_labels": 3, "instances": True, "features": "instance"}
  check(weights.load_label_networks(place, original=told), encoder=False)
  with pytest.raises(ValueError, match="is shown 7 channels"):
    weights.load_label_networks(place, original={**told, "num_labels": 5})


@pytest.fixture
def original(tmp_path):
  torch = pytest.importorskip("torch")
  for tag in ("latest", "20"):
    for name, (description, variables) in networks().items():
      state = {
        key: torch.tensor(np.asarray(array))
        for key, array in convert.to_state_dict(description, variables).items()
      }
      torch.save(state, tmp_path / f"{tag}_net_{name}.pth")
  (tmp_path / "opt.txt").write_text(OPTIONS)
  return tmp_path


def test_an_originals_folder_and_file(original):
  check(weights.load_label_networks(original))
  check(weights.load_label_networks(original, epoch="20"))
  check(weights.load_label_networks(original / "20_net_G.pth"))
  (original / "20_net_E.pth").unlink()
  check(weights.load_label_networks(original / "20_net_G.pth"), encoder=False)
  (original / "20_net_G.pth").rename(original / "20_net_D.pth")
  with pytest.raises(ValueError, match=r"holds D of epoch 20, and no gen"):
    weights.load_label_networks(original, epoch="20")


def run(workdir, **changes):
  config = tiny.changed(
    config_defaults.label_to_image(),
    **{
      "recipe": "pix2pixhd",
      "generator": {k: v for k, v in GENERATOR.items() if v is not None},
      "encoder": {**ENCODER, "pool": "instance"},
      "discriminator": {
        "name": "multiscale",
        "features": 2,
        "num_layers": 2,
        "norm": "instance",
      },
      "loss__gan_mode": "lsgan",
      "loss__lambda_perceptual": 0.0,
      "data__num_labels": 3,
      **changes,
    },
  )
  config_lib.record(config, workdir)
  system = systems.create(config, 1)
  batch = tiny_labels.batch()
  states = [tiny.random_state(system, batch, seed=i) for i in range(3)]
  with checkpoints.Checkpointer(workdir / checkpoints.FOLDER) as checkpointer:
    for step in (1, 2):
      checkpointer.save(step, states[step], {})
  return states


def test_a_run(tmp_path):
  states = run(tmp_path)
  for step in (1, 2):
    loaded = weights.load_label_networks(tmp_path, step)
    params = states[step].params["generator"]
    assert loaded.conditioning == CONDITIONING
    assert loaded.encoder.features == 2
    tiny.assert_same(loaded.variables["params"], params["g"])
    tiny.assert_same(loaded.encoder_variables["params"], params["e"])
  latest = weights.load_label_networks(tmp_path)
  tiny.assert_same(
    latest.variables["params"], states[2].params["generator"]["g"]
  )


def test_other_runs_and_places(tmp_path):
  config_lib.record(tiny.config(), tmp_path)
  with pytest.raises(ValueError, match="makes pictures of AtoB and BtoA, not"):
    weights.load_label_networks(tmp_path)
  with pytest.raises(ValueError, match="none does not exist; give a file"):
    weights.load_label_networks(tmp_path / "none")
