"""A run that is measured while it is trained."""

import pytest
import tiny

from gansynth import checkpoints, evaluate, train, weights
from gansynth.reports import evaluation_record

STEPS = 3


def config(root, **changes):
  """A CycleGAN on pairs, with the steps of test_train, compiled once."""
  return tiny.config(
    **{
      "data__source": "aligned",
      "data__root": str(root),
      "batch_size": 4,
      "max_steps": STEPS,
      "log_every": 1,
      "sample_every": 100,
      "checkpoint_every": 1,
      "keep_last": 2,
      "best_metric": "psnr_AtoB",
      "best_mode": "max",
      "evaluate__metrics": "psnr,ssim",
      "evaluate__batch_size": 2,
      "evaluate__pictures": 1,
      **changes,
    },
  )


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
  root = tmp_path_factory.mktemp("pairs")
  for seed, (split, count) in enumerate({"train": 7, "test": 3}.items()):
    sizes = {f"{split}/{i}.png": (20, 48) for i in range(count)}
    tiny.write_pictures(root, sizes, seed)
  return root


@pytest.fixture(scope="module")
def run(tmp_path_factory, pairs):
  workdir = tmp_path_factory.mktemp("run")
  train.train(config(pairs), workdir)
  return workdir


def test_every_checkpoint_is_measured_and_the_best_is_kept(run):
  lines = [line for line in tiny.metrics(run) if "psnr_AtoB" in line]
  assert [line["step"] for line in lines] == [1, 2, 3]
  best = max(lines, key=lambda line: line["psnr_AtoB"])["step"]
  kept = {int(path.name) for path in (run / checkpoints.FOLDER).iterdir()}
  assert kept == {best, STEPS - 1, STEPS}
  assert weights.load_state(run)[0] == best
  records = evaluation_record.read(run / "evaluations")
  assert [each.step for each in records] == [1, 2, 3]
  for each, line in zip(records, lines, strict=True):
    assert each.scores["ssim_AtoB"] == line["ssim_AtoB"]
    names = {f"AtoB/{index}.png" for index in range(3)}
    assert set(each.per_picture["psnr_AtoB"]) == names
    assert list(each.shown[0].pictures) == ["input", "generated", "real"]
  assert "PSNR" in (run / "report.html").read_text()


def test_what_training_measured_is_not_measured_again(run, pairs, capsys):
  again = evaluate.evaluate(config(pairs, evaluate__steps="all"), run)
  records = evaluation_record.read(run / "evaluations")
  assert again == records[-1].scores
  out = capsys.readouterr().out
  assert "PSNR, A to B: " in out
  assert f"at step {STEPS}, the best" in out


def test_missing_weights_are_told_before_anything_is_done(tmp_path, pairs):
  changed = config(
    pairs, evaluate__metrics="fid", evaluate__networks=str(tmp_path / "none")
  )
  with pytest.raises(ValueError, match=r"tools/convert_checkpoint\.py pt_inc"):
    train.train(changed, tmp_path / "run")
  with pytest.raises(ValueError, match=r"best_mode is min.*best_mode=max"):
    train.train(config(pairs, best_mode="min"), tmp_path / "run")
  assert not (tmp_path / "run").exists()
