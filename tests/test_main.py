"""Flags: what is wrong with them is said in one line."""

import json
import subprocess
import sys

import pytest
import tiny

CONFIG = str(tiny.ROOT / "configs/cyclegan.py")


def run(*arguments, cwd=tiny.ROOT):
  return subprocess.run(
    [sys.executable, "-m", "gansynth.main", *arguments],
    cwd=cwd,
    capture_output=True,
    text=True,
    timeout=240,
  )


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ([f"--config={CONFIG}:hores2zebra"], "known variants are default, folders"),
    ([f"--config={CONFIG}", "--config.bach_size=4"], "batch_size"),
    (
      [f"--config={CONFIG}", "--config.generator.size=4"],
      "no generator.size; known keys are",
    ),
    ([f"--config={CONFIG}", "--config.batch_size=many"], "batch_size"),
    (["--config=configs/nothing.py"], "nothing.py"),
    ([f"--config={CONFIG}", "--mode=tarin"], "train|evaluate|synthesize"),
    ([f"--config={CONFIG}", "--wrokdir=x"], "wrokdir"),
    ([], "config"),
    (
      [f"--config={CONFIG}", "--num_processes=2"],
      "--coordinator, --num_processes and --process_id go together",
    ),
  ],
)
def test_wrong_flags_are_one_line(arguments, message):
  result = run(*arguments)
  assert result.returncode == 1
  assert "Traceback" not in result.stderr + result.stdout
  assert message in result.stderr
  errors = [line for line in result.stderr.splitlines() if "rror" in line]
  assert len(errors) == 1


def test_arguments_that_are_no_flags_are_refused():
  result = run(f"--config={CONFIG}", "train")
  assert result.returncode == 1
  assert "unexpected arguments: train" in result.stdout + result.stderr
  assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["--mode=evaluate"], "holds no run"),
    (["--mode=synthesize"], "--config.synthesize.input=FOLDER"),
    (["--config.batch_size=6"], "batch_size 6 cannot be divided among 4"),
    (["--config.data.root=/nowhere"], "'/nowhere/trainA' does not exist"),
    (["--config.data.root="], "needs root, or folder_a"),
    (
      ["--config.system=cyclegn", "--config.data.source=procedural_street"],
      "unknown system 'cyclegn'",
    ),
    (
      ["--config.best_metric=fid", "--config.data.source=procedural_street"],
      "best_metric 'fid' is not measured",
    ),
  ],
)
def test_wrong_values_are_one_line(tmp_path, arguments, message):
  result = run(
    f"--config={CONFIG}:folders",
    f"--workdir={tmp_path / 'run'}",
    "--config.batch_size=4",
    *arguments,
  )
  assert result.returncode == 1
  assert "Traceback" not in result.stderr
  (line,) = [x for x in result.stderr.splitlines() if x.startswith("error: ")]
  assert message in line
  assert not (tmp_path / "run").exists()


def test_the_work_directory_is_named_after_config_and_variant(tmp_path):
  result = run(f"--config={CONFIG}:maps", "--mode=evaluate", cwd=tiny.ROOT)
  assert "runs/cyclegan_maps holds no run" in result.stderr


def test_help_is_quick_and_lists_flags():
  result = run(f"--config={CONFIG}", "--helpfull")
  assert "--workdir" in result.stdout
  assert "Where the run lives" in result.stdout


@pytest.mark.slow
def test_default_end_to_end(tmp_path):
  """The two commands of the README, twenty steps of them."""
  workdir = tmp_path / "run"
  common = [f"--config={CONFIG}", f"--workdir={workdir}"]
  small = ["--config.batch_size=4", "--config.evaluate.max_items=4"]
  result = run(
    *common, *small, "--config.max_steps=20", "--config.data.num_train=16"
  )
  assert result.returncode == 0, result.stderr
  assert "left" in result.stderr  # progress with time left
  closing = result.stdout.strip().splitlines()[-1]
  for place in ("samples", "metrics.jsonl", "checkpoints", str(workdir)):
    assert place in closing
  names = {path.name for path in workdir.iterdir()}
  assert {"checkpoints", "samples", "metrics.jsonl", "config.json"} < names
  assert [name for name in names if "tfevents" in name]
  assert [p.name for p in (workdir / "checkpoints").iterdir()] == ["20"]
  lines = tiny.metrics(workdir)
  assert all(line["step"] == 20 for line in lines)
  assert {"error_AtoB", "untouched_AtoB", "cycle_A"} <= {
    name for line in lines for name in line
  }
  from gansynth import images

  (sheet,) = (workdir / "samples").iterdir()
  height, width, _ = images.read(sheet).shape
  # Four rows of six pictures of 64 x 128: input, translation, reconstruction.
  assert 4 * 64 < height < 4 * 64 + 100
  assert 6 * 128 < width < 6 * 128 + 100

  result = run(*common, *small, "--mode=evaluate")
  assert result.returncode == 0, result.stderr
  assert "AtoB: mean error against the true picture" in result.stdout
  recorded = json.loads((workdir / "evaluation.json").read_text())
  assert recorded["step"] == 20

  tiny.write_pictures(tmp_path / "in", {"x/a.png": (30, 50)})
  result = run(
    *common,
    *small,
    "--mode=synthesize",
    f"--config.synthesize.input={tmp_path / 'in'}",
    f"--config.synthesize.output={tmp_path / 'out'}",
  )
  assert result.returncode == 0, result.stderr
  assert images.read(tmp_path / "out/x/a.png").shape == (30, 50, 3)
