"""Recorded cases of the original programs, through the parity runner.

`goldens/` holds some; with GANSYNTH_GOLDENS naming a folder of
<system>/<case>, all of those are run too.
"""

import importlib.util
import json
import os
import pathlib
import shutil

import numpy as np
import pytest

from gansynth import parity
from gansynth.parity import runner

ROOT = pathlib.Path(__file__).parents[2]
GOLDENS = pathlib.Path(__file__).parent / "goldens"
SHARED = os.environ.get("GANSYNTH_GOLDENS")
# Whole steps, VGG19 and DRN.
SLOW = (
  "train_steps",
  "loss_terms",
  "perceptual_loss",
  "feature_forward",
  "segmentation_forward",
)
# Checks whose cases are too large to be kept here.
NOT_KEPT = {
  ("spade", "generator_vae_forward"),
  ("spade", "original_run"),
  ("semdisc", "loss_terms"),
  ("semdisc", "train_steps"),
  ("geoseg", "generator_discriminator_forward"),
  ("geoseg", "original_run"),
  ("drn", "segmentation_multi_scale"),
}


def cases(root):
  systems = runner.SYSTEMS if root else ()
  return [
    pytest.param(path.parent, id="/".join(path.parts[-3:-1]), marks=marks(path))
    for system in systems
    for path in sorted(pathlib.Path(root).glob(f"{system}/*/case.json"))
  ]


def marks(path):
  check = json.loads(path.read_text())["check"]
  return [pytest.mark.slow] if check in SLOW else []


def load_tool(name):
  spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


tool = load_tool("parity").main


def check(folder):
  lines = list(parity.run_case(folder))
  assert [str(line) for line in lines if not line.ok] == []
  assert any(line.tolerance for line in lines)
  return {line.name for line in lines}


@pytest.mark.parametrize("folder", cases(GOLDENS))
def test_matches_the_original(folder):
  assert "not compared" not in check(folder)


@pytest.mark.skipif(not SHARED, reason="GANSYNTH_GOLDENS is not set")
@pytest.mark.parametrize("folder", cases(SHARED))
def test_matches_the_original_in_all_recorded_cases(folder):
  check(folder)


def test_every_check_has_a_case():
  kinds = set()
  for folder in GOLDENS.glob("*/*"):
    meta = json.loads((folder / "case.json").read_text())
    kinds.add((meta["system"], meta["check"]))
  # These have checks of files that no case can hold alone.
  for system in set(runner.SYSTEMS) - {"pix2pix", "gpgan"}:
    checks = {kind for kind in runner.checks() if kind[0] == system}
    assert checks - NOT_KEPT <= kinds
  assert {("pix2pix", "train_steps"), ("pix2pix", "original_run")} <= kinds


@pytest.fixture
def copy(tmp_path):
  """Returns a function that copies a case, its arrays changed."""

  def copy(name, change=None, meta=None):
    folder = tmp_path / name.replace("/", "_")
    shutil.copytree(GOLDENS / name, folder)
    path = folder / "outputs.npz"
    if change is not None:
      with np.load(path) as arrays:
        outputs = dict(arrays)
      change(outputs)
      np.savez(path, **outputs)
    if meta is not None:
      path = folder / "case.json"
      path.write_text(json.dumps(json.loads(path.read_text()) | meta))
    return folder

  return copy


@pytest.mark.parametrize(
  ("name", "array", "error"),
  [
    ("cyclegan/ckpt_2017_zeropad", "y", 4e-5),
    ("cyclegan/discriminators", "n1_batch/train", 6e-5),
    (
      "cyclegan/discriminators",
      "n1_batch/after_train/model.3.running_var",
      6e-5,
    ),
    ("cyclegan/gan_losses", "lsgan/fake/dpred", 1e-4),
    ("cyclegan/gan_losses", "gp/mixed/value", 1e-3),
    ("cyclegan/image_pool", "final_pool", 1),
    ("cleanfid_resize/resize", "up_clean_rows", 1e-4),
    ("cyclegan/preprocess", "out4", 1e-2),
    ("cyclegan/tensor2im", "gray", 1),
    ("climate/augment_256", "canvas_3", 1),
    ("climate/augment_256", "used_29", 1),
    ("climate/augment_608", "mask_bits_50", 1),
    ("climate/augment_608", "labels_47", 2e-12),
    ("climate/augment_crowded", "draws_111", 1),
    ("spade/losses", "w/D_real/grad1", 2e-6),
    ("spade/losses", "KLD_unweighted", 1e-2),
    ("spade/data_preprocess", "fixed/flip/image_u8", 2),
    ("spade/data_preprocess", "none/noflip/label", 1),
    ("pix2pixhd/D_no_interm", "out/1/0", 1e-4),
    ("pix2pixhd/D_no_interm", "loss_fake", 1e-4),
    ("pix2pixhd/encoder_instance", "pooled", 1e-4),
    ("label_formats/cityscapes_files", "panoptic_trainId", 1),
    ("geoseg/jitter", "jittered1", 1),
    ("geoseg/jitter", "dy3", 2e-9),
    ("geoseg/palette_mapping", "bg3", 1),
    ("lpips/alex_s0", "spatial", 1e-4),
  ],
)
def test_an_error_is_found(copy, capsys, name, array, error):
  def change(outputs):
    assert array in outputs
    flat = outputs[array].reshape(-1)
    flat[-1] += np.asarray(error).astype(flat.dtype)

  folder = copy(name, change)
  assert tool([str(folder)]) == 1
  failed = [
    line for line in capsys.readouterr().out.splitlines() if "FAILED" in line
  ]
  assert len(failed) == 1
  assert array in failed[0]


def test_wrong_shapes_and_nan_are_found(copy, capsys):
  def shorten(outputs):
    outputs["y"] = outputs["y"][..., :-1]

  assert tool([str(copy("cyclegan/ckpt_2017_zeropad", shorten))]) == 1
  assert "found shape (1, 3, 48, 48), exp" in capsys.readouterr().out

  def damage(outputs):
    outputs["returned"][0] = np.nan

  assert tool([str(copy("cyclegan/image_pool", damage))]) == 1


def test_a_wrong_learning_rate_is_found(copy):
  path = GOLDENS / "cyclegan/lr_schedule/case.json"
  table = json.loads(path.read_text())["table"]
  row = next(iter(table))
  table[row][-1] += 1e-12
  assert tool([str(copy("cyclegan/lr_schedule", meta={"table": table}))]) == 1


def test_a_wrong_label_text_is_found(copy, capsys):
  folder = copy("climate/augment_608")
  path = folder / "labels_text.json"
  texts = json.loads(path.read_text())
  texts["45"] = texts["45"].removesuffix("\n")
  first, *others = texts["46"].splitlines(keepends=True)
  texts["46"] = "".join([first.replace("5", "6", 1), *others])
  texts["47"] += first
  path.write_text(json.dumps(texts))
  assert tool([str(folder)]) == 1
  failed = [
    line for line in capsys.readouterr().out.splitlines() if "FAILED" in line
  ]
  assert len(failed) == 3
  assert "labels_text.json 45" in failed[0]
  assert f"line 1 is {first.rstrip()!r}" in failed[1]
  assert "5 lines, expected 6" in failed[2]
  path.write_text(json.dumps({**texts, "7": ""}))
  assert tool([str(folder)]) == 2
  assert "seeds that inputs.npz has not: 7" in capsys.readouterr().err


@pytest.mark.parametrize(
  ("entry", "key", "value"),
  [
    ("mask1", "area", 586),
    ("mask2", "bbox_xywh", [0, 2, 43, 25]),
    ("mask0", "counts_uncompressed", [0, 1, 116]),
    ("mask3", "counts_compressed", "l^1P"),
    ("poly1", "area", 621),
  ],
)
def test_wrong_run_lengths_are_found(copy, capsys, entry, key, value):
  folder = copy("label_formats/coco_rle")
  path = folder / "case.json"
  meta = json.loads(path.read_text())
  meta["results"][entry][key] = value
  path.write_text(json.dumps(meta))
  assert tool([str(folder)]) == 1
  assert f"{entry} {key}" in "".join(
    line for line in capsys.readouterr().out.splitlines() if "FAILED" in line
  )


def test_arrays_that_nothing_looks_at_are_named(copy, capsys):
  def add(outputs):
    outputs["unheard_of"] = np.zeros(3)

  assert tool([str(copy("cyclegan/image_pool", add))]) == 0
  assert "not compared  ok  (unheard_of)" in capsys.readouterr().out


@pytest.mark.parametrize(
  ("meta", "message"),
  [
    ({"check": "dancing"}, "cyclegan/image_pool"),
    ({"system": "spade9"}, "no check for ('spade9', 'image_pool')"),
    ({"system": 3}, "must name a system and a check"),
    ({"draws": [[]] * 14}, "no draw is left in step 4, expected uniform"),
    (
      {"draws": [[["randint", 0]]] * 14},
      "step 4 draws randint, expected uniform",
    ),
  ],
)
def test_cases_that_cannot_be_run(copy, capsys, meta, message):
  folder = copy("cyclegan/image_pool", meta=meta)
  assert tool([str(folder)]) == 2
  assert message in capsys.readouterr().err


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"out_shape": [256, 192]}, "broken for canvases that are no squares"),
    ({"num_objects_to_sample_per_image": -1}, "num_objects is -1"),
    (None, "options lack 'out_shape'"),
  ],
)
def test_canvases_that_cannot_be_made(copy, capsys, options, message):
  name = "climate/augment_256"
  meta = json.loads((GOLDENS / name / "case.json").read_text())["options"]
  options = {} if options is None else meta | options
  assert tool([str(copy(name, meta={"options": options}))]) == 2
  assert message in capsys.readouterr().err


def test_missing_files_cannot_be_run(copy, tmp_path, capsys):
  assert tool([str(tmp_path)]) == 2
  assert "no readable case.json" in capsys.readouterr().err
  folder = copy("cyclegan/gen_resnet6_instance_dropout")
  (folder / "checkpoint.pth").write_bytes(b"PK\x03\x04 nothing")
  assert tool([str(folder)]) == 2
  assert "checkpoint.pth: the zip archive is dam" in capsys.readouterr().err
  (folder / "checkpoint.pth").unlink()
  assert tool([str(folder)]) == 2
  assert "checkpoint.pth: the checkpoint is missing" in capsys.readouterr().err


def test_missing_dropout_masks_cannot_be_run(copy, capsys):
  name = "cyclegan/gen_resnet6_instance_dropout"
  folder = copy(name, lambda outputs: outputs.pop("dropmask_5"))
  assert tool([str(folder)]) == 2
  assert "more dropouts than the 5 recorded" in capsys.readouterr().err


def test_one_bad_case_does_not_hide_the_others(copy, capsys):
  bad = copy("cyclegan/image_pool", meta={"check": "dancing"})
  good = GOLDENS / "cyclegan/image_pool_batch"
  assert tool([str(bad), str(good)]) == 2
  assert f"{good}: 2 of 2 ok" in capsys.readouterr().out
