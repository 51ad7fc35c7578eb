"""The command line of the converter, on files of the original program."""

import importlib.util
import pathlib
import shutil

import jax
import label_networks as networks
import numpy as np
import pytest

from gansynth import Translator, checkpoints, convert, models, weights
from gansynth.models import semantics

ROOT = pathlib.Path(__file__).parents[2]
GOLDENS = ROOT / "tests/parity/goldens/cyclegan"
GPGAN = ROOT / "tests/parity/goldens/gpgan/trainer_snapshot"
RUN = GOLDENS / "trainer_run/checkpoints/tiny_cyclegan"


def load_tool(name):
  spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


convert_checkpoint = load_tool("convert_checkpoint").main


def test_one_file(tmp_path, capsys):
  case = GOLDENS / "ckpt_2017_zeropad"
  source, output = case / "checkpoint.pth", tmp_path / "deep/network"
  assert convert_checkpoint([str(source), "--output", str(output)]) == 0
  printed = capsys.readouterr().out
  assert "num_blocks 6" in printed
  assert "norm instance" in printed
  assert f"wrote {output}" in printed
  description, variables = checkpoints.load_network(output)
  count = sum(x.size for x in jax.tree.leaves(variables["params"]))
  assert f"{count:,} parameters" in printed
  with np.load(case / "inputs.npz") as inputs:
    x = np.moveaxis(inputs["x"], 1, -1)
  with np.load(case / "outputs.npz") as outputs:
    expected = np.moveaxis(outputs["y"], 1, -1)
  network = models.create(**description["network"])
  np.testing.assert_allclose(
    network.apply(variables, x), expected, rtol=0, atol=2e-5
  )
  assert list(output.parent.iterdir()) == [output]


def test_a_folder_of_the_original(tmp_path, capsys):
  output = tmp_path / "networks"
  assert convert_checkpoint([str(RUN), "--output", str(output)]) == 0
  assert sorted(path.name for path in output.iterdir()) == ["G_A", "G_B"]
  for name in ("G_A", "G_B"):
    description, variables = checkpoints.load_network(output / name)
    expected = convert.from_original(RUN / f"latest_net_{name}.pth")
    assert description["network"] == expected[0]
    assert description["source"] == f"latest_net_{name}.pth"
    jax.tree.map(np.testing.assert_array_equal, variables, expected[1])
  assert capsys.readouterr().err == ""
  # What was written is what a notebook loads.
  translate = Translator.load(output / "G_A")
  picture = np.zeros((20, 24, 3), np.uint8)
  assert translate(picture).shape == picture.shape


def test_other_epochs_are_named(tmp_path, capsys):
  arguments = [str(RUN), "--output", str(tmp_path / "x"), "--epoch", "7"]
  assert convert_checkpoint(arguments) == 1
  assert "7_net_<network>.pth; the folder has latest" in capsys.readouterr().err


def test_existing_output_is_kept(tmp_path, capsys):
  output = tmp_path / "network"
  first, second = (str(RUN / f"latest_net_G_{side}.pth") for side in "AB")
  assert convert_checkpoint([first, "--output", str(output)]) == 0
  assert convert_checkpoint([second, "--output", str(output)]) == 1
  assert "exists already" in capsys.readouterr().err
  description, _ = checkpoints.load_network(output)
  assert description["source"] == "latest_net_G_A.pth"
  arguments = [second, "--output", str(output), "--overwrite"]
  assert convert_checkpoint(arguments) == 0
  description, _ = checkpoints.load_network(output)
  assert description["source"] == "latest_net_G_B.pth"


@pytest.mark.parametrize("bad", ["truncated", "missing", "twice"])
def test_nothing_is_written_if_one_file_is_bad(tmp_path, capsys, bad):
  good = tmp_path / "latest_net_G_A.pth"
  shutil.copyfile(RUN / good.name, good)
  other = tmp_path / "latest_net_G_B.pth"
  if bad == "truncated":
    other.write_bytes(good.read_bytes()[:-2000])
  elif bad == "twice":
    other = RUN / good.name
  output = tmp_path / "output"
  arguments = [str(good), str(other), "--output", str(output)]
  assert convert_checkpoint(arguments) == 1
  assert str(other) in capsys.readouterr().err
  assert not output.exists()


def test_options_reach_the_converter(tmp_path, capsys):
  source = GOLDENS / "ckpt_2019_discriminators/checkpoint_pixel_instance.pth"
  output = tmp_path / "network"
  arguments = [str(source), "--output", str(output)]
  assert convert_checkpoint(arguments) == 0
  assert "give --norm for files of January" in capsys.readouterr().out
  arguments += ["--norm", "instance", "--overwrite"]
  assert convert_checkpoint(arguments) == 0
  assert "norm instance, use_bias False" in capsys.readouterr().out


def test_a_file_of_gpgan(tmp_path, capsys):
  output = tmp_path / "network"
  source = GPGAN / "g_epoch_1.npz"
  assert convert_checkpoint([str(source), "--output", str(output)]) == 0
  printed = capsys.readouterr().out
  assert "name encoder_decoder, image_size 32" in printed
  assert f"wrote {output}" in printed
  description, variables = checkpoints.load_network(output)
  expected = convert.from_original(source)
  assert description["network"] == expected[0]
  jax.tree.map(np.testing.assert_array_equal, variables, expected[1])


@pytest.mark.parametrize("source", ["", "snapshot_epoch_1.npz"])
def test_both_networks_of_gpgan(tmp_path, source):
  """Of a folder that the original trained in, or of its snapshot."""
  output = tmp_path / "networks"
  arguments = [str(GPGAN / source), "--output", str(output)]
  arguments += ["--key", "all"] if source else []
  assert convert_checkpoint(arguments) == 0
  found = sorted(path.name for path in output.iterdir())
  assert found == ["critic", "generator"]
  for name in found:
    description, variables = checkpoints.load_network(output / name)
    letter = {"generator": "g", "critic": "d"}[name]
    expected = convert.from_original(GPGAN / f"{letter}_epoch_1.npz")
    assert description["network"] == expected[0]
    jax.tree.map(np.testing.assert_array_equal, variables, expected[1])


def test_one_network_of_a_snapshot(tmp_path, capsys):
  output = tmp_path / "network"
  source = str(GPGAN / "snapshot_epoch_1.npz")
  assert convert_checkpoint([source, "--output", str(output)]) == 1
  assert "--key generator" in capsys.readouterr().err
  arguments = [source, "--output", str(output), "--key", "critic"]
  assert convert_checkpoint(arguments) == 0
  description, _ = checkpoints.load_network(output)
  assert description["network"]["name"] == "dcgan_critic"


def test_all_networks_of_what_is_one(tmp_path, capsys):
  output = tmp_path / "network"
  for source in (GPGAN / "g_epoch_1.npz", RUN / "latest_net_G_A.pth"):
    arguments = [str(source), "--output", str(output), "--key", "all"]
    assert convert_checkpoint(arguments) == 1
    assert f"{source}: no snapshot of several" in capsys.readouterr().err
  assert not output.exists()


def test_epochs_of_gpgan(tmp_path, capsys):
  run, output = tmp_path / "run", tmp_path / "output"
  run.mkdir()
  for epoch in (2, 10):
    shutil.copyfile(GPGAN / "d_epoch_1.npz", run / f"d_epoch_{epoch}.npz")
  assert convert_checkpoint([str(run), "--output", str(output)]) == 0
  assert "d_epoch_10.npz: " in capsys.readouterr().out  # the last, as a number
  arguments = [str(run), "--output", str(output), "--epoch", "3"]
  assert convert_checkpoint(arguments) == 1
  assert "the folder has 10, 2" in capsys.readouterr().err


SPADE_OPTIONS = """\
                crop_size: 64
             aspect_ratio: 2.0                  \t[default: 1.0]
   contain_dontcare_label: False
                 label_nc: 5
              no_instance: False
                   norm_D: spectralinstance
                   norm_E: spectralinstance
                   norm_G: spectralspadesyncbatch1x1
    num_upsampling_layers: normal
"""


def write_spade(folder):
  """An experiment of SPADE with styles, without its options."""
  style = networks.spade(use_vae=True, latent_size=5, height=32, width=64)
  written = {
    "G": style,
    "D": networks.spade_discriminator(),
    "E": networks.style_encoder(),
  }
  folder.mkdir()
  for letter, description in written.items():
    state = networks.state_of(description)
    networks.write_pth(folder / f"latest_net_{letter}.pth", state)
  return written


def test_a_folder_of_spade(tmp_path, capsys):
  source, output = tmp_path / "tiny", tmp_path / "networks"
  written = write_spade(source)
  (source / "opt.txt").write_text(SPADE_OPTIONS)
  assert convert_checkpoint([str(source), "--output", str(output)]) == 0
  assert "upsampling normal" in capsys.readouterr().out
  shown = {
    "num_labels": 5,
    "dont_care": False,
    "edges": True,
    "features": "none",
    "num_features": 3,
  }
  for letter, expected in written.items():
    record, variables = checkpoints.load_network(output / letter)
    assert record["network"] == expected
    assert record.get("conditioning") == (None if letter == "E" else shown)
    jax.tree.map(
      np.testing.assert_array_equal,
      variables,
      networks.random_variables(expected),
    )


def test_a_folder_of_spade_without_options(tmp_path, capsys):
  source, output = tmp_path / "tiny", tmp_path / "networks"
  write_spade(source)
  arguments = [str(source), "--output", str(output)]
  assert convert_checkpoint([*arguments, "--aspect-ratio", "2"]) == 1
  assert "give --num-labels, or --dataset-mode" in capsys.readouterr().err
  arguments += ["--num-labels", "5", "--aspect-ratio", "2"]
  assert convert_checkpoint(arguments) == 1
  assert "--dont-care, --instances" in capsys.readouterr().err
  assert not output.exists()
  assert convert_checkpoint([*arguments, "--no-dont-care"]) == 0
  record, _ = checkpoints.load_network(output / "G")
  assert record["conditioning"]["edges"] is True
  assert record["network"]["width"] == 64


@pytest.mark.parametrize("mode", ["ade20k", "cityscapes"])
def test_published_generators_of_spade(tmp_path, mode):
  """Names of data sets say what published files do not."""
  source, output = tmp_path / "latest_net_G.pth", tmp_path / "network"
  channels = {"ade20k": 151, "cityscapes": 36}[mode]
  description = networks.spade(features=1)
  networks.write_pth(source, networks.state_of(description, channels))
  arguments = [str(source), "--output", str(output), "--dataset-mode", mode]
  assert convert_checkpoint(arguments) == 0
  record, _ = checkpoints.load_network(output)
  size = record["network"]["height"], record["network"]["width"]
  assert size == {"ade20k": (256, 256), "cityscapes": (256, 512)}[mode]
  found = semantics.Conditioning(**record["conditioning"])
  assert found.channels == channels
  assert (found.dont_care, found.edges) == {
    "ade20k": (True, False),
    "cityscapes": (False, True),
  }[mode]


ASAPNETS_OPTIONS = """\
             aspect_ratio: 2.0
                      c2f: False
                  c2f_sem: False
              c2f_sem_rec: True
   contain_dontcare_label: False
                crop_size: 128
                  hr_coor: cosine
                 hr_depth: 5
                 hr_width: 7
                 label_nc: 35
              lr_instance: True
              no_instance: False
         no_instance_edge: False
                   norm_D: spectralinstance
                   norm_G: instanceaffine
"""


def write_semdisc(folder):
  """An experiment of SemDisc with ASAP-Nets, without its options."""
  generator = networks.asapnets(unseen_channels=1)
  judge = networks.spade_discriminator(
    conditional=False,
    adversarial_channels=36,
    num_classes=19,
    reconstruction_channels=3,
  )
  folder.mkdir()
  for letter, description, channels in (("G", generator, 36), ("D", judge, 0)):
    state = networks.state_of(description, channels)
    networks.write_pth(folder / f"latest_net_{letter}.pth", state)
  return {"G": generator, "D": judge}


@pytest.mark.parametrize("has_options", [True, False])
def test_a_folder_of_semdisc(tmp_path, has_options, capsys):
  source, output = tmp_path / "tiny", tmp_path / "networks"
  written = write_semdisc(source)
  arguments = [str(source), "--output", str(output)]
  if has_options:
    (source / "opt.txt").write_text(ASAPNETS_OPTIONS)
  else:
    arguments += ["--dataset-mode", "cityscapes", "--crop-size", "128"]
    assert convert_checkpoint([*arguments, "--pixel-layers", "3"]) == 1
    assert "make no sizes (given: cells of side" in capsys.readouterr().err
    arguments += ["--pixel-features", "7", "--pixel-layers", "5"]
    arguments += ["--discriminator-mode", "c2f_sem_rec", "--num-classes", "19"]
  assert convert_checkpoint(arguments) == 0
  for letter, expected in written.items():
    record, _ = checkpoints.load_network(output / letter)
    assert record["network"] == expected
    assert ("conditioning" in record) == (letter == "G")
  loaded = weights.load_label_networks(output)
  assert loaded.generator == models.create(**written["G"])
  assert loaded.conditioning == semantics.Conditioning(35, edges=True)
  if has_options:
    assert weights.load_label_networks(source).generator == loaded.generator


def test_options_of_label_maps_are_for_these_programs(tmp_path, capsys):
  source = RUN / "latest_net_G_A.pth"
  arguments = [str(source), "--output", str(tmp_path / "x")]
  assert convert_checkpoint([*arguments, "--crop-size", "256"]) == 1
  error = capsys.readouterr().err
  assert "crop_size cannot be given for a network of CycleGAN" in error


def test_files_and_folders_of_geoseg(tmp_path, capsys):
  source, output = tmp_path / "label2img", tmp_path / "networks"
  source.mkdir()
  written = {
    "G": networks.geoseg_generator(),
    "D": networks.geoseg_discriminator(),
  }
  for epoch in (9, 50):
    for letter, description in written.items():
      state = networks.state_of(description)
      networks.write_pth(source / f"{letter}_e{epoch:03}.pt", state)
  arguments = [str(source / "G_e009.pt"), "--output", str(output / "land")]
  assert convert_checkpoint(arguments) == 0
  assert "name geoseg_unet, output_channels 3" in capsys.readouterr().out
  loaded = weights.load_label_networks(output / "land")
  assert loaded.generator == models.create(**written["G"])
  assert loaded.conditioning == semantics.Conditioning(networks.CHANNELS)
  arguments = [str(source), "--output", str(output / "both")]
  assert convert_checkpoint(arguments) == 0
  assert "G_e050.pt" in capsys.readouterr().out
  for letter, description in written.items():
    record, _ = checkpoints.load_network(output / "both" / letter)
    assert record["network"] == description
  assert convert_checkpoint([*arguments, "--num-labels", "6"]) == 1
