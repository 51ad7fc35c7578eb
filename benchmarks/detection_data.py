"""Times making detection data: one run against a process for each picture.

python benchmarks/detection_data.py --what speed,memory --size 608 --objects 3

`speed` makes labelled pictures with GP-GAN (a full-width network with random
weights) from crops with YOLO labels and JPEG tiles, in turns, by

- `run`: tools/synthetic_dataset_generation.py, once for all pictures;
- `process each`: tools/generate_synthetic_image.py, once for each picture, as
  the original climate program does; compiled programs are kept between them;
- `original batch`: the original's quick way, one process and one thread, as
  `detection_worker.py` imitates it in NumPy and SciPy;
- `original each`: computed from the latter and the seconds that each process
  of the original takes until its network is loaded.

All rates are of files to files. `steady` is what a run makes once it is under
way. `memory` watches a long run: it must not grow.
"""

import argparse
import itertools
import pathlib
import statistics
import sys
import tempfile

import compare
import detection_inputs
import numpy as np
import processes

_THINGS = ("speed", "memory")
_BATCH = 8
_ORIGINAL_START_S = 5.0  # 5 to 6 for each process, its authors say
_COLUMNS = "{:<28} {:>9} {:>11} {:>9} {:>22}"


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  add = parser.add_argument
  add("--what", default=",".join(_THINGS), help="commas between, of those two")
  add("--size", type=int, default=608, help="pixels a side")
  add("--objects", type=int, default=3, help="on a picture")
  add("--images", type=int, default=96, help="of one run, more than 32")
  add("--repeats", type=int, default=3)
  add("--workers", default="", help="of the run, commas between; its default")
  add("--device", default="cpu", choices=("cpu", "gpu"), help="of gansynth")
  add("--memory-images", type=int, default=1000)
  add(
    "--memory-method",
    default="feather,gp_gan",
    help="of blending, commas between",
  )
  arguments = parser.parse_args()
  things = arguments.what.split(",")
  if unknown := set(things) - set(_THINGS):
    parser.error(f"--what knows {_THINGS}, not {sorted(unknown)}")
  if arguments.images <= 4 * _BATCH:
    parser.error(f"--images is {arguments.images}; a run needs more than 32")
  print(compare.machine())
  with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    detection_inputs.write(folder, arguments.size)
    ways = _Ways(folder, arguments)
    try:
      if "speed" in things:
        _speed(ways, arguments)
      if "memory" in things:
        for method in arguments.memory_method.split(","):
          _memory(ways, method, arguments.memory_images)
    except (processes.ProgramError, compare.WorkerError) as error:
      sys.exit(f"error: {error}")


class _Ways:
  """The programs that make detection data, and what they get."""

  def __init__(self, folder, arguments):
    self._folder = folder
    self._arguments = arguments
    self._numbers = itertools.count()
    self._environment = {"JAX_COMPILATION_CACHE_DIR": str(folder / "cache")}
    if arguments.device == "cpu":
      self._environment["JAX_PLATFORMS"] = "cpu"
    self._common = ["--num-objects", str(arguments.objects)]

  def run(self, images, workers="", method="gp_gan", every=0.1):
    """Samples of one run of all pictures."""
    output = self._output()
    command = [
      "tools/synthetic_dataset_generation.py",
      *("--objects", str(self._folder / "crops")),
      *("--backgrounds", str(self._folder / "tiles")),
      *("--output", str(output)),
      *("--images", str(images)),
      *(("--workers", workers) if workers else ()),
      *self._blending(method),
    ]

    def count():
      found = (output / "images").glob("[!.]*.jpg")
      return sum(1 for _ in found)

    return processes.run(command, self._environment, count, every)

  def process_each(self, seed):
    """Samples of one process for one picture."""
    pictures, labels = detection_inputs.crops(self._folder)
    tiles = sorted((self._folder / "tiles").iterdir())
    command = [
      "tools/generate_synthetic_image.py",
      *("--object-images", *map(str, pictures)),
      *("--object-labels", *map(str, labels)),
      *("--background", str(tiles[seed % len(tiles)])),
      *("--output", str(self._output() / "picture.jpg")),
      *("--seed", str(seed)),
      *self._blending("gp_gan"),
    ]
    return processes.run(command, self._environment)

  def original(self):
    """A warm worker for the original's batch way."""
    task = {
      "inputs": str(self._folder),
      "output": str(self._output()),
      "size": self._arguments.size,
      "objects": self._arguments.objects,
    }
    return compare.Worker(sys.executable, "detection_worker.py", task)

  def _blending(self, method):
    weights = ()
    if method == "gp_gan":
      weights = ("--weights", str(self._folder / "blending_gan.npz"))
    return [*self._common, "--blending", method, *weights]

  def _output(self):
    output = self._folder / f"output_{next(self._numbers)}"
    output.mkdir()
    return output


def _speed(ways, arguments):
  chosen = arguments.workers.split(",")
  count = arguments.images
  # The turns below find the compiled programs in the cache.
  first = [ways.run(4 * _BATCH, chosen[0])[-1], ways.process_each(0)[-1]]
  print(
    f"first starts, with compilation: run {first[0].seconds:.1f} s for "
    f"{4 * _BATCH} pictures, process each {first[1].seconds:.1f} s"
  )
  original = ways.original()
  print(f"original: {original.about['versions']}")
  turns = {}  # (seconds, processor seconds) a picture, by way
  for turn in range(arguments.repeats):
    for workers in chosen:
      name = f"run, workers {workers}" if workers else "run"
      samples = ways.run(count, workers)
      end = samples[-1]
      turns.setdefault(f"{name}, all", []).append(
        (end.seconds / count, end.cpu_s / count)
      )
      turns.setdefault(f"{name}, steady", []).append(_steady(samples, count))
    for number in range(2):
      end = ways.process_each(2 * turn + number)[-1]
      turns.setdefault("process each", []).append((end.seconds, end.cpu_s))
    for _ in range(4):
      ran = original.run()
      seconds = ran["ms"] / 1000
      busy = ran["cpu_ms"] / 1000
      turns.setdefault("original batch", []).append((seconds, busy))
      turns.setdefault("original each", []).append(
        (seconds + _ORIGINAL_START_S, busy + _ORIGINAL_START_S)
      )
  original.close()
  _print_table(turns, arguments)


def _steady(samples, count):
  """(seconds, processor seconds) a picture between the first and the last."""
  first = next(sample for sample in samples if sample.done >= 2 * _BATCH)
  last = next(sample for sample in samples if sample.done == count)
  made = count - first.done
  return (
    (last.seconds - first.seconds) / made,
    (last.cpu_s - first.cpu_s) / made,
  )


def _print_table(turns, arguments):
  print(
    "{size} x {size} pixels, {objects} objects, {images} pictures a run, "
    "{device}".format(**vars(arguments))
  )
  each = turns["process each"]
  print(
    _COLUMNS.format(
      "", "images/s", "cpu s/image", "slowest", "against process each"
    )
  )
  for name, times in turns.items():
    seconds, busy = (statistics.median(x) for x in zip(*times, strict=True))
    ratios = [
      statistics.median(x) / own
      for x, own in zip(zip(*each, strict=True), (seconds, busy), strict=True)
    ]
    slowest = max(x for x, _ in times)
    print(
      _COLUMNS.format(
        name,
        f"{1 / seconds:.2f}",
        f"{busy:.3f}",
        f"{1 / slowest:.2f}",
        f"{ratios[0]:.1f} x, cpu {ratios[1]:.1f} x",
      ),
      flush=True,
    )


def _memory(ways, method, count):
  """Prints how the memory of one long run develops."""
  samples = ways.run(count, method=method, every=0.5)[:-1]
  watched = [each for each in samples if 2 * _BATCH <= each.done < count]
  later = [each for each in watched if each.done >= count / 2]
  if len(later) < 3:
    print(f"memory, {method}: too few pictures to tell", flush=True)
    return
  first, last = watched[0], watched[-1]
  rss = [each.rss_mib + each.children_mib for each in later]
  slope = 1024 * 1000 * np.polyfit([each.done for each in later], rss, 1)[0]
  # The heap grows by leaps, where its gaps are too small for once.
  reached = next(
    each.done for each in watched if each.peak_mib > last.peak_mib - 1
  )
  print(
    f"memory, {method}, {count} pictures: {rss[-1]:.0f} MiB resident "
    f"({first.rss_mib + first.children_mib:.0f} after {first.done} pictures), "
    f"{slope:+.0f} KB per 1000 pictures in the second half; peak "
    f"{last.peak_mib:.0f} MiB, reached by picture {reached}; "
    f"{samples[-1].peak_mib:.0f} with the files about all pictures",
    flush=True,
  )


if __name__ == "__main__":
  main()
