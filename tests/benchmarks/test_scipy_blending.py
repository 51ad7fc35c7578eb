"""The opponent of the blending benchmark computes what the original does."""

import importlib.util
import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
GOLDENS = ROOT / "tests/parity/goldens/gpgan"
SHARED = os.environ.get("GANSYNTH_GOLDENS")


def load(name):
  path = ROOT / f"benchmarks/{name}.py"
  spec = importlib.util.spec_from_file_location(name, path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


reference = load("scipy_blending")


@pytest.mark.parametrize(
  "case",
  [
    "solver_normal_nonsquare",
    "solver_sobel_reflect_border",
    "pipeline_supervised_options",
  ],
)
def test_matches_the_original(case):
  errors = reference.check(GOLDENS / case)
  assert errors
  assert max(errors.values()) <= 1e-12


@pytest.mark.skipif(not SHARED, reason="GANSYNTH_GOLDENS is not set")
@pytest.mark.parametrize("kind", ["solver", "pyramid", "pipeline_supervised"])
def test_matches_all_recorded_cases(kind):
  folders = sorted((pathlib.Path(SHARED or "") / "gpgan").glob(f"{kind}_*"))
  assert folders
  for folder in folders:
    errors = reference.check(folder)
    assert max(errors.values()) <= 1e-12, (folder, errors)
