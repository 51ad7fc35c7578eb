"""A segmenter's step: against a plain one, on devices, in slices."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny
import tiny_labels

from gansynth import config_defaults, losses, parallel, systems
from gansynth.systems.segmentation import Segmentation

NUM_CLASSES = 2  # of three labels: the last is "don't care"
RATE = 0.5


def config(**changes):
  made = config_defaults.segmentation()
  return tiny.changed(
    made,
    **{
      "segmenter__features": 2,
      "segmenter__num_levels": 1,
      "data__num_labels": NUM_CLASSES,
      "loss__lambda_dice": 0.5,
      "loss__class_weights": "balanced",
      **changes,
    },
  )


def create(axis_name=None, **changes):
  """A system whose gradients can be read off its parameters."""
  system = systems.create(config(**changes), 10, axis_name)
  return dataclasses.replace(system, optimizer=optax.sgd(RATE))


def random_state(system, batch):
  bare = dataclasses.replace(system, ema_decay=0.0)
  state = tiny.random_state(bare, batch)
  ema = state.params["segmenter"] if system.ema_decay else {}
  return state.replace(ema=ema)


def run(system, state, batch):
  step = jax.jit(system.train_step, compiler_options=tiny.FAST_COMPILE)
  return jax.device_get(step(state, batch))


@pytest.fixture(scope="module")
def case():
  """A batch, and a state before and after a step of it."""
  batch = tiny_labels.batch()
  assert len(np.unique(batch["label"])) == 3
  system = create(ema_decay=0.75)
  state = random_state(system, batch)
  return batch, system, state, *run(system, state, batch)


def gradients(before, after):
  return jax.tree.map(
    lambda old, new: (old - new) / RATE, before.params, after.params
  )


def test_step_equals_the_plain_one(case):
  batch, system, state, after, metrics = case
  labels = jnp.asarray(batch["label"], jnp.int32)
  stats = state.stats["segmenter"]["s"]

  def plain(params):
    logits, mutated = system.segmenter.apply(
      {"params": params["s"], "batch_stats": stats},
      batch["image"] / np.float32(127.5) - 1,
      train=True,
      mutable=["batch_stats"],
    )
    each = optax.softmax_cross_entropy_with_integer_labels(
      logits, jnp.minimum(labels, 1)
    )
    means = [
      jnp.where(labels == c, each, 0).sum() / (labels == c).sum()
      for c in range(NUM_CLASSES)
    ]
    dice = losses.dice_loss(logits, jnp.where(labels < 2, labels, -1))
    right = (logits.argmax(-1) == labels) & (labels < 2)
    accuracy = right.sum() / (labels < 2).sum()
    entropy = sum(means) / 2
    total = entropy + 0.5 * dice
    return total, (entropy, dice, accuracy, mutated["batch_stats"])

  step = jax.jit(
    jax.value_and_grad(plain, has_aux=True), compiler_options=tiny.FAST_COMPILE
  )
  (total, (entropy, dice, accuracy, stats_after)), expected = step(
    state.params["segmenter"]
  )
  norm = optax.tree.norm(expected)
  for name, value in (
    ("loss", total),
    ("cross_entropy", entropy),
    ("dice", 0.5 * dice),
    ("accuracy", accuracy),
    ("gradient_norm", norm),
  ):
    assert metrics.pop(name) == pytest.approx(float(value), rel=1e-4), name
  assert not metrics
  tiny.assert_close({"segmenter": expected}, gradients(state, after), 2e-4)
  tiny.assert_close(stats_after, after.stats["segmenter"]["s"], 1e-4)
  assert after.step == state.step + 1


def test_average_follows(case):
  _, system, state, after, _ = case
  expected = jax.tree.map(
    lambda old, new: 0.75 * old + 0.25 * new,
    state.params["segmenter"],
    after.params["segmenter"],
  )
  tiny.assert_close(expected, after.ema, 1e-6)
  variables = system.generator_variables(after)
  tiny.assert_same(variables["params"], after.ema["s"])


def test_four_devices_do_what_one_does(case):
  batch, _, state, after, _ = case
  system = create(parallel.AXIS_NAME, ema_decay=0.75)
  stacked = tiny.on_devices(
    system.train_step, state, parallel.split_batch(batch)
  )
  first, last = (jax.tree.map(lambda x, i=i: x[i], stacked) for i in (0, 3))
  tiny.assert_same(first, last)
  found, _ = first
  tiny.assert_close(gradients(state, after), gradients(state, found), 2e-4)
  tiny.assert_close(after.stats, found.stats, 1e-4)


def test_slices_do_what_the_whole_batch_does():
  batch = tiny_labels.batch(1)
  norm = {"segmenter__norm": "none"}  # Batch norm's statistics are slices'.
  whole, sliced = create(**norm), create(accumulation=2, **norm)
  state = random_state(whole, batch)
  (after, metrics), (other, others) = (
    run(system, state, batch) for system in (whole, sliced)
  )
  tiny.assert_close(gradients(state, after), gradients(state, other), 2e-4)
  others.pop("gradient_norm")
  for name, value in others.items():
    assert metrics[name] == pytest.approx(value, rel=1e-5), name


def test_half_precision_leaves_parameters_whole():
  batch = tiny_labels.batch()
  system = create(dtype="bfloat16", loss__lambda_dice=0.0)
  state = jax.eval_shape(system.init, jax.random.PRNGKey(0), batch)
  after, metrics = jax.eval_shape(system.train_step, state, batch)
  assert {x.dtype for x in jax.tree.leaves(after.params)} == {
    np.dtype("float32")
  }
  assert set(metrics) == {"loss", "cross_entropy", "accuracy", "gradient_norm"}


def test_options_that_are_refused():
  with pytest.raises(ValueError, match="'inverse'; choose one of none, bal"):
    create(loss__class_weights="inverse")
  with pytest.raises(ValueError, match="num_labels is 0"):
    create(data__num_labels=0)
  system = create()
  assert isinstance(system, Segmentation)
  assert list(system.generators()) == [systems.SEGMENTATION]
  with pytest.raises(ValueError, match="does not translate AtoB"):
    system.generator_variables(None, "AtoB")
