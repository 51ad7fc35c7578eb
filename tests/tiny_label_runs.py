"""Work directories of label-to-picture runs that were never trained."""

import json
import pathlib

import numpy as np
import tiny
import tiny_labels

from gansynth import checkpoints, systems
from gansynth import config as config_lib
from gansynth.metric_writer import JSON_LINES

SIZE = (32, 64)  # the least that street scenes have


def config(variant: str = "generator=pix2pixhd", /, **changes):
  """A variant of configs/semdisc.py made tiny."""
  made = config_lib.load(f"{tiny.ROOT}/configs/semdisc.py:{variant}")
  return tiny.changed(
    made,
    **{
      "generator__features": 2,
      "generator__num_downsampling": 1,
      "generator__num_blocks": 1,
      "discriminator__features": 2,
      "discriminator__num_layers": 2,
      "data__height": SIZE[0],
      "data__width": SIZE[1],
      "data__num_train": 4,
      "data__num_test": 3,
      **changes,
    },
  )


def make(workdir: pathlib.Path, made, seed: int = 0, step: int = 7):
  """Leaves a run with random weights; returns its state."""
  example = {
    "label": np.zeros((1, *SIZE), np.uint8),
    "instance": np.zeros((1, *SIZE), np.int32),
    "image": np.zeros((1, *SIZE, 3), np.uint8),
  }
  system = systems.create(made, steps_per_epoch=1)
  state = tiny_labels.random_state(system, example, seed)
  state = state.replace(step=np.int32(step))
  config_lib.record(made, workdir)
  with checkpoints.Checkpointer(workdir / checkpoints.FOLDER) as checkpointer:
    checkpointer.save(step, state, {})
  return state


def log(workdir: pathlib.Path, lines) -> None:
  """Leaves logged metrics, dicts with `step`."""
  text = "".join(json.dumps(line) + "\n" for line in lines)
  (workdir / JSON_LINES).write_text(text)
