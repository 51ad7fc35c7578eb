"""FID of two folders in plain PyTorch and SciPy, to compare times with.

python benchmarks/torch_fid_program.py FOLDER FOLDER [cpu|cuda]

The way of pytorch-fid: batches of 50, a process for each core that decodes,
activations in float64, SciPy's matrix root. Its weights are random.
"""

import os
import pathlib
import sys

import numpy as np
import scipy.linalg
import torch
import torch_inception_reference
from PIL import Image

_BATCH = 50


class _Folder(torch.utils.data.Dataset):
  def __init__(self, folder):
    self._files = sorted(pathlib.Path(folder).iterdir())

  def __len__(self):
    return len(self._files)

  def __getitem__(self, index):
    picture = np.array(Image.open(self._files[index]).convert("RGB"))
    return torch.from_numpy(picture).permute(2, 0, 1).float() / 255


def main(first, second, device="cpu"):
  torch.set_num_threads(len(os.sched_getaffinity(0)))
  torch.manual_seed(0)
  network = torch_inception_reference.Inception().eval().to(device)
  sets = [_statistics(network, folder, device) for folder in (first, second)]
  print(f"FID: {distance(*sets)}")


@torch.inference_mode()
def _statistics(network, folder, device):
  """Mean and covariance of the features of a folder's pictures."""
  pictures = torch.utils.data.DataLoader(
    _Folder(folder), _BATCH, num_workers=min(len(os.sched_getaffinity(0)), 8)
  )
  features = [network(batch.to(device)).cpu().numpy() for batch in pictures]
  features = np.concatenate(features).astype(np.float64)
  return features.mean(0), np.cov(features, rowvar=False)


def distance(first, second):
  """The Fréchet distance of two (mean, covariance)."""
  (mean_a, cov_a), (mean_b, cov_b) = first, second
  root = scipy.linalg.sqrtm(cov_a @ cov_b)
  delta = mean_a - mean_b
  traces = np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(root.real)
  return float(delta @ delta + traces)


if __name__ == "__main__":
  main(*sys.argv[1:])
