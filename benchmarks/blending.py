"""Times Gaussian-Poisson blending: the solver, whole GP-GAN, plain Poisson.

python benchmarks/blending.py --what solver,pipeline,batch,poisson \
    --sizes 512,608,1024,720x1280,2048 --dtype float32 --device cpu

The solver and the pipeline (full-width network with random weights included)
run against `scipy_blending.py`, a plain NumPy and SciPy program of one thread
in float64; plain Poisson against OpenCV's `seamlessClone` on a region of 90 %
of the picture. `batch` is the pipeline on 32 pictures of 608 x 608 pixels at
once. Pipeline and Poisson go from uint8 pictures to uint8 pictures.
"""

import argparse
import statistics
import sys

import compare

# What is measured: gansynth's opponent and its worker.
_OPPONENTS = {
  "solver": ("scipy", "scipy_worker.py"),
  "pipeline": ("scipy", "scipy_worker.py"),
  "batch": ("scipy", "scipy_worker.py"),
  "poisson": ("opencv", "opencv_worker.py"),
}
_BATCH, _BATCH_SIZE = 32, [608, 608]
_SECONDS = 60  # for the turns of one line, when they are long


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
    "--what", default=",".join(_OPPONENTS), help="commas between, of those four"
  )
  parser.add_argument(
    "--sizes",
    default="512,608,1024,720x1280,2048",
    help="sides, or HEIGHTxWIDTH, commas between",
  )
  parser.add_argument(
    "--dtype",
    default="float32",
    choices=("float32", "float64"),
    help="of gansynth; the opponents keep theirs",
  )
  parser.add_argument(
    "--device", default="cpu", choices=("cpu", "gpu"), help="of gansynth"
  )
  parser.add_argument("--repeats", type=int, default=10)
  parser.add_argument(
    "--cv-python",
    default=sys.executable,
    help="a Python that has OpenCV, if this one has not",
  )
  arguments = parser.parse_args()
  things = arguments.what.split(",")
  if unknown := set(things) - set(_OPPONENTS):
    parser.error(f"--what knows {[*_OPPONENTS]}, not {sorted(unknown)}")
  try:
    sizes = [_size(text) for text in arguments.sizes.split(",")]
  except ValueError:
    parser.error(f"--sizes takes 512 or 720x1280, not {arguments.sizes!r}")
  print(compare.machine())
  known, ratios = set(), []
  for what in things:
    for size in [_BATCH_SIZE] if what == "batch" else sizes:
      line = _measure(what, size, arguments, known)
      ratios += [line] if line else []
  print("\n".join(ratios))


def _size(text):
  sides = [int(side) for side in text.split("x")]
  if len(sides) > 2 or min(sides) < 1:
    raise ValueError(text)
  return sides * 2 if len(sides) == 1 else sides


def _measure(what, size, arguments, known):
  """Prints the lines of one measurement; returns the one of its ratio."""
  task = {
    "what": "pipeline" if what == "batch" else what,
    "size": size,
    "batch": _BATCH if what == "batch" else 1,
    "dtype": arguments.dtype,
    "device": arguments.device,
  }
  sides = {
    "gansynth": compare.Worker(sys.executable, "blending_worker.py", task)
  }
  opponent, script = _OPPONENTS[what]
  python = arguments.cv_python if opponent == "opencv" else sys.executable
  try:
    sides[opponent] = compare.Worker(python, script, task)
  except compare.WorkerError as error:
    print(f"nothing to compare with: {error}", file=sys.stderr)
  if new := {name: side for name, side in sides.items() if name not in known}:
    compare.print_header(new, f"gansynth in {arguments.dtype}")
    known.update(new)
  label = f"{what} {size[0]}x{size[1]}"
  # The opponents take one picture after the other: one of them tells.
  pictures = {"gansynth": task["batch"], opponent: 1}
  times = compare.measure(label, sides, arguments.repeats, pictures, _SECONDS)
  ours = times["gansynth"]
  if opponent not in times:
    return None
  theirs = times[opponent]
  ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
  return (
    f"{label}: {statistics.median(ours):.1f} ms a picture, "
    f"{statistics.median(theirs) / statistics.median(ours):.1f} times as fast "
    f"as {opponent} (single turns {ratios[0]:.1f} to {ratios[-1]:.1f}, best "
    f"against best {min(theirs) / min(ours):.1f})"
  )


if __name__ == "__main__":
  main()
