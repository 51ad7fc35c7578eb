"""What checks of distances between features notice; cases themselves run in
test_parity.py.
"""

import json
import pathlib
import shutil

import numpy as np
import pytest

from gansynth import parity

GOLDENS = pathlib.Path(__file__).parent / "goldens"


@pytest.fixture
def failures(tmp_path):
  """Returns a function: names of what fails in a case that is changed."""

  def failures(name, arrays, **meta):
    folder = tmp_path / name
    shutil.copytree(GOLDENS / name, folder)
    with np.load(folder / "outputs.npz") as stored:
      outputs = dict(stored)
    for array, change in arrays.items():
      outputs[array] = change(outputs[array])
    np.savez(folder / "outputs.npz", **outputs)
    path = folder / "case.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | meta))
    return [line.name for line in parity.run_case(folder) if not line.ok]

  return failures


@pytest.mark.parametrize(
  ("name", "array", "factor"),
  [
    ("fid_distance/d64_full", "mu1", 1 + 1e-8),
    ("fid_distance/d64_full", "sigma2", 1 + 1e-8),
    ("fid_distance/d64_full", "trace1", 1 + 1e-8),
    ("fid_distance/d64_full", "mean_diff_sq", 1 + 1e-8),
    ("fid_distance/d64_full", "fid_original", 1 + 1e-8),
    ("fid_distance/d64_full", "fid_eps_branch", 1 + 1e-8),
    ("fid_distance/d64_singular", "fid_eigh", 1 + 2e-5),
    ("fid_distance/d48_dead", "fid_eps_branch_eigh", 1 + 2e-5),
    ("kid/d64_n120_n90", "kid_float32", 1 + 2e-4),
    ("kid/d64_n120_n90", "kid_float64", 1 + 1e-8),
    ("kid/d64_n120_n90", "per_subset_mmd2", 1 + 1e-8),
    ("prdc/d32_k3", "precision", 1 + 1e-9),
    ("prdc/d32_k3", "coverage", 1 + 1e-9),
    ("prdc/d32_k3", "fake_radii", 1 + 1e-5),
  ],
)
def test_a_number_that_is_off_fails(failures, name, array, factor):
  found = failures(name, {array: lambda x: (x * factor).astype(x.dtype)})
  assert {line.split()[0] for line in found} == {array}


def test_draws_are_compared(failures):
  found = failures("kid/d64_n120_n90", {"subset_idx_act2": np.flip})
  assert "subset_idx_act2" in found
  assert "subset_idx_act1" not in found


def test_singular_covariances_are_given_the_tolerance_of_their_clause(failures):
  arrays = {"fid_original": lambda x: x * (1 + 9e-6)}
  assert failures("fid_distance/d64_singular", arrays) == []
  stated = "full rank: rtol 1e-9; singular: rtol 1e-6 against fid_exact_nuclear"
  found = failures("fid_distance/d48_dead", arrays, suggested_tolerance=stated)
  assert found == ["fid_original by statistics"]


def test_what_the_original_printed_says_which_branch_it_took(failures):
  arrays = {"fid_original": lambda x: x - 0.0056903362547}
  assert failures("fid_distance/d48_dead", arrays) == [
    "fid_original by statistics"
  ]


def test_the_branch_with_an_offset_is_known_by_its_message(failures):
  arrays = {"fid_original": lambda x: x - 0.0056903362547}
  printed = "fid calculation produces singular product; adding 1e-06 to ... eps"
  assert (
    failures("fid_distance/d48_dead", arrays, original_printed=printed) == []
  )


def test_where_the_original_raised_an_error_nothing_is_compared(failures):
  arrays = {"fid_original": lambda x: x * np.nan}
  assert failures("fid_distance/d64_singular", arrays) == []
