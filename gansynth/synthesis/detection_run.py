"""Detection data as a run: objects blended into backgrounds."""

import json
import os
import pathlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gansynth import environment
from gansynth.synthesis import detection_checks, generation, run_folder
from gansynth.synthesis.composer import Composed, Composer
from gansynth.synthesis.dataset_folder import PREVIEW, DatasetFolder
from gansynth.synthesis.detection_options import Options
from gansynth.synthesis.detection_plan import Plan

if TYPE_CHECKING:
  from gansynth.blender import Blender

# What may differ between two starts, because no picture depends on it.
_FREE = (
  "options.images",
  "options.output.preview",
  "options.output.segmentation",
)


class DetectionFolder(run_folder.RunFolder):
  """What the folder of a plan's run holds.

  Attributes:
    plan: what is made.
    files: where its pictures and labels go.
  """

  def __init__(self, plan: Plan, root: str | os.PathLike[str]) -> None:
    """Looks at what was made of `plan` in the folder `root`."""
    super().__init__(root)
    self.plan = plan
    self.files = DatasetFolder(self.root, plan)
    # The original draws over the whole run.
    self.free = _FREE[1:] if plan.options.mode == "original" else _FREE

  def __len__(self) -> int:
    return len(self.plan)

  def position(self, line: Mapping[str, Any]) -> int:
    """See `RunFolder`."""
    item = self.plan.find(line["source"], line["target"], line["index"])
    images = self.plan.options.images
    if item.index >= images:
      raise run_folder.BeyondRunError(self.root, item.index, images)
    return self.plan.position(item)

  def is_there(self, position: int) -> bool:
    """See `RunFolder`."""
    return self.files.picture(self.plan.item(position)).exists()

  def described(self) -> dict[str, Any]:
    """See `RunFolder`."""
    plan = self.plan
    described = {
      "options": plan.options.to_dict(),
      "objects": plan.objects.described(),
      "backgrounds": plan.backgrounds.described(),
    }
    if plan.distractors is not None:
      described["distractors"] = plan.distractors.described()
    if plan.real is not None:  # Objects may be drawn from them.
      text = json.dumps(plan.real.to_dict())
      described["real_labels_crc32"] = zlib.crc32(text.encode())
    return described

  def outputs(self) -> list[str]:
    """See `RunFolder`."""
    return [pair.folder or "images" for pair in self.plan.pairs]

  def check_inputs(self) -> None:
    """See `RunFolder`."""
    self.plan.check()

  def check_output(self) -> None:
    """See `RunFolder` and `detection_checks.check_output`."""
    detection_checks.check_output(self.plan, self.root)

  def complete(
    self, lines: list[dict[str, Any]], rejected: list[dict[str, Any]]
  ) -> None:
    """See `RunFolder`; nothing is ever rejected."""
    self.files.finish(lines)

  def sheets(self) -> list[pathlib.Path]:
    """See `RunFolder`."""
    if not self.plan.options.output.preview:
      return []
    return [self.root / pair.folder / PREVIEW for pair in self.plan.pairs]


class DetectionRun(generation.Run):
  """Blends the pictures of a plan."""

  def __init__(self, folder: DetectionFolder, blender: "Blender") -> None:
    """Makes what `folder` is for with `blender`, which is `steady`."""
    super().__init__(folder, blender.batch_size)
    self._blender = blender
    self._composer = Composer(folder.plan)
    self._about = {
      "blending": blender.made_by,
      "versions": environment.versions(),
    }

  @property
  def composer(self) -> Callable[[int], Composed]:
    """See `Run`."""
    return self._composer.at

  def described(self) -> dict[str, Any]:
    """See `Run`."""
    return {"blender": self._blender.made_by}

  def prepare(
    self, composed: Composed, again: bool = False
  ) -> generation.Prepared:
    """See `Run`; the payload is a triple, None if nothing is blended in."""
    if not again and self.folder.files.picture(composed.item).exists():
      return generation.Prepared(composed, None, None)
    if not composed.mask.any():
      return generation.Prepared(composed, None, "empty")
    triple = self._blender.prepare(
      composed.canvas, composed.background, composed.mask
    )
    return generation.Prepared(composed, triple, self._blender.group(triple))

  def make(self, batch: Sequence[generation.Prepared]) -> list[np.ndarray]:
    """See `Run`; returns uint8 (height, width, 3)."""
    if batch[0].group == "empty":
      return [prepared.composed.background for prepared in batch]
    return self._blender.blend([prepared.payload for prepared in batch])

  def write(
    self, composed: Composed, result: np.ndarray | None
  ) -> dict[str, Any]:
    """See `Run`."""
    if result is not None:
      self.folder.files.write(composed, result)
    return self.folder.files.line(composed, self._about)

  def problem(self, position: int, error: Exception) -> dict[str, Any]:
    """See `Run`."""
    plan = self.folder.plan
    item = plan.item(position)
    pair = plan.pairs[item.pair]
    return {
      "source": pair.source,
      "target": pair.target,
      "index": item.index,
      "problem": f"{plan.name(item)}: {error}",
    }


def create_folder(
  values: Mapping[str, Any], root: str | os.PathLike[str]
) -> DetectionFolder:
  """Opens the folder of a run of `Options.from_dict(values)`; without JAX."""
  return DetectionFolder(Plan(Options.from_dict(values)), root)


def recorded_options(root: str | os.PathLike[str]) -> Options:
  """Returns the options that a run was started with.

  Raises:
    ValueError: there is no run, or its record is damaged.
  """
  return Options.from_dict(run_folder.recorded(root)["options"])
