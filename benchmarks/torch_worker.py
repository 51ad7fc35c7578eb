"""PyTorch's side of a measurement; started by `compare`."""

import os
import platform
import time

import worker


def build(task):
  """Returns (run, compile seconds, versions) for a task of `compare`."""
  torch, device = prepare(task)
  import torch_reference

  shape = (task["batch"], 3, task["size"], task["size"])
  a, b = (torch.rand(shape, device=device) * 2 - 1 for _ in range(2))
  step = torch_reference.create(
    task["system"], task["what"], task["generator"], device, task["compile"]
  )
  return runner(task, device, lambda: step(a, b))


def prepare(task):
  """Imports PyTorch and sets it up; returns it and the device's name.

  Raises:
    ImportError: there is no PyTorch.
    ValueError: there is no GPU, and the task wants one.
  """
  try:
    import torch
  except ImportError as error:
    raise ImportError(
      "this Python has no PyTorch; install it (pip install torch), or name "
      "one that has it with --torch-python"
    ) from error
  if task["device"] == "gpu" and not torch.cuda.is_available():
    raise ValueError("PyTorch finds no GPU")
  torch.set_num_threads(len(os.sched_getaffinity(0)))
  torch.manual_seed(0)
  return torch, "cuda" if task["device"] == "gpu" else "cpu"


def runner(task, device, step):
  """Returns what `build` is to return, for a function that runs once."""
  import torch

  autocast = task["dtype"] == "bfloat16"

  def run():
    with torch.autocast(device, torch.bfloat16, enabled=autocast):
      step()
    if device == "cuda":
      torch.cuda.synchronize()

  start = time.perf_counter()
  if task["compile"]:
    run()
  seconds = time.perf_counter() - start
  versions = (
    f"torch {torch.__version__}, "
    f"{'compiled' if task['compile'] else 'eager'}, Python "
    f"{platform.python_version()}, "
    + (
      torch.cuda.get_device_name()
      if device == "cuda"
      else f"{torch.get_num_threads()} threads"
    )
  )
  return run, seconds, versions


def peak():
  """Peak MiB of the GPU's memory, None without."""
  import torch

  if not torch.cuda.is_initialized():
    return None
  return torch.cuda.max_memory_allocated() / 2**20


if __name__ == "__main__":
  worker.serve(build, peak)
