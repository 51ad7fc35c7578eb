"""The opponent of FID's benchmark computes what the library does."""

import pathlib
import re

import drawn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth import convert, resampling
from gansynth.models import inception

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"
# How a block's layers are listed: branches in the order of its channels.
_BRANCHES = (
  "branch1x1",
  "branch3x3",
  "branch5x5",
  "branch7x7",
  "branch7x7x3",
  "branch3x3dbl",
  "branch7x7dbl",
  "branch_pool",
)


def place(key):
  """Sorts keys as layers are made one after the other."""
  layer, _, branch = key.partition(".conv")[0].partition(".")
  name = re.sub(r"_\d\w?$", "", branch)
  return layer, _BRANCHES.index(name) if name else 0, branch


def test_matches_the_library(monkeypatch):
  torch = pytest.importorskip("torch")
  monkeypatch.syspath_prepend(str(BENCHMARKS))
  reference = __import__("torch_inception_reference")
  network = inception.FidInception(taps=(3,))
  x = np.random.default_rng(0).integers(0, 256, (1, 64, 80, 3), np.uint8)
  x = jnp.asarray(x, jnp.float32) / 255
  variables = drawn.variables(network, jnp.zeros((1, 299, 299, 3)))
  state = convert.to_state_dict({"name": "fid_inception"}, variables)
  theirs = reference.Inception().eval()
  target = {
    key: value
    for key, value in theirs.state_dict().items()
    if "num_batches" not in key
  }
  layers = [
    key.removesuffix(".conv.weight")
    for key in sorted((k for k in state if "conv" in k), key=place)
  ]
  given = [
    state[f"{layer}.{name}"]
    for layer in layers
    for name in (
      "conv.weight",
      "bn.weight",
      "bn.bias",
      "bn.running_mean",
      "bn.running_var",
    )
  ]
  pairs = zip(target, given, strict=True)
  arrays = {key: torch.tensor(array) for key, array in pairs}
  theirs.load_state_dict(arrays, strict=False)
  with torch.inference_mode():
    expected = theirs(torch.tensor(np.array(x).transpose(0, 3, 1, 2)))

  def features(variables, x):
    x = resampling.resize_bilinear(x, (299, 299))
    return network.clone(folded=True).apply(variables, 2 * x - 1)[0]

  quickly_compiled = {"xla_backend_optimization_level": 0}
  features = jax.jit(features, compiler_options=quickly_compiled)
  found = features(inception.fold(variables), x)
  assert np.abs(found).max() > 0.1
  np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-4)
