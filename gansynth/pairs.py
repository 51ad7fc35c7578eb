"""Image-mask pairs: masks drawn and changed, pictures of them, a filter.

Example:
  from gansynth import pairs

  options = pairs.Options.from_dict({
    "pairs": 500,
    "generator": {"weights": "runs/geoseg"},
    "filter": {"segmenter": "runs/segmenter", "tau": 0.6},
  })
  pairs.generate(options, "pairs")
"""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from gansynth import config as config_lib
from gansynth import images, segmenters
from gansynth import weights as weights_lib
from gansynth.label_translator import LabelTranslator
from gansynth.synthesis import generation, journal, run_folder, run_report
from gansynth.synthesis.pair_folder import PairFolder, create_folder
from gansynth.synthesis.pair_options import (
  DEFAULT_SIZE,
  FilterOptions,
  Options,
)
from gansynth.synthesis.pair_run import PairRun
from gansynth.synthesis.run_report import Result

__all__ = [
  "Options",
  "Result",
  "completed",
  "create_run",
  "create_segmenter",
  "create_translator",
  "generate",
  "generate_on_beam",
  "remake",
  "report",
]


def completed(options: Options) -> Options:
  """Fills in the labels of masks where only the generator knows them.

  Raises:
    ValueError: there is no generator.
  """
  place = options.generator.weights
  if not place:
    raise ValueError(
      "generator.weights is not set; name the run, the converted network or "
      "the file that makes the pictures (--run)"
    )
  of_run = (pathlib.Path(place) / config_lib.RECORD).exists()
  if of_run or options.masks.num_labels:
    return options
  shown = weights_lib.load_label_networks(place).conditioning
  if not shown.num_labels:
    raise ValueError(
      f"{place} is shown pictures, not labels; pairs need a generator that is "
      "shown label maps"
    )
  masks = dataclasses.replace(
    options.masks, num_labels=shown.num_labels, dont_care=shown.dont_care
  )
  return dataclasses.replace(options, masks=masks)


def create_translator(options: Options) -> LabelTranslator:
  """Loads what makes the pictures of a run.

  Raises:
    ValueError: options or weights that do not fit.
  """
  chosen = options.generator
  return LabelTranslator.load(
    chosen.weights,
    chosen.step,
    # A device's share is the same on any number of devices, and so are bytes.
    batch_size=chosen.batch_size * jax.local_device_count(),
    mode=chosen.mode,
    seed=chosen.seed,
    instances=chosen.instances,
    features=chosen.features or None,
  )


def create_segmenter(
  options: Options, num_classes: int
) -> segmenters.Segmenter | None:
  """Loads what filters the pairs of a run; None: nothing does.

  Raises:
    ValueError: there is no such segmenter.
  """
  chosen = options.filter
  if not chosen.segmenter:
    return None
  size, batch_size = chosen.size, 0
  if not _is_torchscript(chosen):
    batch_size = segmenters.BATCH_SIZE * jax.local_device_count()
  elif not size and options.mode == "original":
    size = DEFAULT_SIZE  # in which the original shows it pictures of any size
  return segmenters.load(
    chosen.segmenter,
    chosen.kind,
    num_classes,
    step=chosen.step,
    batch_size=batch_size,
    size=size,
  )


def create_run(
  values: Mapping[str, Any], root: str | os.PathLike[str]
) -> PairRun:
  """Loads the networks of a run, and looks at its folder `root`.

  Args:
    values: `Options.to_dict` of `completed` options.
    root: folder to write to.

  Raises:
    ValueError: options, masks or networks that do not fit.
  """
  folder = create_folder(values, root)
  options = folder.plan.options
  return PairRun(
    folder,
    create_translator(options),
    create_segmenter(options, folder.plan.masks.num_labels),
  )


def generate(
  options: Options,
  output: str | os.PathLike[str],
  *,
  shard: tuple[int, int] = (0, 1),
  workers: int | None = None,
) -> Result:
  """Makes image-mask pairs; see `synthesis.generation.generate`.

  Args:
    options: what to make.
    output: folder to write to.
    shard: (i, n): every n-th pair from the i-th on.
    workers: processes that change masks; 0: threads; None: as many as there
      are cores to spare.

  Raises:
    ValueError: options, masks, networks or an output that cannot be used.
    OSError: results cannot be written.
  """
  run = create_run(completed(options).to_dict(), output)
  return generation.generate(run, shard=shard, workers=workers)


def generate_on_beam(
  options: Options,
  output: str | os.PathLike[str],
  beam_options: Any = None,
) -> Result:
  """Makes image-mask pairs on the workers of an Apache Beam runner.

  Args:
    options: what to make; paths are absolute, or the same for all workers.
    output: folder to write to, which all workers see at the same path.
    beam_options: see `synthesis.beam_pipeline.generate`.

  Raises:
    ModuleNotFoundError: Beam is not installed.
    ValueError: as `generate`; or the workers could not go on.
  """
  from gansynth.synthesis import beam_pipeline  # Beam may be missing

  options = completed(options)
  values = options.to_dict()
  return beam_pipeline.generate(
    functools.partial(create_folder, values),
    functools.partial(create_run, values),
    output,
    batch_size=options.generator.batch_size,
    beam_options=beam_options,
  )


def remake(
  root: str | os.PathLike[str],
  names: Sequence[str],
  target: str | os.PathLike[str],
) -> list[float | None]:
  """Makes pairs of a run again, also those that were rejected.

  Args:
    root: folder of the run.
    names: of the pairs, such as `pair_00012`.
    target: another folder, to write them to.

  Returns:
    Their mean IoU; None where nothing filters the run.

  Raises:
    ValueError: there is no such run or pair, or what they were made of has
      changed; nothing is written then.
    OSError: a file cannot be written.
  """
  if pathlib.Path(target).resolve() == pathlib.Path(root).resolve():
    raise ValueError(
      f"{target} is the run's own folder, which is to hold what was kept; "
      "choose another"
    )
  indices = [run_folder.find(root, name)["index"] for name in names]
  run = create_run(run_folder.recorded(root)["options"], root)
  run.compare()
  folder = PairFolder(run.folder.plan, target)
  scores = []
  for index in indices:
    made = run.again(index)
    folder.write(run.composer(index), images.to_uint8(made.picture))
    scores.append(made.iou)
  return scores


def report(result: Result, output: str | os.PathLike[str]) -> str:
  """Says what a run did, in a few lines.

  The last one counts the pairs of all starts and shards until now, in the
  words of Geoseg-GAN.
  """
  root = pathlib.Path(output)
  lines = {x["index"]: x for x in journal.read(root) if "problem" not in x}
  kept = sum(not line.get("rejected") for line in lines.values())
  tau = run_folder.recorded(root)["options"]["filter"]["tau"]
  said = [run_report.report(result, output)]
  scores = [line["iou"] for line in lines.values() if "iou" in line]
  if scores:
    low, middle, high = np.quantile(scores, (0.1, 0.5, 0.9))
    said.append(
      f"mean IoU: a tenth below {low:.2f}, half below {middle:.2f}, a tenth "
      f"above {high:.2f}"
    )
  said.append(f"Generated {len(lines)} pairs, kept {kept} with tau={tau}")
  return "\n".join(said)


def _is_torchscript(chosen: FilterOptions) -> bool:
  path = pathlib.Path(chosen.segmenter)
  return (
    chosen.kind in ("auto", "torchscript")
    and path.is_file()
    and segmenters.is_torchscript(path)
  )
