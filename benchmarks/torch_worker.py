"""PyTorch's side of a measurement; started by `compare`."""

import os
import platform

import worker


def build(task):
  """Returns (run, compile seconds, versions) for a task of `compare`."""
  try:
    import torch
  except ImportError as error:
    raise ImportError(
      "this Python has no PyTorch; install it (pip install torch), or name "
      "one that has it with --torch-python"
    ) from error
  import torch_reference

  if task["device"] == "gpu" and not torch.cuda.is_available():
    raise ValueError("PyTorch finds no GPU")
  device = "cuda" if task["device"] == "gpu" else "cpu"
  torch.set_num_threads(len(os.sched_getaffinity(0)))
  torch.manual_seed(0)
  shape = (task["batch"], 3, task["size"], task["size"])
  a, b = (torch.rand(shape, device=device) * 2 - 1 for _ in range(2))
  step = torch_reference.create(
    task["system"], task["what"], task["generator"], device
  )
  autocast = task["dtype"] == "bfloat16"

  def run():
    with torch.autocast(device, torch.bfloat16, enabled=autocast):
      step(a, b)
    if device == "cuda":
      torch.cuda.synchronize()

  versions = (
    f"torch {torch.__version__}, eager, Python {platform.python_version()}, "
    + (
      torch.cuda.get_device_name()
      if device == "cuda"
      else f"{torch.get_num_threads()} threads"
    )
  )
  return run, 0.0, versions


def _peak():
  import torch

  if not torch.cuda.is_initialized():
    return None
  return torch.cuda.max_memory_allocated() / 2**20


if __name__ == "__main__":
  worker.serve(build, _peak)
