"""Detection data: labelled objects blended into any backgrounds.

Example:
  from gansynth import detection

  options = detection.Options.from_dict({
    "images": 200,
    "objects": {"path": "crops"},
    "backgrounds": {"path": "tiles"},
  })
  detection.generate(options, "data")
"""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import ml_collections

from gansynth import files, images
from gansynth.blender import Blender
from gansynth.synthesis import background, detection_run, generation, run_folder
from gansynth.synthesis.background_sources import BackgroundSource
from gansynth.synthesis.composer import Composed
from gansynth.synthesis.detection_options import SYSTEM, Options
from gansynth.synthesis.detection_plan import Plan
from gansynth.synthesis.labels import yolo
from gansynth.synthesis.object_sources import ObjectSource
from gansynth.synthesis.run_report import Result, report

__all__ = [
  "SYSTEM",
  "Options",
  "Result",
  "create_blender",
  "create_run",
  "generate",
  "generate_image",
  "generate_on_beam",
  "remake",
  "report",
  "synthesize",
]

_METHODS = {"none": "paste"}  # the names that people know


def create_blender(options: Options) -> Blender:
  """Loads what blends a run.

  Raises:
    ValueError: options or weights that do not fit.
  """
  chosen = options.blending
  own = {}
  if chosen.method == "feather":
    own["feather"] = chosen.feather
  if chosen.method not in ("feather", "poisson", "paste"):
    own |= {"color_weight": chosen.color_weight, "sigma": chosen.sigma}
  return Blender.load(
    chosen.weights or None,
    _METHODS.get(chosen.method, chosen.method) or None,
    batch_size=chosen.batch_size,
    steady=True,
    **own,
  )


def create_run(
  values: Mapping[str, Any], root: str | os.PathLike[str]
) -> detection_run.DetectionRun:
  """Loads a run of `Options.from_dict(values)` in the folder `root`.

  Raises:
    ValueError: options, sources or weights that do not fit.
  """
  folder = detection_run.create_folder(values, root)
  blender = create_blender(folder.plan.options)
  return detection_run.DetectionRun(folder, blender)


def generate(
  options: Options,
  output: str | os.PathLike[str],
  *,
  shard: tuple[int, int] = (0, 1),
  workers: int | None = None,
) -> Result:
  """Makes a detection data set for every pair of domains.

  See `synthesis.generation.generate`.

  Args:
    options: what to make.
    output: folder to write to.
    shard: (i, n): every n-th picture from the i-th on.
    workers: processes that compose; 0: threads; None: as many as there are
      cores to spare.

  Raises:
    ValueError: options, sources or an output that cannot be used.
    OSError: results cannot be written.
  """
  workers = generation.num_workers(workers)
  run = create_run(options.to_dict(), output)
  return generation.generate(run, shard=shard, workers=workers)


def generate_on_beam(
  options: Options,
  output: str | os.PathLike[str],
  beam_options: Sequence[str] | None = None,
) -> Result:
  """Makes the same on the workers of an Apache Beam runner.

  See `synthesis.beam_pipeline.generate`.

  Args:
    options: what to make; paths must be absolute where workers have another
      working directory.
    output: folder to write to.
    beam_options: Beam's own, or its flags; None: its local runner.

  Raises:
    ModuleNotFoundError: Beam is not installed.
    ValueError: options, sources or an output that cannot be used.
  """
  from gansynth.synthesis import beam_pipeline  # Beam may be missing

  values = options.to_dict()
  return beam_pipeline.generate(
    functools.partial(detection_run.create_folder, values),
    functools.partial(create_run, values),
    output,
    batch_size=options.blending.batch_size,
    beam_options=beam_options,
  )


def remake(
  root: str | os.PathLike[str], name: str, output: str | os.PathLike[str]
) -> None:
  """Makes one picture of a run again, byte for byte.

  Args:
    root: folder of the run.
    name: of the picture, as its manifest has it.
    output: file to write to, of the same ending.

  Raises:
    ValueError: there is no such run or picture, what it was made of has
      changed, or another ending.
    OSError: the picture cannot be written.
  """
  options = detection_run.recorded_options(root)
  line = run_folder.find(root, name)
  ending = f".{options.output.picture}"
  if pathlib.Path(output).suffix != ending:
    raise ValueError(
      f"{output} does not end in {ending}, as the run's pictures"
    )
  run = create_run(options.to_dict(), root)
  run.compare()
  picture = run.again(run.folder.position(line))
  images.write(output, picture, options.output.quality)


def generate_image(
  options: Options,
  output: str | os.PathLike[str],
  *,
  crops: ObjectSource | None = None,
  backgrounds: BackgroundSource | None = None,
  canvas_name: str = "",
) -> Composed:
  """Makes one labelled picture, and its YOLO labels beside it.

  Args:
    options: what to make; in mode original `seed` is the canvas's own.
    output: picture to write, `png` or `jpg`; the labels go to the same name
      with `.txt`.
    crops: source of cut-outs; None: the one the options name.
    backgrounds: source of the background; None: the one the options name.
    canvas_name: of what `options.output.canvases` keeps; "": the output's.

  Returns:
    What was composed, with its labels.

  Raises:
    ValueError: options, sources or pictures that cannot be used.
    OSError: a file cannot be read or written.
  """
  output = pathlib.Path(output)
  background.check_format(output.suffix[1:].lower())
  # The name is the output's, whatever the domains.
  options = dataclasses.replace(
    options, output=dataclasses.replace(options.output, naming="plain")
  )
  plan = Plan(options, crops, backgrounds, counter=0)
  plan.check()
  # Nothing has to be the same as in a batch, which takes longer.
  alone = dataclasses.replace(
    options, blending=dataclasses.replace(options.blending, batch_size=1)
  )
  folder = detection_run.DetectionFolder(plan, output.parent)
  run = detection_run.DetectionRun(folder, create_blender(alone))
  composed = dataclasses.replace(
    run.composer(0), name=canvas_name or output.stem
  )
  picture = run.make([run.prepare(composed, again=True)])[0]
  if options.output.canvases:
    folder.files.write_canvas(composed)
  text = composed.label_text or yolo.format_lines(
    composed.labelled(output.name)
  )
  files.write_whole(output.with_suffix(".txt"), text.encode())
  images.write(output, picture, options.output.quality)
  return composed


def synthesize(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> Result:
  """Makes what a config of `configs/detection.py` says, in `workdir`.

  Of several hosts each takes its share.
  """
  values = config.to_dict()
  del values["system"]
  result = generate(
    Options.from_dict(values),
    workdir,
    shard=(jax.process_index(), jax.process_count()),
  )
  print(report(result, workdir))
  return result
