"""Checks of DRN, on cases that are made here of narrow networks."""

import functools
import json

import jax
import numpy as np
import pytest
import tiny
import tiny_drn
from PIL import Image

from gansynth import parity
from gansynth.convert import drn as convert_drn
from gansynth.models import drn
from gansynth.parity import replayed

ARCH, CLASSES, SEED = "drn_d_22", 4, 3
KEPT = {"up.weight": "the fixed kernel"}


@pytest.fixture
def forward(monkeypatch):
  """What the original computes of a uint8 picture: (classes, ...) arrays."""
  depths = tiny_drn.shallow(monkeypatch, name=ARCH)

  def forward(picture, use_torch_up=False):
    shapes = convert_drn.state_shapes(ARCH, CLASSES, use_torch_up)
    state = replayed.replay(shapes, SEED, ("bn2.weight",), tuple(KEPT))
    state["up.weight"] = np.tile(drn.fixed_kernel(), (CLASSES, 1, 1, 1))
    x = (picture / 255 - drn.MEAN) / drn.DEVIATION
    x = x.astype(np.float32).transpose(2, 0, 1)
    compute = jax.jit(
      functools.partial(tiny_drn.forward, state, depths),
      compiler_options=tiny.FAST_COMPILE,
    )
    low, up = compute(x[None])
    if use_torch_up:
      return x, np.asarray(low), None
    up = np.asarray(up, np.float64)
    up -= np.log(np.exp(up).sum(1, keepdims=True))
    return x, np.asarray(low), up.astype(np.float32)

  return forward


def write(folder, inputs, outputs, **meta):
  meta = {
    "system": "drn",
    "constructor": {
      "cls": "DRNSeg",
      "model_name": ARCH,
      "classes": CLASSES,
    },
    "weights": {
      "recipe": {"rng": "one numpy.random.RandomState(seed)"},
      "seed": SEED,
      "small_suffixes": ["bn2.weight"],
      "not_drawn": KEPT,
    },
    **meta,
  }
  folder.mkdir(exist_ok=True)
  (folder / "case.json").write_text(json.dumps(meta))
  np.savez(folder / "inputs.npz", **inputs)
  np.savez(folder / "outputs.npz", **outputs)
  return {line.name: line for line in parity.run_case(folder)}


def draw(size):
  rng = np.random.default_rng(0)
  small = rng.integers(0, 256, (3, 4, 3), np.uint8)
  height, width = size
  return np.array(Image.fromarray(small).resize((width, height)))


def test_forward_and_what_it_notices(forward, tmp_path):
  shown = draw((30, 41))
  x, low, probabilities = forward(shown)
  outputs = {
    "z_net_input": x[None],
    "z_logits_low": low,
    "z_logsoftmax": probabilities,
    "z_pred": probabilities.argmax(1).astype(np.uint8),
  }
  meta = {
    "check": "segmentation_forward",
    "suggested_tolerance": "atol 5e-4 + rtol 5e-4 on logits; pred equal except "
    "where the top-2 margin < 2e-3",
  }
  lines = write(tmp_path, {"z": shown}, outputs, **meta)
  assert set(lines) == set(outputs)
  assert all(line.ok for line in lines.values())
  ordered = np.sort(probabilities, axis=1)
  close = ordered[:, -1] - ordered[:, -2] < 2e-3
  wrong = dict(outputs)
  wrong["z_logits_low"] = low + 0.01 * np.abs(low).max()
  place = np.unravel_index((~close).argmax(), close.shape)
  wrong["z_pred"] = outputs["z_pred"].copy()
  wrong["z_pred"][place] = (wrong["z_pred"][place] + 1) % CLASSES
  lines = write(tmp_path, {"z": shown}, wrong, **meta)
  failed = {name for name, line in lines.items() if not line.ok}
  assert failed == {"z_logits_low", "z_pred"}


def test_enlarging_between_corners_is_told_by_the_constructor(
  forward, tmp_path
):
  shown = draw((16, 24))
  _, low, _ = forward(shown, use_torch_up=True)
  constructor = {"model_name": ARCH, "classes": CLASSES, "use_torch_up": True}
  lines = write(
    tmp_path,
    {"z": shown},
    {"z_logits_low": low},
    check="segmentation_forward",
    constructor=constructor,
    suggested_tolerance="atol 1e-4",
  )
  assert lines["z_logits_low"].ok


def test_multi_scale_sums_classes_and_scores(forward, tmp_path):
  scales, shown = (0.5, 1.25), draw((30, 44))
  total, outputs = 0, {}
  for scale in scales:
    size = int(44 * scale), int(30 * scale)
    small = Image.fromarray(shown).resize(size, Image.Resampling.BICUBIC)
    x, _, probabilities = forward(np.array(small))
    planes = np.stack(
      [
        np.array(
          Image.fromarray(plane).resize((44, 30), Image.Resampling.BILINEAR)
        )
        for plane in probabilities[0]
      ]
    )
    outputs[f"resized_scale{scale}_0"] = planes[:3]
    outputs[f"ms_input_scale{scale}_img0_ch0"] = x[0]
    total = total + planes
  told = total.argmax(0)
  labels = np.random.default_rng(1).integers(0, CLASSES, told.shape)
  labels[:3] = 255
  outputs |= {"final0": total, "pred0": told.astype(np.uint8)}
  matrix = np.zeros((CLASSES, CLASSES), np.int64)
  counted = labels < 255
  np.add.at(matrix, (labels[counted], told[counted]), 1)
  with np.errstate(invalid="ignore"):
    hits = np.diag(matrix)
    ious = 100 * hits / (matrix.sum(0) + matrix.sum(1) - hits)
  outputs |= {
    "hist": matrix,
    "ious": ious,
    "miou_rounded": np.round(np.nanmean(ious), 2),
    "pix_acc": 100 * hits.sum() / matrix.sum(),
  }
  meta = {
    "check": "segmentation_multi_scale",
    "scales": scales,
    "suggested_tolerance": "final: atol 3e-3; pred equal where top-2 margin of "
    "final > 1e-2",
  }
  inputs = {"img0": shown, "label0": labels.astype(np.uint8)}
  lines = write(tmp_path, inputs, outputs, **meta)
  assert set(lines) == set(outputs)
  assert [str(line) for line in lines.values() if not line.ok] == []
  outputs["final0"] = total + 0.01
  outputs["ious"] = ious + 1e-6
  lines = write(tmp_path, inputs, outputs, **meta)
  failed = {name for name, line in lines.items() if not line.ok}
  assert failed == {"final0", "ious"}


def test_other_cases_are_refused(forward, tmp_path):
  shown = draw((16, 24))
  _, low, _ = forward(shown)
  meta = {"check": "segmentation_forward", "normalisation": {"mean": [0, 0, 0]}}
  with pytest.raises(parity.CaseError, match="normalised with mean"):
    write(tmp_path, {"z": shown}, {"z_logits_low": low}, **meta)
  constructor = {"cls": "DRN", "model_name": ARCH, "classes": CLASSES}
  meta = {"check": "segmentation_forward", "constructor": constructor}
  with pytest.raises(parity.CaseError, match="unknown network DRN"):
    write(tmp_path, {"z": shown}, {"z_logits_low": low}, **meta)
