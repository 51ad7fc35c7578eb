"""Times ASAP-Nets beside pix2pixHD and SPADE, all of Cityscapes' 36 channels.

python benchmarks/asapnets.py --size 256 --batch 1 --device cpu
python benchmarks/asapnets.py --what train_step --systems asapnets

Generators of the published widths draw pictures twice as wide as high; all
systems, gansynth's and PyTorch's, take turns. What a system takes is compared
with its arithmetic, and gansynth with PyTorch. Scenes are procedural, or label
maps of a folder. A training step of all systems at once needs 32 GiB.
"""

import statistics
import sys

import compare
import label_maps

# Multiply-accumulates of the generators' convolutions and products, to those
# of ASAP-Nets (49 G at 256 x 512).
_ARITHMETIC = {"asapnets": 1.0, "pix2pixhd": 2.5, "spade": 5.8}
_CHANNELS = 36


def main():
  parser = compare.parser(__doc__, ("generate", "train_step"))
  parser.add_argument(
    "--systems",
    default=",".join(_ARITHMETIC),
    help="commas between; the first is what others are compared with",
  )
  parser.add_argument("--labels", default="", help="a folder of label maps")
  parser.add_argument(
    "--instances", default="", help="a folder of their instance maps"
  )
  parser.add_argument("--maps", type=int, default=1, help="how many to take")
  parser.set_defaults(
    what=["generate"],
    channels=_CHANNELS,
    features=64,
    vgg=False,
    sparse=None,
  )
  arguments = parser.parse_args()
  arguments.width = 2 * arguments.size
  arguments.systems = arguments.systems.split(",")
  if unknown := set(arguments.systems) - set(_ARITHMETIC):
    parser.error(f"{sorted(unknown)} is none of {', '.join(_ARITHMETIC)}")
  print(compare.machine())
  for what in arguments.what:
    _measure(what, arguments)


def _measure(what, arguments):
  sides = {}
  for system in arguments.systems:
    task = {**vars(arguments), "system": system, "what": what}
    for library, python, script in zip(
      ("gansynth", "torch"),
      (sys.executable, arguments.torch_python),
      label_maps.WORKERS,
      strict=True,
    ):
      try:
        sides[system, library] = compare.Worker(python, script, task)
      except compare.WorkerError as error:
        print(f"{library}'s {system} is left out: {error}", file=sys.stderr)
  compare.print_header(
    {
      library: worker
      for (system, library), worker in sides.items()
      if system == arguments.systems[0]
    },
    "{what}, {size} x {width} pixels, batch {batch}, {dtype}".format(
      **{**vars(arguments), "what": what}
    ),
  )
  turns = compare.take_turns(sides, arguments.repeats)
  for (system, library), worker in sides.items():
    compare.print_turns(
      system, library, worker, turns[system, library], arguments.batch
    )
  for kind, unit in (("processor time", "cpu_ms"), ("time passed", "ms")):
    medians = {
      side: statistics.median(turn[unit] for turn in turns[side])
      for side in sides
    }
    _print_ratios(kind, arguments.systems, medians)


def _print_ratios(kind, systems, medians):
  names = " : ".join(systems)
  first = _ARITHMETIC[systems[0]]
  arithmetic = [f"{_ARITHMETIC[system] / first:.1f}" for system in systems]
  print(f"{kind}, {names} (arithmetic {' : '.join(arithmetic)})")
  for library in ("gansynth", "torch"):
    times = [medians.get((system, library)) for system in systems]
    if None not in times:
      ratios = " : ".join(f"{time / times[0]:.1f}" for time in times)
      print(f"  {library}: {ratios}")
  for system in systems:
    ours, theirs = (
      medians.get((system, library)) for library in ("gansynth", "torch")
    )
    if ours and theirs:
      print(
        f"  {system}: gansynth takes {ours / theirs:.2f} of PyTorch's",
        flush=True,
      )


if __name__ == "__main__":
  main()
