"""The checks of GP-GAN's training find what is wrong."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from gansynth import parity

GOLDENS = pathlib.Path(__file__).parents[1] / "goldens" / "gpgan"


def copy_case(name, folder, **changes):
  """Copies a case; `changes` are functions of the arrays of its files."""
  shutil.copytree(GOLDENS / name, folder)
  for file, change in changes.items():
    path = folder / f"{file}.npz"
    with np.load(path) as arrays:
      found = dict(arrays)
    change(found)
    np.savez(path, **found)
  return folder


def failures(folder):
  return {line.name for line in parity.run_case(folder) if not line.ok}


def test_errors_of_steps_are_found(tmp_path):
  def change_outputs(arrays):
    arrays["d0_clipped::0/W"].flat[0] += 1e-5
    arrays["d0_D_loss_real"] *= 1.001
    arrays["d1_grad::2/W"] *= 1.001
    arrays["d1_gradnorm::5/W"] *= 1.001
    arrays["g0_G_loss"] *= 1.001
    arrays["g0_grad::1/gamma"].flat[0] += 1e-3 * np.linalg.norm(
      arrays["g0_grad::1/gamma"]
    )

  def change_critic(arrays):
    arrays["3/avg_mean"] += 2e-3
    arrays["6/beta"][0] += 5e-3
    arrays["5/W"] += 5e-4  # each as rounding might, but not all together

  folder = copy_case(
    "train_wgan",
    tmp_path / "case",
    outputs=change_outputs,
    after_D=change_critic,
  )
  assert failures(folder) == {
    "d0_clipped::0/W",
    "d0_D_loss_real",
    "d1_grad::2/W",
    "d1_gradnorm::5/W",
    "g0_G_loss",
    "g0_grad::1/gamma",
    "after_D::3/avg_mean",
    "after_D::6/beta",
    "after_D",
  }


def test_other_options_are_honoured(tmp_path):
  folder = copy_case("train_wgan", tmp_path / "case")
  path = folder / "case.json"
  meta = json.loads(path.read_text())
  meta["options"]["clamp"] = [-0.1, 0.1]
  meta["options"]["optimiser"] = "RMSprop lr=5e-2 alpha=0.9 eps=1e-8"
  path.write_text(json.dumps(meta))
  found = failures(folder)
  assert {"d0_clipped::0/W", "d0_D_loss", "after_D", "after_G"} <= found


def test_optimisers_that_are_not_known_are_named(tmp_path):
  folder = copy_case("train_wgan", tmp_path / "case")
  path = folder / "case.json"
  meta = json.loads(path.read_text())
  meta["options"]["optimiser"] = "SGD lr=5e-2"
  path.write_text(json.dumps(meta))
  with pytest.raises(parity.CaseError, match="unknown optimiser 'SGD lr=5e-2'"):
    failures(folder)


def test_errors_of_pairs_are_found(tmp_path):
  def change(arrays):
    arrays["composite1"][0, 0, 0] += 1e-4

  folder = copy_case("dataset_blending", tmp_path / "case", outputs=change)
  assert failures(folder) == {"composite1"}
