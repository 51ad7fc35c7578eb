"""gansynth's sides of a measurement; started by `spade_modulation`."""

import json
import os
import platform
import sys
import time

if json.loads(sys.argv[1])["device"] == "cpu":
  os.environ["JAX_PLATFORMS"] = "cpu"

import itertools

import jax
import spade_inputs
import worker

import gansynth
from gansynth import host_memory, models


def build(task):
  """Returns (run, compile seconds, versions) for a task."""
  host_memory.keep_freed()  # as tools/ do
  backend = jax.default_backend()
  if task["device"] == "gpu" and backend != "gpu":
    raise ValueError(f"JAX finds no GPU, its back end is {backend!r}")
  # Spectral norms are divided out when weights are loaded.
  generator = models.create(
    "spade",
    features=task["features"],
    norm="spadesyncbatch3x3",
    sparse=task["sparse"],
    dtype=task["dtype"],
  )
  scenes = [
    jax.device_put(spade_inputs.label_map(*scene, task["batch"]))
    for scene in spade_inputs.maps(task)
  ]
  variables = jax.device_put(
    spade_inputs.fill(
      jax.eval_shape(generator.init, jax.random.key(0), scenes[0])
    )
  )
  start = time.perf_counter()
  generate = jax.jit(generator.apply).lower(variables, scenes[0]).compile()
  seconds = time.perf_counter() - start
  turns = itertools.cycle(scenes)

  def run():
    generate(variables, next(turns)).block_until_ready()

  versions = (
    f"gansynth {gansynth.__version__}, jax {jax.__version__}, Python "
    f"{platform.python_version()}, {jax.devices()[0].device_kind}"
  )
  return run, seconds, versions


def _peak():
  statistics = jax.devices()[0].memory_stats() or {}
  peak = statistics.get("peak_bytes_in_use")
  return None if peak is None else peak / 2**20


if __name__ == "__main__":
  worker.serve(build, _peak)
