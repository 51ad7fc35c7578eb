"""Flags become options; what is done and what is wrong is said."""

import runpy

import pair_folders
import pytest
import tiny

from gansynth import pairs
from gansynth.synthesis.pair_options import Options

main = runpy.run_path(f"{tiny.ROOT}/tools/generate_pairs.py")["main"]


@pytest.fixture
def given(monkeypatch):
  """Options, output and the rest of what the library was asked for."""
  calls = []

  def note(options, output, **others):
    calls.append((options, output, others))
    return pairs.Result(2, 0, [], 0, [])

  monkeypatch.setattr(pairs, "generate", note)
  monkeypatch.setattr(pairs, "report", lambda result, output: "done")
  return calls


def run(*arguments):
  return main([str(each) for each in arguments])


def test_flags_become_options(given, capsys):
  status = run(
    *("--run", "runs/geoseg", "--output", "pairs", "--pairs", 500),
    *("--segmenter", "runs/segmenter", "--tau", 0.7, "--shard", "1/4"),
    *("--rotation", 180, "--scale", 0.8, 1.25, "--no-flip", "--paste", 0.5),
    *("--paste-labels", 4, 5, "--oversample", 4, 5, "--elastic-alpha", 9),
    *("--size", 64, 96, "--batch-size", 4, "--workers", 0),
  )
  (options, output, others) = given[0]
  assert options == Options.from_dict(
    {
      "pairs": 500,
      "generator": {"weights": "runs/geoseg", "batch_size": 4},
      "filter": {"segmenter": "runs/segmenter", "tau": 0.7},
      "masks": {"oversample": (4, 5), "size": (64, 96)},
      "changes": {
        "rotation": 180.0,
        "scale": (0.8, 1.25),
        "flip": False,
        "paste": 0.5,
        "paste_labels": (4, 5),
        "elastic_alpha": 9.0,
      },
    }
  )
  assert (output, others) == ("pairs", {"shard": (1, 4), "workers": 0})
  assert (status, capsys.readouterr().out) == (0, "done\n")


def test_the_original_s_flags(given):
  run(
    *("--data_root", "data", "--gen_ckpt", "G_e050.pt", "--save_dir", "made"),
    *("--num_samples", 1000, "--segmenter_ckpt", "seg.pt", "--tau", 0.65),
    *("--mode", "original", "--elastic-sigma", 4, "--max-dilate", 3),
  )
  (options, output, _) = given[0]
  assert options == Options.from_dict(
    {
      "mode": "original",
      "pairs": 1000,
      "masks": {"path": "data"},
      "jitter": {"elastic_sigma": 4.0, "max_dilate": 3},
      "generator": {"weights": "G_e050.pt"},
      "filter": {"segmenter": "seg.pt", "tau": 0.65},
      "output": {"naming": "original", "quality": 75},
    }
  )
  assert output == "made"


def test_rare_is_a_word(given):
  run("--run", "runs/geoseg", "--oversample", "rare")
  assert given[0][0].masks.oversample == "rare"
  assert given[0][1] == "synthetic"


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    (("--tau", 2), "error: filter.tau is 2.0; a mean IoU is 0..1"),
    (("--oversample", 4, "few"), "error: --oversample is 4 few; expected"),
    (("--shard", "1"), "error: --shard is '1'; expected i/n"),
    (("--mode", "original", "--paste", 1), "error: mode original has no"),
  ],
)
def test_wrong_values_are_one_line(given, capsys, flags, message):
  assert run("--run", "runs/geoseg", *flags) == 1
  assert capsys.readouterr().err.startswith(message)
  assert not given


def test_problems_are_an_exit_status(given, monkeypatch):
  failed = pairs.Result(1, 0, ["pair_00001: broken"], 0, [])
  monkeypatch.setattr(pairs, "generate", lambda *_, **__: failed)
  assert run("--run", "runs/geoseg") == 1


def test_a_missing_run_is_told(tmp_path, capsys):
  pair_folders.write(tmp_path / "masks")
  status = run("--run", tmp_path / "no", "--masks", tmp_path / "masks")
  assert status == 1
  assert "does not exist" in capsys.readouterr().err


def test_pairs_are_made_again(given, monkeypatch, capsys):
  calls = []

  def remake(*arguments):
    calls.append(arguments)
    return [0.25, None]

  monkeypatch.setattr(pairs, "remake", remake)
  status = run("--output", "pairs", "--remake", "a", "b", "--into", "look")
  assert (status, calls) == (0, [("pairs", ["a", "b"], "look")])
  assert capsys.readouterr().out == "a: mean IoU 0.250\nb\n"
  with pytest.raises(SystemExit):
    run("--output", "pairs", "--remake", "a")
  with pytest.raises(SystemExit):
    run("--output", "pairs", "--remake", "a", "--into", "b", "--tau", 0.5)
