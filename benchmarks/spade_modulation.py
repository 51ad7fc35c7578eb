r"""Times SPADE's modulation where label maps vary against the dense forms.

python benchmarks/spade_modulation.py --size 256 --maps 4 \
    --labels FOLDER --instances FOLDER

Single modulations at the resolutions and widths of the generator: with the
one-hot channels multiplied, with them looked up, and computed only where the
label map varies; how much the last differs from the first. The forms take
turns, each with every label map. `spade.py` times whole generators.

Label maps are resized to the size by nearest neighbours. Without a folder
they are procedural street scenes. There are as many input channels as with
COCO-Stuff.
"""

import argparse
import os
import statistics
import time

import compare

_HIDDEN, _KERNEL_SIZE = 128, 3
_COLUMNS = "{:>6} {:>8} {:>8} {:>9} {:>16} {:>16} {:>16} {:>8}"


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--labels", default="", help="a folder of label maps")
  parser.add_argument(
    "--instances", default="", help="a folder of their instance maps"
  )
  parser.add_argument("--maps", type=int, default=4, help="how many to take")
  parser.add_argument("--size", type=int, default=256, help="pixels a side")
  parser.add_argument("--batch", type=int, default=1)
  parser.add_argument("--features", type=int, default=64, help="ngf")
  parser.add_argument(
    "--dtype", default="float32", choices=("float32", "bfloat16")
  )
  parser.add_argument("--device", default="cpu", choices=("cpu", "gpu"))
  parser.add_argument("--repeats", type=int, default=9)
  arguments = parser.parse_args()
  arguments.width = arguments.size
  if arguments.device == "cpu":
    os.environ["JAX_PLATFORMS"] = "cpu"
  import jax

  from gansynth import host_memory

  host_memory.keep_freed()  # as tools/ do
  print(compare.machine())
  print(f"jax {jax.__version__}, {jax.devices()[0].device_kind}")
  print(
    "one modulation, {size} x {size} pixels the finest, batch {batch}, "
    "{dtype}: ms (those of all cores together)".format(**vars(arguments))
  )
  print(
    _COLUMNS.format(
      "pixels",
      "channels",
      "read",
      "computed",
      "one-hot",
      "looked up",
      "sparse",
      "differs",
    )
  )
  for row in _rows(arguments):
    print(_COLUMNS.format(*row), flush=True)
  print(
    "read: share of pixels in tiles without a constant; computed: share left "
    "when equal surroundings are computed once"
  )


def _rows(arguments):
  import jax
  import jax.numpy as jnp
  import numpy as np
  import spade_inputs

  from gansynth.models import sparse_modulation

  dtype = jnp.dtype(arguments.dtype)
  make_plan = jax.jit(sparse_modulation.plan, static_argnums=1)

  @jax.jit
  def modulate(x, semantics, weights, plan):
    return sparse_modulation.modulate(
      x, semantics, **weights, dtype=dtype, plan=plan
    )

  scenes = [
    spade_inputs.label_map(*scene, arguments.batch)
    for scene in spade_inputs.maps(vars(arguments))
  ]
  for pixels, channels in _levels(arguments):
    weights = jax.device_put(_weights(spade_inputs, channels))
    shape = (arguments.batch, pixels, pixels, channels)
    x = jax.random.normal(jax.random.key(0), shape, dtype)
    maps = [scene.resize((pixels, pixels)) for scene in scenes]
    plans = [make_plan(scene, _KERNEL_SIZE) for scene in maps]
    forms = {
      "one-hot": [(x, m.dense(dtype), weights, None) for m in maps],
      "looked up": [(x, m, weights, None) for m in maps],
    }
    shares = ["dense", ""]
    differs = ""
    if plans[0] is not None:
      forms["sparse"] = [
        (x, m, weights, p) for m, p in zip(maps, plans, strict=True)
      ]
      constants = 2 * spade_inputs.LABEL_CHANNELS
      shares = [
        f"{np.mean([(p.rows >= constants).mean() for p in plans]):.2f}",
        f"{np.mean([p.count / len(p.tiles) for p in plans]):.2f}",
      ]
      differences = [
        jnp.abs(modulate(*a) - modulate(*b)).max()
        for a, b in zip(forms["one-hot"], forms["sparse"], strict=True)
      ]
      differs = f"{max(map(float, differences)):.0e}"
    times = _interleave(modulate, forms, arguments.repeats)
    times = [
      "{:.1f} ({:.1f})".format(*times[name]) if name in times else ""
      for name in ("one-hot", "looked up", "sparse")
    ]
    yield pixels, channels, *shares, *times, differs


def _levels(arguments):
  """(pixels, channels) of the generator's modulations, the finest first."""
  size, width = arguments.size, arguments.features
  for i in range(4):
    yield size >> i, width << i + 1
    yield size >> i, width << i
  yield size >> 4, width << 4
  yield size >> 5, width << 4


def _weights(spade_inputs, channels):
  import jax
  import numpy as np

  def convolution(*widths):
    shape = (_KERNEL_SIZE, _KERNEL_SIZE, *widths)
    return {
      "kernel": jax.ShapeDtypeStruct(shape, np.float32),
      "bias": jax.ShapeDtypeStruct(widths[1:], np.float32),
    }

  return spade_inputs.fill(
    {
      "shared": convolution(spade_inputs.LABEL_CHANNELS + 1, _HIDDEN),
      "gamma": convolution(_HIDDEN, channels),
      "beta": convolution(_HIDDEN, channels),
    }
  )


def _interleave(function, forms, repeats):
  """Milliseconds, and those of all cores, that each form takes: medians."""
  turns = {name: [] for name in forms}
  for turn in range(repeats + 1):
    for name, calls in forms.items():
      for operands in calls:
        start, busy = time.perf_counter(), time.process_time()
        function(*operands).block_until_ready()
        ms = 1000 * (time.perf_counter() - start)
        cpu_ms = 1000 * (time.process_time() - busy)
        if turn:  # the first one compiles
          turns[name].append((ms, cpu_ms))
  return {
    name: [statistics.median(times) for times in zip(*each, strict=True)]
    for name, each in turns.items()
  }


if __name__ == "__main__":
  main()
