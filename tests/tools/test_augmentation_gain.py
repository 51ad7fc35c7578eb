"""The command line of tools/augmentation_gain.py."""

import importlib.util
import pathlib

import pytest

from gansynth import augmentation_gain
from gansynth.synthesis.mask_changes import Changes

_PATH = pathlib.Path(__file__).parents[2] / "tools" / "augmentation_gain.py"


@pytest.fixture
def main():
  spec = importlib.util.spec_from_file_location("augmentation_gain_tool", _PATH)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.main


@pytest.fixture
def measured(monkeypatch):
  """What would be measured."""
  calls = []

  def measure(*arguments):
    calls.append(arguments)
    return "the table"

  monkeypatch.setattr(augmentation_gain, "measure", measure)
  return calls


def test_the_default_is_land_cover(main, measured, capsys):
  assert main(["--output=gain"]) == 0
  ((config, gan_config, options, output, synthetic, made),) = measured
  assert config.system == "segmentation"
  assert gan_config.recipe == "geoseg"
  for each in (config, gan_config):
    assert each.data.source == "procedural_land_cover"
    assert each.data.num_train == 1000
  assert gan_config.ema_decay > 0
  assert options == augmentation_gain.Options()
  assert (output, tuple(synthetic)) == ("gain", ())
  assert made.changes == Changes(vertical_flip=True, right_angles=True)
  assert "the table" in capsys.readouterr().out


def test_real_pairs_and_options_are_handed_on(main, measured):
  arguments = ["--output=gain", "--real=land", "--synthetic", "a", "b"]
  arguments += ["--ratios", "0", "0.4", "--pairs=9", "--no-all-real"]
  arguments += ["--palette=1 2 3 Sea; 4 5 6 Land", "--num-labels=2"]
  arguments += ["--paste=0.5", "--elastic-alpha=9", "--oversample", "1"]
  assert main([*arguments, "--size=128", "--fraction=0.5"]) == 0
  ((config, gan_config, options, _, synthetic, made),) = measured
  assert options == augmentation_gain.Options(
    fraction=0.5, ratios=(0.0, 0.4), num_pairs=9, all_real=False
  )
  assert synthetic == ["a", "b"]
  assert made.changes == Changes(paste=0.5, elastic_alpha=9.0)
  assert made.masks.oversample == (1,)
  for each in (config, gan_config):
    assert each.data.source == "geoseg"
    assert (each.data.root, each.data.num_labels) == ("land", 2)
    assert each.data.palette.startswith("1 2 3")
    assert (each.data.load_size, each.data.crop_size) == (128, 128)


def test_a_config_that_is_named_is_taken_as_it_is(main, measured):
  path = _PATH.parents[1] / "configs" / "geoseg.py"
  assert main(["--output=gain", f"--gan-config={path}"]) == 0
  gan_config = measured[0][1]
  assert (gan_config.ema_decay, gan_config.data.flip) == (0.0, False)


@pytest.mark.parametrize(
  ("wrong", "message"),
  [
    (["--ratios", "0.5"], "0 among them"),
    (["--segmenter-config=no.py"], "no.py: there is no such config"),
    (["--size=128"], "--size is for --real"),
  ],
)
def test_errors_are_one_line(main, measured, capsys, wrong, message):
  assert main(["--output=gain", *wrong]) == 1
  error = capsys.readouterr().err.splitlines()[-1]
  assert error.startswith("error: ")
  assert message in error
  assert not measured
