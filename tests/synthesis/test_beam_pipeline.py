"""Beam's workers make the same files as one process."""

import functools
import itertools
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys

import detection_folders
import pytest

from gansynth import detection
from gansynth.synthesis import detection_run, journal, run_report

pytest.importorskip("apache_beam")
from gansynth.synthesis import beam_pipeline

ROOT = pathlib.Path(__file__).parents[2]
# What DirectRunner comes to after it has tried to download another runner.
RUNNER = "--runner=FnApiRunner"
TWO = (RUNNER, "--direct_num_workers=2")
THREADS = (*TWO, "--direct_running_mode=multi_threading")
PROCESSES = (*TWO, "--direct_running_mode=multi_processing")
SEEN = []  # options, each time a run is created


@pytest.fixture(scope="module")
def values(tmp_path_factory):
  root = tmp_path_factory.mktemp("sources")
  values = detection_folders.write(root)
  values["images"] = 5  # batches of 4 end within a pair and across two
  values["blending"] = {"method": "gaussian_poisson", "batch_size": 4}
  values["output"] |= {"formats": ("yolo", "coco", "voc")}
  return values


@pytest.fixture(scope="module")
def made(values, tmp_path_factory):
  """What one process makes."""
  root = tmp_path_factory.mktemp("made")
  result = detection.generate(options(values), root, workers=0)
  assert (result.made, result.problems, result.missing) == (20, [], 0)
  return root


def options(values):
  return detection.Options.from_dict(values)


def on_beam(values, root, flags=(RUNNER,), create=detection.create_run):
  return beam_pipeline.generate(
    functools.partial(detection_run.create_folder, values),
    functools.partial(create, values),
    root,
    batch_size=values["blending"]["batch_size"],
    beam_options=flags,
  )


def contents(root):
  """All files of a run, its record too, but its journals."""
  return {
    str(path.relative_to(root)): path.read_bytes()
    for path in sorted(root.rglob("*"))
    if path.is_file() and path.parent.name != journal.FOLDER
  }


def times(root):
  return {path: path.stat().st_mtime_ns for path in root.rglob("*.png")}


@pytest.mark.parametrize(
  "flags", [(RUNNER,), THREADS, PROCESSES], ids=["one", "threads", "processes"]
)
def test_any_workers_make_the_bytes_of_one_process(
  values, made, tmp_path, monkeypatch, flags
):
  monkeypatch.setenv("PYTHONPATH", str(ROOT))  # of the worker processes
  result = on_beam(values, tmp_path, flags)
  assert result == run_report.Result(20, 0, [], 0, [])
  assert contents(tmp_path) == contents(made)


def test_it_goes_on_where_a_shard_was(values, made, tmp_path):
  detection.generate(options(values), tmp_path, shard=(1, 3), workers=0)
  before = times(tmp_path)
  result = on_beam(values, tmp_path, THREADS)
  assert (result.made, result.already_there, result.missing) == (13, 7, 0)
  assert before.items() <= times(tmp_path).items()
  assert contents(tmp_path) == contents(made)
  again = on_beam(values, tmp_path, create=fail)  # which nothing calls
  assert (again.made, again.already_there) == (0, 20)


def test_what_was_not_noted_is_noted_and_not_made_again(values, made, tmp_path):
  """As after a worker that was killed, or a bundle that is tried again."""
  on_beam(values, tmp_path, THREADS)
  notes = [
    path
    for path in (tmp_path / journal.FOLDER).iterdir()
    if path.stat().st_size
  ]
  assert len(notes) == 2  # one for each bundle
  notes[0].unlink()
  before = times(tmp_path)
  result = on_beam(values, tmp_path)
  assert (result.made, result.already_there) == (0, 20)
  assert times(tmp_path) == before
  assert contents(tmp_path) == contents(made)


def test_a_program_without_beam_goes_on_where_it_was(values, made, tmp_path):
  detection.generate(
    options({**values, "images": 2}), tmp_path, shard=(0, 2), workers=0
  )
  on_beam({**values, "images": 3}, tmp_path)
  result = detection.generate(options(values), tmp_path, workers=0)
  assert (result.made, result.already_there) == (8, 12)
  assert contents(tmp_path) == contents(made)


def test_a_picture_that_cannot_be_made_does_not_stop_the_others(tmp_path):
  values = detection_folders.write(tmp_path / "sources")
  tile = tmp_path / "sources/tiles/north/t2.png"
  whole = tile.read_bytes()
  tile.write_bytes(whole[:600])
  expected = detection.generate(options(values), tmp_path / "one", workers=0)
  assert len(expected.problems) == 2  # a pair each that has it
  result = on_beam(values, tmp_path / "beam", THREADS)
  assert result == expected
  assert contents(tmp_path / "beam") == contents(tmp_path / "one")
  tile.write_bytes(whole)
  result = on_beam(values, tmp_path / "beam")
  assert (result.made, result.already_there, result.problems) == (2, 14, [])


def test_threads_share_a_run(values, tmp_path):
  SEEN.clear()
  on_beam(values, tmp_path, THREADS, count_and_create)
  assert len(SEEN) == 1


def count_and_create(values, root):
  SEEN.append(values)
  return detection.create_run(values, root)


def fail(values, root):
  raise ValueError(f"no weights for {root.name!r}; name others")


@pytest.mark.parametrize("flags", [(RUNNER,), THREADS])
def test_what_workers_run_into_is_said_in_a_line(values, tmp_path, flags):
  with pytest.raises(
    beam_pipeline.PipelineError, match=r"failed: .*no weights for 'x'; name oth"
  ) as error:
    on_beam(values, tmp_path / "x", flags, fail)
  assert "\n" not in str(error.value)


def test_another_run_is_refused_before_workers_start(values, made, tmp_path):
  with pytest.raises(
    ValueError, match=r"options\.seed 3, now it is 4"
  ) as error:
    on_beam({**values, "seed": 4}, made, create=fail)
  assert not isinstance(error.value, beam_pipeline.PipelineError)
  (tmp_path / "s_north_t_north").mkdir()
  with pytest.raises(ValueError, match="pictures that were not made here"):
    on_beam(values, tmp_path, create=fail)


def test_a_worker_that_sees_another_folder_says_so(
  values, tmp_path, monkeypatch
):
  monkeypatch.setattr(beam_pipeline, "_announce", lambda root: "elsewhere")
  with pytest.raises(
    beam_pipeline.PipelineError, match="is not the folder that the pipeline was"
  ):
    on_beam(values, tmp_path)
  assert not contents(tmp_path)


def test_pictures_are_not_forgotten_where_notes_are_not_seen(
  values, tmp_path, monkeypatch
):
  monkeypatch.setattr(beam_pipeline, "_SEEN_SECONDS", 0)
  monkeypatch.setattr(beam_pipeline._Make, "_note", lambda self: None)
  with pytest.raises(
    beam_pipeline.PipelineError, match=r"20 pictures .* on this machine; give"
  ):
    on_beam(values, tmp_path)


def test_chunks_hold_each_position_once():
  rng = random.Random(3)
  positions = sorted(rng.sample(range(1000), 400))
  chunks = list(beam_pipeline._chunks(positions, 16))
  spread = [[p for each in chunk for p in range(*each)] for chunk in chunks]
  assert [len(chunk) for chunk in spread] == [16] * 25
  assert list(itertools.chain(*spread)) == positions
  assert list(beam_pipeline._chunks(range(100), 64)) == [
    ((0, 64),),
    ((64, 100),),
  ]


@pytest.mark.parametrize(
  ("pictures", "size"), [(1, 8), (2048, 8), (10_000, 32), (10**6, 64)]
)
def test_chunks_grow_with_the_run(pictures, size):
  assert beam_pipeline._chunk_size(pictures, 8) == size


def test_only_making_needs_jax(values, made, tmp_path):
  """Workers that finish a run have no device."""
  root = tmp_path / "made"
  shutil.copytree(made, root)
  manifests = sorted(root.rglob("manifest.jsonl"))
  assert len(manifests) == 4
  for path in manifests:
    path.unlink()
  program = """
import functools, json, sys
from gansynth.synthesis import beam_pipeline, detection_run
values, root = json.loads(sys.argv[1]), sys.argv[2]
create = functools.partial(detection_run.create_folder, values)
beam_pipeline._finish(1, create, root)
assert "jax" not in sys.modules
"""
  chosen = json.dumps(options(values).to_dict())
  environment = {**os.environ, "PYTHONPATH": str(ROOT)}
  subprocess.run(
    [sys.executable, "-c", program, chosen, str(root)],
    env=environment,
    check=True,
  )
  assert contents(root) == contents(made)
