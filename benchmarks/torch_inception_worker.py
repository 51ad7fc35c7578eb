"""PyTorch's and SciPy's side of a measurement; started by `inception`."""

import platform

import torch_worker
import worker


def build(task):
  """Returns (run, compile seconds, versions) for a task of `inception`."""
  if task["what"] == "distance":
    return _distance(task["dims"])
  torch, device = torch_worker.prepare(task)
  import torch_inception_reference

  network = torch_inception_reference.Inception().to(device).eval()
  if task["compile"]:
    network = torch.compile(network)
  shape = (task["batch"], 3, task["size"], task["size"])
  pictures = torch.rand(shape, device=device)

  @torch.inference_mode()
  def step():
    network(pictures)

  return torch_worker.runner(task, device, step)


def _distance(dims):
  """As pytorch-fid has it, between two sets of features of full rank."""
  try:
    import numpy as np
    import scipy
    import torch_fid_program
  except ImportError as error:
    raise ImportError(
      "this Python has no SciPy or no PyTorch; install them, or name one that "
      "has them with --torch-python"
    ) from error
  rng, sets = np.random.default_rng(0), []
  for scale in (1, 1.1):
    features = scale * rng.standard_normal((2 * dims, dims))
    sets.append((features.mean(0), np.cov(features, rowvar=False)))
  versions = f"scipy {scipy.__version__}, Python {platform.python_version()}"
  return lambda: torch_fid_program.distance(*sets), 0.0, versions


if __name__ == "__main__":
  worker.serve(build, torch_worker.peak)
