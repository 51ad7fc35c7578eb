"""Checkpoints measured by two real processes, and by one.

Nine pictures of one side and seven of the other do not come out even over two
hosts of two devices each, and their sizes differ.
"""

import json
import shutil

import process_pair
import pytest
import tiny

from gansynth import checkpoints, systems
from gansynth import config as config_lib
from gansynth.reports import evaluation_record

MEASURES = {
  "evaluate__metrics": "fid,kid,precision,recall,density,coverage",
  "evaluate__random_features": True,
  "evaluate__dims": 64,
  "evaluate__steps": "all",
  "evaluate__pictures": 2,
}
STEPS = (3, 7)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
  root = tmp_path_factory.mktemp("pictures")
  counts = {"trainA": 2, "trainB": 2, "testA": 9, "testB": 7}
  for seed, (name, count) in enumerate(counts.items()):
    sizes = {f"{i}.png": (20 + 4 * (i % 3), 24) for i in range(count)}
    tiny.write_pictures(root / name, sizes, seed)
  return root


@pytest.fixture
def logs(tmp_path):
  return [tmp_path / f"{number}.log" for number in range(2)]


def write_run(workdir, pictures):
  """A run of the networks of `tiny.command`, with two checkpoints."""
  config = tiny.config(
    data__root=str(pictures),
    generator__use_dropout=False,
    discriminator__init_gain=0.02,
  )
  config_lib.record(config, workdir)
  system = systems.create(config, 1)
  with checkpoints.Checkpointer(workdir / checkpoints.FOLDER) as checkpointer:
    for step in STEPS:
      state = tiny.random_state(system, tiny.batch(), seed=step, step=step)
      checkpointer.save(step, state, {})
  return workdir


def start(workdir, pictures, logs, **changes):
  return process_pair.start(
    workdir, pictures, logs, "--mode=evaluate", **{**MEASURES, **changes}
  )


def read(workdir):
  return evaluation_record.read(workdir / evaluation_record.FOLDER)


@pytest.mark.slow
def test_two_processes_measure_what_one_does(tmp_path, pictures, logs):
  pair, single = (write_run(tmp_path / n, pictures) for n in ("pair", "single"))
  texts = process_pair.wait(start(pair, pictures, logs), logs)
  tiny.finish(
    tiny.command(
      single,
      pictures,
      "--mode=evaluate",
      **{**process_pair.CHANGES, **MEASURES},
    ),
    tmp_path / "single.log",
    devices=4,
    optimize=False,
  )
  assert "these numbers are in" in texts[0]
  assert "these numbers are in" not in texts[1]  # said once
  found, expected = read(pair), read(single)
  assert [each.step for each in found] == list(STEPS)
  for one, other in zip(found, expected, strict=True):
    assert one.step == other.step
    assert one.scores == pytest.approx(other.scores, rel=1e-5)
    assert one.per_picture.keys() == other.per_picture.keys()
    for metric, scores in other.per_picture.items():
      assert one.per_picture[metric] == pytest.approx(scores, rel=1e-4), metric
    assert one.notes == other.notes
    assert [x.name for x in one.shown] == [x.name for x in other.shown]
    assert one.about["weights"] == other.about["weights"]
  first, last = (each.scores for each in found)
  assert first["random_features_fid_AtoB"] != last["random_features_fid_AtoB"]
  recorded = json.loads((pair / "evaluation.json").read_text())
  assert recorded == pytest.approx({"step": STEPS[-1], **last})
  # What is known is not measured again, on any host.
  before = {path: path.stat().st_mtime_ns for path in pair.rglob("step_*.json")}
  texts = process_pair.wait(start(pair, pictures, logs), logs)
  for text in texts:
    assert text.count("was measured in the same way before") == len(STEPS)
  after = {path: path.stat().st_mtime_ns for path in pair.rglob("step_*.json")}
  assert after == before


@pytest.mark.slow
def test_what_one_host_cannot_read_ends_both(tmp_path, pictures, logs):
  # Hosts take turns: the second picture is read by the second host alone.
  root = tmp_path / "pictures"
  shutil.copytree(pictures, root)
  (root / "testA" / "1.png").write_bytes(b"no picture")
  workdir = write_run(tmp_path / "run", root)
  processes = start(workdir, root, logs, evaluate__metrics="fid")
  texts = process_pair.wait(processes, logs, expected=1)
  assert "testA/1.png: is not a picture" in texts[1]
  assert "error: " in texts[0]
  assert "Traceback" not in texts[0] + texts[1]
  assert not read(workdir)


def test_missing_weights_end_both_before_any_work(tmp_path, pictures, logs):
  workdir = write_run(tmp_path / "run", pictures)
  networks = tmp_path / "networks"
  changes = {
    "evaluate__random_features": False,
    "evaluate__networks": str(networks),
  }
  processes = start(workdir, pictures, logs, **changes)
  for text in process_pair.wait(processes, logs, expected=1):
    assert f"--output {networks / 'fid_inception'}" in text
    assert "Traceback" not in text
    assert "evaluating the checkpoint" not in text
