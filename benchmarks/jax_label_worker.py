"""gansynth's side of a measurement of label maps; started by `compare`."""

import json
import os
import sys

if json.loads(sys.argv[1])["device"] == "cpu":
  os.environ["JAX_PLATFORMS"] = "cpu"

import itertools
import time

import jax
import jax_worker
import numpy as np
import spade_inputs
import worker

from gansynth import config as config_lib
from gansynth import host_memory, models, parallel, systems

_VARIANTS = {  # by system and channels
  ("spade", 184): "spade.py:coco_stuff",
  ("spade", 36): "spade.py:cityscapes",
  ("pix2pixhd", 36): "pix2pixhd.py:512p",
  ("asapnets", 36): "asapnets.py:cityscapes",
  ("geoseg", 6): "geoseg.py:folders",
}


def build(task):
  """Returns (run, compile seconds, versions) for a task of `compare`."""
  jax_worker.check_device(task)
  host_memory.keep_freed()  # as tools/ do
  variant = _VARIANTS[task["system"], task["channels"]]
  config = config_lib.load(str(jax_worker.CONFIGS / variant))
  config.dtype = task["dtype"]
  config.batch_size = task["batch"]
  config.generator.features = task["features"]
  config.discriminator.features = task["features"]
  batches = [
    {
      "label": np.repeat(labels[None].astype(np.uint8), task["batch"], 0),
      "instance": np.repeat(instances[None].astype(np.int32), task["batch"], 0),
    }
    for labels, instances in spade_inputs.maps(task)
  ]
  if task["what"] == "generate":
    system = systems.create(config, 1000)
    run, seconds = _generation(system, batches, task["sparse"])
  else:
    perceptual = _vgg(config.dtype) if task["vgg"] else None
    system = systems.create(config, 1000, parallel.AXIS_NAME, perceptual)
    shape = (task["batch"], task["size"], task["width"], 3)
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    run, seconds = jax_worker.training(
      system, {**batches[0], "image": image}, system.frozen
    )
  return run, seconds, jax_worker.versions()


def _vgg(dtype):
  network = models.create("vgg19", dtype=dtype)
  pictures = jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32)
  return network, jax.jit(network.init)(jax.random.key(1), pictures)


def _generation(system, batches, sparse):
  """As `LabelTranslator`: spectral norms are divided out beforehand."""
  generator = system.generator
  if generator.norm.startswith("spectral"):
    generator = generator.clone(norm=generator.norm.removeprefix("spectral"))
  if sparse is not None:
    generator = generator.clone(sparse=sparse)

  def generate(variables, batch):
    semantics = system.conditioning(batch["label"], batch["instance"])
    return generator.apply(variables, semantics)

  def shown(batch):
    return system.conditioning(batch["label"], batch["instance"])

  variables = jax.device_put(
    spade_inputs.fill(
      jax.eval_shape(
        lambda batch: generator.init(jax.random.key(0), shown(batch)),
        batches[0],
      )
    )
  )
  batches = jax.device_put(batches)
  start = time.perf_counter()
  generate = jax.jit(generate).lower(variables, batches[0]).compile()
  seconds = time.perf_counter() - start
  turns = itertools.cycle(batches)

  def run():
    generate(variables, next(turns)).block_until_ready()

  return run, seconds


if __name__ == "__main__":
  worker.serve(build, jax_worker.peak)
