"""The one training loop, for every system."""

import pathlib
import time
from collections.abc import Mapping
from typing import Any

import jax
import ml_collections
import numpy as np
from absl import logging
from clu import parameter_overview

from gansynth import (
  checkpoints,
  data,
  evaluate,
  images,
  parallel,
  samples,
  systems,
  warm_start,
  weights,
)
from gansynth import config as config_lib
from gansynth.data import pipeline
from gansynth.metric_writer import MetricWriter
from gansynth.progress import Progress
from gansynth.run_scores import evaluator
from gansynth.systems import common

SAMPLES = "samples"
_STEPS_AHEAD = 2  # that may be under way on the devices


class DivergedError(ValueError):
  """A loss or a gradient became infinite or not a number."""


def train(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
  """Trains, or goes on training where a run in `workdir` stopped.

  Leaves there: config.json, checkpoints/, samples/ (PNG sheets),
  metrics.jsonl and TensorBoard's event files.

  Args:
    config: see `config_defaults`.
    workdir: made if missing; a run of the same config in it is resumed.

  Raises:
    ValueError: the config, the data or the work directory cannot be used.
    DivergedError: the training went wrong, with the step and the losses; the
      last checkpoint is from before.
  """
  parallel.check_batch_size(config.batch_size)
  train_set = data.create(config.data, "train")
  test_set = data.create(config.data, "test")
  steps_per_epoch = -(-len(train_set) // config.batch_size)
  system = systems.create(
    config,
    steps_per_epoch,
    parallel.AXIS_NAME,
    perceptual=_perceptual(config),
  )
  total = total_steps(config, steps_per_epoch)
  measures = None
  if evaluator.wanted(config):
    measures = evaluator.create(config, system, train_set, test_set, workdir)
  evaluator.check_best(config, measures.names if measures else (), workdir)
  if config.evaluate.every and measures is None:
    raise config_lib.ConfigError(
      f"evaluate.every is {config.evaluate.every}, and nothing is measured "
      f"while {config.system} is trained; set it to 0"
    )
  if config.get("init_from") and not (workdir / config_lib.RECORD).exists():
    warm_start.check(config.init_from)
  parallel.on_primary(lambda: config_lib.record(config, workdir))

  example = train_set.sample(0, np.random.default_rng(0))
  batch_shape = {
    name: jax.ShapeDtypeStruct((1, *x.shape), x.dtype)
    for name, x in example.items()
    if isinstance(x, np.ndarray)
  }
  options = {}
  if jax.default_backend() == "cpu":
    # It runs once: to optimise it takes ten times as long as all the rest.
    options["xla_backend_optimization_level"] = 0
  state = jax.jit(
    lambda key: system.init(key, batch_shape), compiler_options=options
  )(jax.random.PRNGKey(config.seed))
  if isinstance(state, common.GuidedState):
    state = state.replace(frozen=system.frozen)
  for side, networks in state.params.items():
    for name, params in networks.items():
      count = parameter_overview.count_parameters(params)
      logging.info("%s %s: %d parameters", side, name, count)
  batches = pipeline.train_iterator(
    train_set,
    batch_size=config.batch_size,
    seed=config.seed,
    host_index=jax.process_index(),
    host_count=jax.process_count(),
    num_workers=config.num_workers,
  )
  checkpointer = checkpoints.Checkpointer(
    workdir / checkpoints.FOLDER,
    keep_last=config.keep_last,
    keep_best=config.keep_best,
    best_metric=config.best_metric or None,
    best_mode=config.best_mode,
  )
  if checkpointer.latest_step() is not None:
    state, data_state = checkpointer.restore(state)
    batches.set_state(data_state)
    logging.info("resuming after step %d", state.step)
  elif config.get("init_from"):
    if config.get("init_optimizers"):
      state = warm_start.go_on_from(state, config.init_from)
    else:
      state = warm_start.start_from(state, config.init_from)
  first = int(state.step)
  state = parallel.replicate(state)

  with (
    checkpointer,
    MetricWriter(
      workdir, resume_step=first, write=parallel.is_primary()
    ) as writer,
  ):
    loop = _Loop(
      config, workdir, system, test_set, measures, checkpointer, writer
    )
    if first < total:
      finished = loop.run(state, batches, first, total)
    else:
      finished = True
      logging.info("all %d steps are done already", total)
  batches.close()
  if parallel.is_primary():
    measured = ""
    if loop.evaluation is not None:
      print(evaluate.report(loop.evaluation.scores))
      measured = f"what was measured in {evaluate.write_report(workdir)}; "
    print(
      f"{'finished' if finished else 'stopped'}; look at the pictures in "
      f"{workdir / SAMPLES}, the curves with `tensorboard --logdir {workdir}`, "
      f"the numbers in {workdir / 'metrics.jsonl'}; {measured}checkpoints are "
      f"in {workdir / checkpoints.FOLDER}"
    )


def _perceptual(config):
  """Network and weights of the perceptual loss, or None, which is said."""
  if config.system != "label_to_image" or not config.loss.lambda_perceptual:
    return None
  if not config.vgg_weights:
    logging.warning(
      "training without the perceptual loss, which all published results have: "
      "pictures will be less sharp and less true to texture. To have it, "
      "convert VGG19's weights (checkpoints/README.md) and give "
      "--config.vgg_weights=FOLDER"
    )
    return None
  return weights.load_perceptual(config.vgg_weights, config.dtype)


def total_steps(config: ml_collections.ConfigDict, steps_per_epoch: int) -> int:
  """Steps of the whole run: all epochs, or `max_steps` if that is fewer."""
  epochs = config.optimizer.num_epochs + config.optimizer.num_epochs_decay
  steps = epochs * steps_per_epoch
  return min(steps, config.max_steps) if config.max_steps else steps


class _Loop:
  """The loop and what it does now and then."""

  def __init__(
    self, config, workdir, system, test_set, measures, checkpointer, writer
  ):
    self._config = config
    self._workdir = workdir
    self._system = system
    self._measures = measures
    self._checkpointer = checkpointer
    self._writer = writer
    self.evaluation = None  # the newest one
    self._pending = []  # (step, metrics on the device) since the last log
    self._logged = time.monotonic(), 0
    self._samples = samples.create(system, test_set, config.evaluate.batch_size)

  def run(self, state, batches, first: int, total: int) -> bool:
    """Trains from step `first` to `total`; False if it was asked to stop."""
    config = self._config
    step_fns = {
      name: parallel.map_step(step_fn)
      for name, step_fn in self._system.train_steps().items()
    }
    compiled = set()
    stop, note = False, ""
    logging.info("compiling the step; the first one takes a while")
    with (
      parallel.Preemption() as preemption,
      Progress(total, unit="step", initial=first) as progress,
    ):
      for step in range(first + 1, total + 1):
        phase = self._system.phase(step - 1)
        batch = parallel.split_batch(next(batches))
        state, metrics = step_fns[phase.name](state, batch)
        self._pending.append((step, metrics))
        compiles = phase.name not in compiled
        if compiles:
          compiled.add(phase.name)
          jax.block_until_ready(metrics)
          progress.restart_clock(1)
          self._logged = time.monotonic(), step
        elif len(self._pending) > _STEPS_AHEAD:
          # The host prepares the next steps, but does not run away.
          jax.block_until_ready(self._pending[-1 - _STEPS_AHEAD])
        stop = preemption.reached(step)
        saves = stop or step == total or step % config.checkpoint_every == 0
        draws = step == total or step % config.sample_every == 0
        evaluates = self._evaluates(step, saves)
        if saves or draws or evaluates or step % config.log_every == 0:
          note = self._log(step)
        if not compiles:
          progress.update(1, " ".join(filter(None, (phase.note, note))))
        if draws and not stop:
          self._sample(step, state)
        scores = None
        if evaluates and not stop:
          scores = self._evaluate(step, state)
        self._writer.flush()  # before the checkpoint that a resumed run trusts
        if saves:
          on_host = jax.device_get(state)
          check_finite_state(step, on_host)
          self._checkpointer.save(step, on_host, batches.get_state(), scores)
        if stop:
          logging.warning("asked to stop: saved step %d", step)
          break
    self._checkpointer.wait()
    return not stop

  def _evaluates(self, step: int, saving: bool) -> bool:
    if self._measures is None:
      return False
    every = self._config.evaluate.every
    if every:
      return step % every == 0 or (saving and bool(self._config.best_metric))
    return saving

  def _log(self, step: int) -> str:
    """Fetches and checks the metrics since the last time, and writes means."""
    fetched = jax.device_get(self._pending)
    self._pending = []
    for at, metrics in fetched:
      check_finite(at, metrics)
    # Steps of another phase may have other metrics.
    values: dict[str, list[Any]] = {}
    for _, metrics in fetched:
      for name, value in metrics.items():
        values.setdefault(name, []).append(value)
    means = {name: float(np.mean(found)) for name, found in values.items()}
    since, at = self._logged
    now = time.monotonic()
    if step > at:
      rate = (step - at) / (now - since)
      means["steps_per_second"] = rate
      means["images_per_second"] = rate * self._config.batch_size
    self._logged = now, step
    self._writer.write_scalars(step, means)
    return " ".join(
      f"{name} {value:.3f}"
      for name, value in means.items()
      if not name.startswith(("gradient", "steps", "images"))
    )

  def _sample(self, step: int, state) -> None:
    """Writes a sheet of what the system makes."""
    if not parallel.is_primary():
      return
    sheet = self._samples.sheet(state, self._config.num_samples)
    images.write(self._workdir / SAMPLES / f"step_{step:07d}.png", sheet)
    self._writer.write_images(step, {"samples": sheet})

  def _evaluate(self, step: int, state) -> Mapping[str, float]:
    makers = self._samples.makers(state)
    found = self._measures.measure(makers, step, state)
    self._writer.write_scalars(step, found.scores)
    logging.info("step %d:\n%s", step, evaluate.report(found.scores))
    known = self.evaluation.notes if self.evaluation else ()
    for note in found.notes:
      if note not in known:
        logging.warning("%s", note)
    evaluator.record(self._workdir, found)
    self.evaluation = found
    return found.scores


def check_finite(step: int, metrics: Mapping[str, Any]) -> None:
  """Raises DivergedError, with all losses, where one is not finite."""
  if all(np.isfinite(value) for value in metrics.values()):
    return
  losses = ", ".join(f"{name} {float(v):g}" for name, v in metrics.items())
  raise DivergedError(
    f"step {step}: a loss or gradient is infinite or not a number ({losses}); "
    "nothing was saved since. Start again with a lower "
    "--config.optimizer.learning_rate in another --workdir, or with float32"
  )


def check_finite_state(step: int, state: Any) -> None:
  """Raises DivergedError where a state is not finite, though its losses were.

  An update that overflows shows in the losses of the next step only, after
  the state was saved.
  """
  bad = [
    jax.tree_util.keystr(path)
    for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    if not np.isfinite(leaf).all()
  ]
  if bad:
    raise DivergedError(
      f"step {step}: the update made {len(bad)} arrays infinite or not a "
      f"number, {bad[0]} the first; this step was not saved. Start again with "
      "a lower --config.optimizer.learning_rate in another --workdir"
    )
