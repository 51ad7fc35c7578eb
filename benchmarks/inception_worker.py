"""gansynth's side of a measurement of FID; started by `inception`."""

import json
import os
import sys

if json.loads(sys.argv[1])["device"] == "cpu":
  os.environ["JAX_PLATFORMS"] = "cpu"

import platform
import time

import jax
import jax_worker
import numpy as np
import worker

from gansynth import host_memory, published, resampling
from gansynth.evaluation import frechet, moments
from gansynth.models import inception


def build(task):
  """Returns (run, compile seconds, versions) for a task of `inception`."""
  jax_worker.check_device(task)
  host_memory.keep_freed()  # as tools/ do
  if task["what"] == "distance":
    return _distance(task["dims"])
  network, variables, _ = published.load("fid_inception", random_features=True)
  network = network.clone(taps=(3,), folded=True, dtype=task["dtype"])

  def features(variables, pictures):
    x = resampling.sample_bilinear(
      pictures.astype(np.float32) / 127.5 - 1, (inception.SIZE,) * 2
    )
    return network.apply(variables, x)[0]

  variables = jax.device_put(inception.fold(variables))
  shape = (task["batch"], task["size"], task["size"], 3)
  pictures = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
  pictures = jax.device_put(pictures)
  start = time.perf_counter()
  compiled = jax.jit(features).lower(variables, pictures).compile()
  seconds = time.perf_counter() - start

  def run():
    compiled(variables, pictures).block_until_ready()

  return run, seconds, jax_worker.versions()


def _distance(dims):
  """Between two sets of features of full rank, their moments at hand."""
  rng, sets = np.random.default_rng(0), []
  for scale in (1, 1.1):
    made = moments.Moments(dims)
    made.add(scale * rng.standard_normal((2 * dims, dims)))
    sets.append(made.statistics())
  versions = f"numpy {np.__version__}, Python {platform.python_version()}"
  return lambda: frechet.distance(*sets), 0.0, versions


if __name__ == "__main__":
  worker.serve(build, jax_worker.peak)
