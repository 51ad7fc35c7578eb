r"""Times SPADE's modulation where label maps vary against the dense forms.

python benchmarks/spade_modulation.py --what levels,generator --size 256 \
    --maps 4 --labels FOLDER --instances FOLDER

`levels`: single modulations at the resolutions and widths of the generator:
with the one-hot channels multiplied, with them looked up, and computed only
where the label map varies, which also is compared with the first. `generator`:
the whole network with random weights, dense and sparse, against the same in
plain eager PyTorch; turns go through the label maps.

Label maps are resized to the size by nearest neighbours. Without a folder
they are procedural street scenes, which are more uniform than photographs'.
There are as many input channels as with COCO-Stuff.
"""

import argparse
import os
import statistics
import sys
import time

import compare

_THINGS = ("levels", "generator")
_HIDDEN, _KERNEL_SIZE = 128, 3
_SECONDS = 120  # for the turns of the generators
_COLUMNS = "{:>6} {:>8} {:>7} {:>9} {:>20} {:>20} {:>20} {:>9}"


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
    "--what", default=",".join(_THINGS), help="commas between, of those two"
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
  parser.add_argument(
    "--torch-python",
    default=sys.executable,
    help="a Python that has PyTorch, if this one has not",
  )
  arguments = parser.parse_args()
  things = arguments.what.split(",")
  if unknown := set(things) - set(_THINGS):
    parser.error(f"--what knows {_THINGS}, not {sorted(unknown)}")
  print(compare.machine())
  if "levels" in things:
    _levels(arguments)
  if "generator" in things:
    _generator(arguments)


def _levels(arguments):
  if arguments.device == "cpu":
    os.environ["JAX_PLATFORMS"] = "cpu"
  import jax
  import jax.numpy as jnp
  import numpy as np
  import spade_inputs

  from gansynth import host_memory
  from gansynth.models import sparse_modulation

  host_memory.keep_freed()
  print(f"jax {jax.__version__}, {jax.devices()[0].device_kind}")
  print("milliseconds (all cores together) of one modulation, medians")
  print(
    _COLUMNS.format(
      "pixels",
      "channels",
      "varying",
      "computed",
      "one-hot",
      "looked up",
      "sparse",
      "differs",
    )
  )
  dtype = jnp.dtype(arguments.dtype)
  plan = jax.jit(sparse_modulation.plan, static_argnums=1)

  @jax.jit
  def modulate(x, semantics, weights, plan):
    return sparse_modulation.modulate(
      x, semantics, **weights, dtype=dtype, plan=plan
    )

  scenes = [
    spade_inputs.label_map(*scene, arguments.batch)
    for scene in spade_inputs.maps(vars(arguments))
  ]
  shape = jax.ShapeDtypeStruct
  for pixels, channels in _level_widths(arguments):
    weights = {
      name: {
        "kernel": shape((_KERNEL_SIZE, _KERNEL_SIZE, *widths), np.float32),
        "bias": shape(widths[1:], np.float32),
      }
      for name, widths in (
        ("shared", (spade_inputs.LABEL_CHANNELS + 1, _HIDDEN)),
        ("gamma", (_HIDDEN, channels)),
        ("beta", (_HIDDEN, channels)),
      )
    }
    weights = jax.device_put(spade_inputs.fill(weights))
    maps = [scene.resize((pixels, pixels)) for scene in scenes]
    x = jax.random.normal(
      jax.random.key(0), (arguments.batch, pixels, pixels, channels), dtype
    )
    plans = [plan(scene, _KERNEL_SIZE) for scene in maps]
    forms = {
      "one-hot": [(m.dense(dtype), weights, None) for m in maps],
      "looked up": [(m, weights, None) for m in maps],
    }
    sparse = plans[0] is not None
    if sparse:
      forms["sparse"] = [
        (m, weights, p) for m, p in zip(maps, plans, strict=True)
      ]
    inputs = {
      name: [(x, *operands) for operands in each]
      for name, each in forms.items()
    }
    times = _interleave(modulate, inputs, arguments.repeats)
    row = {name: "{:.1f} ({:.1f})".format(*ms) for name, ms in times.items()}
    varying = computed = differs = "-"
    if sparse:
      first = 2 * spade_inputs.LABEL_CHANNELS
      varying = f"{np.mean([(p.rows >= first).mean() for p in plans]):.2f}"
      shares = [p.count / len(p.tiles) for p in plans]
      computed = f"{np.mean(shares):.2f}"
      differs = max(
        float(jnp.abs(modulate(*a) - modulate(*b)).max())
        for a, b in zip(inputs["one-hot"], inputs["sparse"], strict=True)
      )
      differs = f"{differs:.0e}"
    print(
      _COLUMNS.format(
        pixels,
        channels,
        varying,
        computed,
        row["one-hot"],
        row["looked up"],
        row.get("sparse", "-"),
        differs,
      ),
      flush=True,
    )


def _level_widths(arguments):
  """(pixels, channels) of the generator's modulations, the finest first."""
  size, width = arguments.size, arguments.features
  levels = [(size >> i, width << i) for i in range(4)]
  for pixels, channels in levels:
    yield pixels, 2 * channels
    yield pixels, channels
  yield size >> 4, 16 * width
  yield size >> 5, 16 * width


def _interleave(function, inputs, repeats):
  """Milliseconds, and those of all cores, that each form takes: medians."""
  turns = {name: [] for name in inputs}
  for turn in range(repeats + 1):
    for name, calls in inputs.items():
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


def _generator(arguments):
  import spade_inputs

  task = {**vars(arguments), "channels": spade_inputs.LABEL_CHANNELS + 1}
  del task["what"], task["torch_python"]
  sides = {
    name: compare.Worker(
      sys.executable, "spade_worker.py", {**task, "sparse": name == "sparse"}
    )
    for name in ("dense", "sparse")
  }
  try:
    sides["torch"] = compare.Worker(
      arguments.torch_python, "spade_torch_worker.py", task
    )
  except compare.WorkerError as error:
    print(f"nothing to compare with: {error}", file=sys.stderr)
  compare.print_header(
    sides,
    "SPADE, {size} x {size} pixels, batch {batch}, {dtype}".format(**task),
  )
  times = compare.measure(
    "generator",
    sides,
    arguments.repeats,
    dict.fromkeys(sides, task["batch"]),
    _SECONDS,
  )
  medians = {name: statistics.median(each) for name, each in times.items()}
  for ours, theirs in (
    ("sparse", "dense"),
    ("dense", "torch"),
    ("sparse", "torch"),
  ):
    if theirs in medians:
      print(
        f"{ours} takes {medians[ours] / medians[theirs]:.2f} of {theirs}'s "
        f"time (best against best "
        f"{min(times[ours]) / min(times[theirs]):.2f})"
      )


if __name__ == "__main__":
  main()
