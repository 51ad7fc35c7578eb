"""What checks of SemDisc find, and what they refuse."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from gansynth import parity

GOLDENS = pathlib.Path(__file__).parent / "goldens/semdisc"


@pytest.fixture
def case(tmp_path):
  """Returns a function that copies a case and changes it."""

  def copy(name, *, meta=None, arrays=None, kept=""):
    folder = tmp_path / name
    shutil.copytree(GOLDENS / name, folder)
    path = folder / "case.json"
    changed = json.loads(path.read_text())
    changed.update(meta(changed) if callable(meta) else meta or {})
    path.write_text(json.dumps(changed))
    path = folder / "outputs.npz"
    if path.is_file():
      with np.load(path) as found:
        outputs = {k: v for k, v in found.items() if k.startswith(kept)}
      for array, error in (arrays or {}).items():
        outputs[array].flat[-1] += error
      np.savez(path, **outputs)
    return folder

  return copy


def failed(folder):
  return [line.name for line in parity.run_case(folder) if not line.ok]


def test_wrong_losses_and_gradients_are_found(case):
  kept = "hinge/wmse/D_fake"
  names = [f"{kept}/grad0", f"{kept}/grad1"]
  folder = case("gan_loss", kept=kept, arrays=dict.fromkeys(names, 1e-7))
  assert failed(folder) == names


def test_a_weight_for_each_verdict_is_needed(case):
  folder = case("gan_loss", kept="ls/wmse/G_real")
  with np.load(folder / "inputs.npz") as arrays:
    inputs = dict(arrays)
  del inputs["weight1"]
  np.savez(folder / "inputs.npz", **inputs)
  with pytest.raises(parity.CaseError, match="give one weight for each logit"):
    failed(folder)
  np.savez(folder / "outputs.npz", **{"ls/half/G_real": np.zeros(1)})
  with pytest.raises(parity.CaseError, match=r"outputs.npz has 'ls/half/G_re"):
    failed(folder)


@pytest.mark.parametrize(
  ("array", "error"),
  [
    ("label", 1),
    ("image", 2e-3),
    ("instance", 1),
    ("smap35", 2e-6),
    ("smap19", 2e-6),
    ("smapS", 1),
    ("input_semantics_lastchannel", 1),
  ],
)
def test_wrong_items_are_found(case, array, error):
  name = "norm128_noinst" if array == "image" else "norm256_flip"

  def meta(found):
    return {"variants": {name: found["variants"][name]}}

  key = f"{name}/{array}"
  folder = case("dataset_items", meta=meta, kept=key, arrays={key: error})
  assert failed(folder) == [key]


def test_an_item_of_another_flip_is_found(case):
  name, key = "norm256_flip", "norm256_flip/label"

  def meta(found):
    return {"variants": {name: {**found["variants"][name], "flipped": False}}}

  assert failed(case("dataset_items", meta=meta, kept=key)) == [key]


@pytest.mark.parametrize(
  ("about", "message"),
  [
    ({}, "'one' of case.json tells no argv"),
    ({"argv": ["--dataset_mode", "moon"]}, "dataset_mode is 'moon'"),
    ({"argv": ["--dataset_mode", "facades"]}, "_label"),
    ({"argv": ["--crop_size", "large"]}, "--crop_size is 'large'"),
  ],
)
def test_items_that_cannot_be_made(case, about, message):
  folder = case("dataset_items", meta={"variants": {"one": about}})
  with pytest.raises(parity.CaseError, match=message):
    failed(folder)


def test_a_network_is_compared_after_its_pass(case):
  """Outputs tell nearly nothing of the power iteration; its vectors do."""
  name = "netD_forward_variants"
  vector = "noganfeat/after_train1/discriminator_1.model2.0.0.weight_u"
  outputs = ["noganfeat/eval/D0_out0", "noganfeat/train1/D1_out0"]
  folder = case(name, arrays={outputs[0]: 3e-4, outputs[1]: 3e-4})
  lines = {line.name: line for line in parity.run_case(folder)}
  assert [name for name, line in lines.items() if not line.ok] == outputs
  assert "one iteration from those recorded" in lines[vector].note


def test_networks_that_cannot_be_compared(case):
  folder = case("netD_forward_variants")
  (file,) = folder.glob("checkpoint/*.pth")
  file.unlink()
  with pytest.raises(parity.CaseError, match=r"noganfeat_latest_net_D.pth"):
    failed(folder)


@pytest.mark.parametrize(
  ("note", "about", "message"),
  [
    ("", {"argv": []}, "does not say 'inputs.npz of <case>'"),
    ("inputs.npz of gan", {"argv": []}, "gan: no readable case.json"),
    ("inputs.npz of terms", {}, "'one' of case.json tells no argv"),
    ("inputs.npz of terms", {"argv": []}, "netG of 'one' nor the note"),
    (
      "inputs.npz of terms, a/x_net_G.pth of terms",
      {"argv": [], "netD": "D.pth"},
      "terms/a/x_net_G.pth: the checkpoint is missing",
    ),
  ],
)
def test_terms_that_cannot_be_computed(tmp_path, note, about, message):
  folder = tmp_path / "terms"
  folder.mkdir()
  meta = {"system": "semdisc", "check": "loss_terms", "note": note}
  meta |= {"modes": {"one": about}}
  (folder / "case.json").write_text(json.dumps(meta))
  np.savez(folder / "outputs.npz")
  np.savez(folder / "inputs.npz", smap35=np.zeros(1))
  with pytest.raises(parity.CaseError, match=message):
    failed(folder)


def shortened(found):
  """Phases of 3 and 3 epochs."""
  rows = [*found["phase1"][:3], *found["phase2"][:3]]
  rows = [[i, *row[1:]] for i, row in enumerate(rows, 1)]
  for row, share in zip(rows[3:], (1, 2 / 3, 1 / 3), strict=True):
    row[1:] = [1e-4 * share, 4e-4 * share]
  return {
    "phase1": rows[:3],
    "phase2": rows[3:],
    "note": "niter 3 + resume with niter 3 niter_decay 3, lr 2e-4",
    "iter_txt_after_phase1": "4\n0\n",
  }


@pytest.fixture
def schedule(case):
  """Returns a function that writes a short schedule, changed."""

  def write(**changed):
    folder = case(
      "schedule", meta=lambda found: {**shortened(found), **changed}
    )
    (folder / "iter_after_phase2.txt").write_text("7\n0")
    return folder

  return write


def test_a_short_schedule(schedule):
  folder = schedule()
  names = [line.name for line in parity.run_case(folder)]
  assert {"phase1/lr_G", "phase2/lr_D", "in one run/lr_D"} <= set(names)
  assert failed(folder) == []


def test_wrong_rates_and_counts_are_found(schedule):
  folder = schedule(
    after_last=[1e-9, 0.0],
    iter_txt_after_phase1="3\n0\n",
    adam={"betas": [0.5, 0.9]},
  )
  (folder / "iter_after_phase2.txt").write_text("7\n1")
  names = {
    "after_last",
    "iter_txt_after_phase1",
    "iter_after_phase2.txt",
    "adam/betas",
  }
  assert set(failed(folder)) == names


def test_a_run_that_begins_in_the_decay_begins_at_the_full_rate(schedule):
  """Epochs 1 to 4 of 3 + 3, then 5 and 6."""
  first = [[e, 1e-4, 4e-4] for e in (1, 2, 3, 4)]
  second = [[5, 1e-4, 4e-4], [6, 1e-4 * 2 / 3, 4e-4 * 2 / 3]]
  folder = schedule(
    phase1=first,
    phase2=second,
    note="niter 3 niter_decay 3, stopped; resume with niter 3 niter_decay 3",
    after_last=[1e-4 / 3, 4e-4 / 3],
    iter_txt_after_phase1="5\n0\n",
  )
  assert failed(folder) == []


def test_command_lines_tell_of_phases(schedule):
  argv = "--niter 3 --niter_decay 3 --lr 2e-4"
  flat = [[e, 2e-4, 2e-4] for e in (1, 2, 3)]
  changed = {
    "note": "nothing",
    "phase1_argv": "--niter 3 --no_TTUR",
    "phase2_argv": argv,
  }
  folder = schedule(**changed, phase1=flat)
  assert failed(folder) == ["in one run/lr_G", "in one run/lr_D"]


@pytest.mark.parametrize(
  ("changed", "message"),
  [
    ({"note": "none"}, "does not tell niter of phase1"),
    ({"phase2": [[4, 1e-4]]}, "phase2 of case.json is no table"),
    ({"phase1_argv": "--niter many"}, "--niter is 'many'"),
  ],
)
def test_schedules_that_cannot_be_read(schedule, changed, message):
  with pytest.raises(parity.CaseError, match=message):
    failed(schedule(**changed))
