r"""Times FID: the network's forward pass, the distance, two whole folders.

python benchmarks/inception.py --what forward,distance,folders --size 256 \
    --batch 16 --pictures 500 --dtype float32 --device cpu

`forward` is Inception with the resizing before it, against plain PyTorch
(`torch_inception_reference.py`). `distance` is that of two sets of 2048
features, against SciPy's matrix root. `folders` are whole programs from start
to end, tools/evaluate.py against `torch_fid_program.py`: imports, compilation
(nothing is cached in the first turn, all of it in the others), decoding,
network and distance. All weights are random.
"""

import pathlib
import statistics
import sys
import tempfile

import compare
import numpy as np
import processes

from gansynth import images

_SCRIPTS = {
  "gansynth": "inception_worker.py",
  "torch": "torch_inception_worker.py",
}
_SECONDS = 60  # for the turns of one line, when they are long
_DIMS = 2048
# Idle threads of PyTorch that spin would cost it time on a busy machine.
_QUIET = {"OMP_WAIT_POLICY": "PASSIVE"}


def main():
  parser = compare.parser(__doc__, ("forward", "distance", "folders"))
  parser.add_argument(
    "--pictures", type=int, default=500, help="in each of the two folders"
  )
  parser.set_defaults(batch=16)
  arguments = parser.parse_args()
  print(compare.machine())
  for what in arguments.what:
    if what == "folders":
      _folders(arguments)
    else:
      _turns(what, arguments)


def _turns(what, arguments):
  """Lets warm workers take turns at the network or the distance."""
  task = {**vars(arguments), "what": what, "dims": _DIMS}
  pythons = {"gansynth": sys.executable, "torch": arguments.torch_python}
  sides = {}
  for name, script in _SCRIPTS.items():
    try:
      sides[name] = compare.Worker(pythons[name], script, task)
    except compare.WorkerError as error:
      if name == "gansynth":
        raise
      print(f"nothing to compare with: {error}", file=sys.stderr)
  compare.print_header(
    sides,
    "forward, {size} x {size} pixels, batch {batch}, {dtype}".format(**task)
    if what == "forward"
    else f"distance in {_DIMS} dimensions",
  )
  pictures = dict.fromkeys(sides, task["batch"] if what == "forward" else 1)
  times = compare.measure(what, sides, arguments.repeats, pictures, _SECONDS)
  if len(times) == 2:
    _print_ratio(what, *times.values())


def _folders(arguments):
  """Lets whole programs take turns."""
  with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    places = [
      _make(folder / name, arguments.pictures, arguments.size, seed)
      for seed, name in enumerate(("real", "synthetic"))
    ]
    device = {"cpu": "cpu", "gpu": "cuda"}[arguments.device]
    ours = [
      "tools/evaluate.py",
      *places,
      *("--metrics", "fid", "--random-features"),
      *("--batch-size", str(arguments.batch)),
    ]
    theirs = ["benchmarks/torch_fid_program.py", *places, device]
    environment = {"JAX_COMPILATION_CACHE_DIR": str(folder / "cache")}
    if arguments.device == "cpu":
      environment["JAX_PLATFORMS"] = "cpu"
    turns = {"gansynth": [], "torch": []}
    for turn in range(min(arguments.repeats, 3)):
      ends = {"gansynth": processes.run(ours, environment)[-1]}
      try:
        ends["torch"] = processes.run(
          theirs, _QUIET, python=arguments.torch_python
        )[-1]
      except processes.ProgramError as error:
        print(f"nothing to compare with: {error}", file=sys.stderr)
      for name, end in ends.items():
        turns[name].append(end.seconds)
        print(
          f"folders, turn {turn + 1}: {name} {end.seconds:.1f} s, "
          f"{end.cpu_s:.1f} s of all cores",
          flush=True,
        )
  if turns["torch"]:
    _print_ratio("folders", *turns.values())


def _make(folder, count, size, seed):
  """A folder of PNG of soft blobs and some noise."""
  folder.mkdir()
  rng = np.random.default_rng(seed)
  for number in range(count):
    coarse = rng.integers(0, 256, (8, 8, 3), np.uint8)
    picture = images.resize(coarse, (size, size)).astype(np.int16)
    picture += rng.integers(-8, 9, picture.shape, np.int16)
    picture = picture.clip(0, 255).astype(np.uint8)
    images.write(folder / f"{number:05d}.png", picture)
  return str(folder)


def _print_ratio(what, ours, theirs):
  ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
  print(
    f"{what}: gansynth takes "
    f"{statistics.median(ours) / statistics.median(theirs):.2f} of the "
    f"other's time (single turns {ratios[0]:.2f} to {ratios[-1]:.2f}, best "
    f"against best {min(ours) / min(theirs):.2f})",
    flush=True,
  )


if __name__ == "__main__":
  main()
