"""PyTorch's side of a measurement of label maps; started by `compare`."""

import torch_worker
import worker


def build(task):
  """Returns (run, compile seconds, versions) for a task of `compare`."""
  torch, device = torch_worker.prepare(task)
  import torch_geoseg_reference
  import torch_label_reference

  references = {"geoseg": torch_geoseg_reference}
  reference = references.get(task["system"], torch_label_reference)
  shape = (task["batch"], task["size"], task["width"])
  # What labels there are makes no difference to it.
  labels = torch.randint(
    task["channels"] - 1, shape, dtype=torch.uint8, device=device
  )
  instances = labels.int()
  pictures = torch.rand(shape[0], 3, *shape[1:], device=device) * 2 - 1
  step = reference.create(task, device)
  return torch_worker.runner(
    task, device, lambda: step(labels, instances, pictures)
  )


if __name__ == "__main__":
  worker.serve(build, torch_worker.peak)
