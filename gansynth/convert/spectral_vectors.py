"""Vectors of spectral normalisation that old files lack."""

from collections.abc import Mapping

import numpy as np
from absl import logging

_EPSILON = 1e-12  # of spectral normalisation


def complete(
  state: Mapping[str, np.ndarray], source: str
) -> dict[str, np.ndarray]:
  """Adds the vectors v to a file of PyTorch before 1.0, which has none.

  With u alone v is M^T u, normalised: one power iteration in training starts
  from the same u either way. Where the normalised `weight` is there too, v is
  scaled so that sigma is the one that the file was used with; the `weight` is
  dropped, as PyTorch drops it. A warning tells that vectors were added.

  Args:
    state: arrays by the original's keys.
    source: name of the file, for the warning.

  Returns:
    The state with a `weight_v` for each `weight_u`; of a newer file the state
    as it is.
  """
  state, count = dict(state), 0
  if any(key.endswith(".weight_v") for key in state):
    return state
  for key in [key for key in state if key.endswith(".weight_u")]:
    layer = key.removesuffix("_u")
    kernel, u = state.get(f"{layer}_orig"), state[key]
    if kernel is None or kernel.ndim != 4 or u.ndim != 1:
      continue
    # The outputs of a transposed convolution come second.
    moved = kernel if kernel.shape[0] == u.size else kernel.swapaxes(0, 1)
    matrix = moved.reshape(moved.shape[0], -1).astype(np.float64)
    if matrix.shape[0] != u.size:
      continue
    v = matrix.T @ u
    v /= max(np.linalg.norm(v), _EPSILON)
    folded = state.pop(layer, None)
    if folded is not None and folded.shape == kernel.shape:
      sigma = np.vdot(kernel, kernel) / np.vdot(kernel, folded)
      v *= sigma / (u @ matrix @ v)
    state[f"{layer}_v"] = v.astype(u.dtype)
    count += 1
  if count:
    logging.warning(
      "%s: %d vectors weight_v, which PyTorch before 1.0 did not save, are "
      "computed from weight_u",
      source,
      count,
    )
  return state
