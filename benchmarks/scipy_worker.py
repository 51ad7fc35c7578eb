"""NumPy's and SciPy's side of a measurement; started by `blending`."""

import os
import platform

# Before NumPy is imported: one thread, as the original has.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import blending_inputs
import numpy as np
import scipy
import scipy_blending
import worker


def build(task):
  """Returns (run, compile seconds, versions) for a task of `blending`."""
  inputs = blending_inputs.triples({**task, "batch": 1})
  source, destination, mask = inputs[0]
  versions = (
    f"numpy {np.__version__}, scipy {scipy.__version__}, Python "
    f"{platform.python_version()}, float64, 1 thread"
  )
  if task["what"] == "solver":
    planes = (source / 255, destination / 255, mask.astype(float))

    def run():
      scipy_blending.solve(*planes, planes[1])

  else:
    network = scipy_blending.EncoderDecoder.random()

    def run():
      scipy_blending.gp_gan(source, destination, mask, network)

  return run, 0.0, versions


if __name__ == "__main__":
  worker.serve(build, lambda: None)
