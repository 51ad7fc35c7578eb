"""gansynth's side of a measurement; started by `compare`."""

import json
import os
import pathlib
import platform
import sys
import time

if json.loads(sys.argv[1])["device"] == "cpu":
  os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import numpy as np
import worker

import gansynth
from gansynth import config as config_lib
from gansynth import parallel, systems

CONFIGS = pathlib.Path(__file__).resolve().parents[1] / "configs"
_VARIANTS = {
  "cyclegan": "cyclegan.py:folders",
  "pix2pix": "pix2pix.py:aligned",
}


def build(task):
  """Returns (run, compile seconds, versions) for a task of `compare`."""
  check_device(task)
  config = config_lib.load(str(CONFIGS / _VARIANTS[task["system"]]))
  config.dtype = task["dtype"]
  config.batch_size = task["batch"]
  if task["generator"]:
    config.generator.name = task["generator"]
  shape = (task["batch"], task["size"], task["size"], 3)
  draw = np.random.default_rng(0).integers
  batch = {
    name: draw(0, 256, shape, np.uint8) for name in ("image_a", "image_b")
  }
  system = systems.create(config, 1000, parallel.AXIS_NAME)
  if task["what"] == "translate":
    generator = system.generators()["AtoB"]
    run, seconds = _translation(generator, batch["image_a"])
  else:
    run, seconds = training(system, batch)
  return run, seconds, versions()


def check_device(task):
  """Raises ValueError where there is no GPU and the task wants one."""
  backend = jax.default_backend()
  if task["device"] == "gpu" and backend != "gpu":
    raise ValueError(f"JAX finds no GPU, its back end is {backend!r}")


def versions():
  """Names what computes."""
  return (
    f"gansynth {gansynth.__version__}, jax {jax.__version__}, Python "
    f"{platform.python_version()}, {jax.devices()[0].device_kind}"
  )


def _translation(generator, pictures):
  pictures = jax.device_put(pictures.astype(np.float32) / 127.5 - 1)
  variables = jax.jit(generator.init)(jax.random.key(0), pictures)
  start = time.perf_counter()
  translate = jax.jit(generator.apply).lower(variables, pictures).compile()
  seconds = time.perf_counter() - start

  def run():
    translate(variables, pictures).block_until_ready()

  return run, seconds


def training(system, batch, frozen=None):
  """Returns a function that runs a training step, and compile seconds."""
  options = {}
  if jax.default_backend() == "cpu":
    options["xla_backend_optimization_level"] = 0  # as train.py
  state = jax.jit(
    lambda key: system.init(key, batch), compiler_options=options
  )(jax.random.key(0))
  state = parallel.replicate(state.replace(frozen=frozen or {}))
  step = parallel.map_step(system.train_step)
  batch = parallel.split_batch(batch)
  start = time.perf_counter()
  step = step.lower(state, batch).compile()
  seconds = time.perf_counter() - start

  def run():
    nonlocal state
    state, metrics = step(state, batch)
    jax.block_until_ready((state, metrics))

  return run, seconds


def peak():
  """Peak MiB of the GPU's memory, None without."""
  statistics = jax.devices()[0].memory_stats() or {}
  peak = statistics.get("peak_bytes_in_use")
  return None if peak is None else peak / 2**20


if __name__ == "__main__":
  worker.serve(build, peak)
