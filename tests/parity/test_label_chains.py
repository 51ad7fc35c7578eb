"""How recorded iterations of SemDisc and ASAP-Nets are compared."""

import json
import types

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import struct

from gansynth import parity
from gansynth.parity import label_chain_comparisons, label_chains
from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import Tolerance
from gansynth.parity.label_chain_comparisons import ChainComparisons
from gansynth.parity.label_step_comparisons import Taken


@pytest.fixture
def case(tmp_path):
  """Returns a function that writes a case."""

  def case(outputs=None, dtype=np.float32, **meta):
    meta = {"system": "semdisc", "check": "train_steps"} | meta
    (tmp_path / "case.json").write_text(json.dumps(meta))
    np.savez(tmp_path / "outputs.npz", **(outputs or {}))
    return Case(tmp_path, dtype)

  return case


def taken(number, discriminator, before=None, state=None):
  """A step whose discriminator has one parameter, with this gradient."""
  gradients = {
    "generator": {"g": {}},
    "discriminator": {"w": jnp.asarray(discriminator)},
  }
  details = types.SimpleNamespace(
    gradients=gradients, pictures={"fake": np.zeros((1, 2, 2, 3))}
  )
  return Taken(number, {}, details, before, state, {}, "both", {}, None)


def networks(letters):
  """A stand-in for `label_steps.Networks`: the discriminator's `w`."""

  def state_dict(letter, params):
    assert letter == "D"
    return {"w": np.asarray(params["discriminator"]["w"])}

  return types.SimpleNamespace(
    letters=letters, has_moved=lambda *_: True, state_dict=state_dict
  )


class Squares:
  """A system whose generator loses the discriminator's parameter, squared."""

  def step_with_details(self, state, batch, phase):
    del batch, phase
    return None, {"G": jnp.square(state.params["discriminator"]["w"]).sum()}, 0


class State(struct.PyTreeNode):
  """As much of a state as `Squares` needs."""

  params: dict


def run(system=None, letters="D"):
  return types.SimpleNamespace(nets=networks(letters), system=system, beta2=0.9)


def test_tolerances_are_multiples_of_what_is_stated(case):
  listed = {"it1/G/L1": 3e-6, "x": {"max_abs_diff_f32_vs_f64": 1e-5}}
  single = case(f32_vs_f64=listed)
  find = label_chain_comparisons.tolerance
  assert find(single, "it1/G/L1") == Tolerance(6e-5, 1e-4, 1e-6)
  assert find(single, "a", "x").absolute == pytest.approx(2e-4)
  assert find(single, "unlisted").absolute == 0
  double = case(f32_vs_f64=listed, dtype=np.float64)
  assert find(double, "x", elementwise=True) == Tolerance(2e-5, 1e-6, 0, True)


def compare_networks(case, error, **options):
  expected = {
    "a.bias": np.zeros(4),
    "n.running_mean": np.zeros(4),
    "n.num_batches_tracked": np.zeros((), np.int64),
  }
  found = {
    "a.bias": np.array([error, 0, 0, 0]),
    "n.running_mean": np.full(4, 1e-5),
  }
  differences = {"a.bias": {"mean": 1e-6}, "n.running_mean": {"mean": 1e-5}}
  return {
    line.name: line.ok
    for line in label_chain_comparisons.compare_networks(
      case, "after", found, expected, differences, 2e-4, **options
    )
  }


def test_networks_are_compared_by_means(case):
  """One element may be off by as much as four on the average."""
  names = ["after/a.bias", "after/n.running_mean"]
  one = case()
  assert compare_networks(one, 1.9e-5) == dict.fromkeys(names, True)
  assert not compare_networks(one, 2.1e-5)[names[0]]
  assert not compare_networks(case(dtype=np.float64), 9e-6)[names[0]]
  assert not compare_networks(one, np.nan)[names[0]]


def test_what_noise_moves_is_bounded_by_how_far_it_may_move(case):
  noise = {"a.bias"}
  assert all(compare_networks(case(), 1.5e-3, noise=noise).values())
  assert not compare_networks(case(), 1.7e-3, noise=noise)["after/a.bias"]


def test_arrays_must_be_the_same(case):
  def compare(found, expected):
    lines = label_chain_comparisons.compare_networks(
      case(), "after", found, expected, {}, 1e-4
    )
    return [str(line) for line in lines if not line.ok]

  a, b = np.zeros(2), np.zeros(3)
  assert "no such array" in compare({}, {"a": a})[0]
  assert "no such array" in compare({"a": b}, {"a": a})[0]
  assert "the original has no b" in compare({"a": a, "b": b}, {"a": a})[0]


@pytest.mark.parametrize("starts_anew", [True, False])
def test_an_optimiser_that_goes_on_is_found(case, starts_anew):
  gradient = {"w": jnp.array([1e-3, -2.0])}
  adam = optax.adam(1e-3, b1=0, b2=0.9)
  opt_state = adam.init(gradient)
  for _ in range(1 if starts_anew else 2):
    _, opt_state = adam.update(gradient, opt_state)
  state = types.SimpleNamespace(opt_state={"discriminator": opt_state})
  step = taken(1, gradient["w"], state=state)
  del step.details.gradients["generator"]
  comparisons = ChainComparisons(case(), run(letters=""), "phase2/it")
  (line,) = comparisons.step(step)
  assert line.name == "phase2/it1/D/adam"
  assert line.ok == starts_anew


def test_gradients_may_hold_what_the_next_step_added(case):
  """The norms tell; what the generator leaves is 2 w, of its loss w^2."""
  own, w = np.array([1.0, 2.0]), np.array([3.0, -1.0])
  names = {"D_param_names": ["w"]}
  norms = np.array([np.linalg.norm(own)])
  before = State(params={"discriminator": {"w": jnp.asarray(w)}})

  def lines(recorded, count=2):
    one = case({"it2/D_grad:w": recorded, "it2/D_grad_norms": norms}, **names)
    compared = ChainComparisons(one, run(Squares()), "it")
    steps = [taken(2, own), taken(3, own, before)][:count]
    found = [line for step in steps for line in compared.step(step)]
    found += compared.finish()
    return {line.name: line for line in found}

  assert all(line.ok for line in lines(own).values())
  mixed = lines(own + 2 * w)
  assert set(mixed) == {"it2/D_grad:w", "it2/D_grad_norms"}
  assert all(line.ok for line in mixed.values())
  assert "next step left" in mixed["it2/D_grad:w"].note
  assert not lines(own + w)["it2/D_grad:w"].ok
  # There is no next step that could have left anything.
  assert not lines(own + 2 * w, count=1)["it2/D_grad:w"].ok


def test_semantic_losses_of_options():
  losses = label_chains.semantic_losses
  assert losses({"c2f_sem": False, "added_capacity": True}) is None
  options = {"c2f_sem": True, "normalize_smaps": True, "lambda_seg": 2.0}
  first = losses(options | {"fine_grained_scale": 0.05})
  assert (first.guide_from, first.restart, first.balanced) == (-1, False, True)
  assert (first.fine_scale, first.lambda_segmentation) == (0.05, 2.0)
  assert len(first.classes) == 35
  second = losses(options | {"active_GSeg": True}, first=2)
  assert (second.guide_from, second.restart) == (2, True)


def test_cases_without_networks_or_iterations_are_refused(case, tmp_path):
  argv = ["--dataset_mode", "cityscapes", "--no_vgg_loss"]
  one = case(iterations=1, argv=argv, checkpoint_files={})
  with pytest.raises(CaseError, match="no networks from before"):
    list(label_chains.steps(one))
  case(argv=argv)
  with pytest.raises(CaseError, match="has no 'iterations'"):
    list(parity.run_case(tmp_path))
  case(iterations={"phase1": 1}, checkpoint_files={})
  with pytest.raises(CaseError, match="has no 'phase1_argv'"):
    list(parity.run_case(tmp_path))
