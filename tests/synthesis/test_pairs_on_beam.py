"""Pairs are the same on Beam, in shards, and after kills."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pair_folders
import pytest

from gansynth import files
from gansynth.synthesis import generation, journal, run_report

pytest.importorskip("apache_beam")
from gansynth.synthesis import beam_pipeline

ROOT = pathlib.Path(__file__).parents[2]
THREADS = (
  "--runner=FnApiRunner",
  "--direct_num_workers=2",
  "--direct_running_mode=multi_threading",
)
READER = pair_folders.Reader(wrong=(3,))
FILTER = {"segmenter": "reader", "tau": 0.8}
PAIRS = 14


@pytest.fixture(scope="module")
def masks(tmp_path_factory):
  root = tmp_path_factory.mktemp("masks")
  pair_folders.write(root)
  return root


@pytest.fixture(scope="module", params=["fixed", "original"])
def values(request, masks):
  return pair_folders.options(
    masks, mode=request.param, filter=FILTER, pairs=PAIRS
  )


@pytest.fixture(scope="module")
def made(values, tmp_path_factory):
  """What one process makes."""
  root = tmp_path_factory.mktemp("made")
  result = in_shard(values, root)
  assert (result.made + result.rejected, result.missing) == (PAIRS, 0)
  assert min(result.made, result.rejected) > 2
  return root


def in_shard(values, root, shard=(0, 1)):
  run = pair_folders.create_run(values, root, READER)
  return generation.generate(run, shard=shard)


def on_beam(values, root, create=pair_folders.creators):
  return beam_pipeline.generate(
    *create(values, READER),
    root,
    batch_size=values["generator"]["batch_size"],
    beam_options=THREADS,
  )


def contents(root):
  """All files of a run, its record too, but its journals."""
  return {
    str(path.relative_to(root)): path.read_bytes()
    for path in sorted(root.rglob("*"))
    if path.is_file()
    and path.parent.name != journal.FOLDER
    and path.suffix != ".tmp"  # of a killed process; kept for an hour
  }


def test_beam_makes_the_bytes_of_one_process(values, made, tmp_path):
  result = on_beam(values, tmp_path)
  kept = len((made / files.MANIFEST).read_text().splitlines())
  assert result == run_report.Result(kept, 0, [], 0, [], PAIRS - kept)
  assert contents(tmp_path) == contents(made)
  again = on_beam(values, tmp_path)
  assert (again.made, again.already_there, again.rejected) == (0, PAIRS, 0)


_PROGRAM = """
import json, sys, time
import pair_folders, test_pairs_on_beam as tests
translate = pair_folders.Painter.translate
def slowly(self, scenes):
  time.sleep(10 * len(self.batches))  # none before the first
  return translate(self, scenes)
pair_folders.Painter.translate = slowly
tests.on_beam(json.loads(sys.argv[1]), sys.argv[2])
"""


def test_beam_and_shards_go_on_where_a_pipeline_was_killed(
  values, made, tmp_path
):
  """Killed with SIGKILL after some pairs, which it has not noted."""
  paths = (ROOT, ROOT / "tests", pathlib.Path(__file__).parent)
  process = subprocess.Popen(
    [sys.executable, "-c", _PROGRAM, json.dumps(values), str(tmp_path)],
    env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
    stderr=subprocess.DEVNULL,
  )
  try:
    while process.poll() is None and not list(tmp_path.rglob("*.jpg")):
      time.sleep(0.01)
  finally:
    process.send_signal(signal.SIGKILL)
    process.wait()
  assert process.returncode == -signal.SIGKILL
  written = len(list(tmp_path.rglob("*.jpg")))
  assert 0 < written < len(list(made.rglob("*.jpg")))
  shard = in_shard(values, tmp_path, (1, 3))
  assert (shard.made + shard.rejected, shard.already_there) == (5, 0)
  result = on_beam(values, tmp_path)
  assert (result.made + result.rejected, result.already_there) == (9, 5)
  assert contents(tmp_path) == contents(made)
