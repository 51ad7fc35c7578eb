"""gansynth's side of a blending measurement; started by `blending`."""

import json
import os
import platform
import sys
import time

if json.loads(sys.argv[1])["device"] == "cpu":
  os.environ["JAX_PLATFORMS"] = "cpu"
if json.loads(sys.argv[1])["dtype"] == "float64":
  os.environ["JAX_ENABLE_X64"] = "1"

import blending_inputs
import jax
import numpy as np
import worker

import gansynth
from gansynth import host_memory, models
from gansynth.blender import Blender
from gansynth.blending import solver

_NETWORK = {
  "name": "encoder_decoder",
  "image_size": 64,
  "encoder_features": 64,
  "decoder_features": 64,
  "bottleneck": 4000,
  "output_channels": 3,
}


def build(task):
  """Returns (run, compile seconds, versions) for a task of `blending`."""
  host_memory.keep_freed()  # as tools/blend.py
  backend = jax.default_backend()
  if task["device"] == "gpu" and backend != "gpu":
    raise ValueError(f"JAX finds no GPU, its back end is {backend!r}")
  triples = blending_inputs.triples(task)
  run = _solver(task, *triples[0]) if task["what"] == "solver" else None
  run = run or _blender(task, triples)
  start = time.perf_counter()
  run()
  seconds = time.perf_counter() - start
  versions = (
    f"gansynth {gansynth.__version__}, jax {jax.__version__}, Python "
    f"{platform.python_version()}, {jax.devices()[0].device_kind}"
  )
  return run, seconds, versions


def _solver(task, source, destination, mask):
  source, destination, mask = (
    jax.device_put(np.moveaxis(picture, -1, 0).astype(task["dtype"]) / scale)
    for picture, scale in (
      (source, 255),
      (destination, 255),
      (mask[..., None], 1),
    )
  )

  def run():
    solver.solve(source, destination, mask, destination).block_until_ready()

  return run


def _blender(task, triples):
  if task["what"] == "poisson":
    blender = Blender("poisson", batch_size=task["batch"])
  else:
    network = models.create(**_NETWORK)
    blender = Blender(
      "gp_gan", network, _variables(network), batch_size=task["batch"]
    )

  def run():
    blender.blend([blender.prepare(*triple) for triple in triples])

  return run


def _variables(network):
  """Random weights, as those of the other side are."""
  rng = np.random.default_rng(0)
  shapes = jax.eval_shape(
    network.init, jax.random.key(0), np.zeros((1, 64, 64, 3), np.float32)
  )

  def fill(path, leaf):
    if leaf.ndim > 1:
      return np.float32(0.02) * rng.standard_normal(leaf.shape, np.float32)
    ones = jax.tree_util.keystr(path).endswith(("['scale']", "['var']"))
    return np.full(leaf.shape, ones, np.float32)

  return jax.tree_util.tree_map_with_path(fill, dict(shapes))


def _peak():
  statistics = jax.devices()[0].memory_stats() or {}
  peak = statistics.get("peak_bytes_in_use")
  return None if peak is None else peak / 2**20


if __name__ == "__main__":
  worker.serve(build, _peak)
