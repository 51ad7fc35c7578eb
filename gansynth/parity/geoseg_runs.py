"""A run of Geoseg-GAN's program, as it left its files: train, then gen."""

import re
import types
from collections.abc import Iterator

import jax
import numpy as np

from gansynth import convert, images
from gansynth.data import labels as label_data
from gansynth.models.semantics import Conditioning
from gansynth.parity import (
  geoseg_networks,
  geoseg_pairs,
  geoseg_steps,
  step_comparisons,
)
from gansynth.parity.case import Case, CaseError, to_nhwc
from gansynth.parity.comparison import EXACT, Comparison, Tolerance, compare

SIZE = 512  # IMG_SIZE, a constant of the program
_SHOWN = 4  # pictures of an epoch, at most
_UNIT = Tolerance(1e-7)  # one division by 255
_FILE = re.compile(r"G_e(\d+)\.pt")


def original_run(case: Case) -> Iterator[Comparison]:
  """Imports every network, then repeats the training and both data sets."""
  yield from _imports(case)
  size = case.meta.get("overrides", {}).get("IMG_SIZE", SIZE)
  folder = _checkpoints(case)
  nets = geoseg_networks.load(case, "init")
  yield from geoseg_networks.compare_imports(case, nets)
  kernel = nets.variables["G"]["params"]["stem"]["kernel"]
  data = _data(case, size, kernel.shape[2])
  yield from _batches(case, label_data.create(data, "train"))
  yield from _training(case, nets, folder)
  yield from _samples(case, label_data.create(data, "test"), folder)
  yield from geoseg_pairs.compare_pairs(case, folder, size)


def _imports(case):
  for path in sorted(case.folder.glob("**/[GD]_*.pt")):
    name = str(path.relative_to(case.folder))
    try:
      description, _ = convert.from_original(path)
    except convert.CheckpointError as e:
      yield Comparison(name, False, note=str(e))
      continue
    wanted = {"G": "geoseg_unet", "D": "geoseg_patch"}[path.name[0]]
    found = description["name"]
    yield Comparison(name, found == wanted, note=f"imported as {found}")


def _checkpoints(case):
  """The folder that training wrote its networks to."""
  folders = {path.parent for path in case.folder.glob("**/G_e*.pt")}
  if len(folders) != 1:
    raise CaseError(
      f"{case.folder}: expected one folder with G_e<epoch>.pt, found "
      f"{', '.join(map(str, sorted(folders))) or 'none'}"
    )
  return folders.pop()


def _data(case, size, num_labels):
  """The data of the run, as our configs describe them."""
  return types.SimpleNamespace(
    source="geoseg",
    root=str(case.folder / "data"),
    palette="geoseg",
    palette_rule="original",
    num_labels=num_labels,
    instances=False,
    preprocess="resize_and_crop",
    load_size=size,
    crop_size=size,
    flip=False,
  )


def _batches(case, dataset):
  """Every picture that training saw must be one of our items."""
  items = [dataset[index] for index in range(len(dataset))]
  unit = np.stack([x["image"] for x in items]).astype(np.float32) / 255
  for i in range(1, case.require("steps") + 1):
    batch = geoseg_networks.batch_of(
      case, case.outputs, f"train_img{i}", f"train_onehot{i}"
    )
    recorded = to_nhwc(case.outputs[f"train_img{i}"])
    for j, picture in enumerate(recorded):
      number = int(np.abs(unit - picture).max((1, 2, 3)).argmin())
      name = items[number]["name"]
      yield compare(f"train_img{i}/{j}", unit[number], picture, _UNIT, name)
      labels = items[number]["label"]
      expected = batch["label"][j]
      yield compare(f"train_onehot{i}/{j}", labels, expected, EXACT, name)


def _training(case, nets, folder):
  """Trains on the recorded batches; compares losses and every epoch's file."""
  flags, steps = case.require("train_flags"), case.require("steps")
  epochs = sorted(
    int(_FILE.fullmatch(path.name)[1]) for path in folder.glob("G_e*.pt")
  )
  per_epoch, rest = divmod(steps, epochs[-1])
  if rest or not per_epoch:
    raise CaseError(
      f"{case.folder}: {steps} steps are no whole number for each of "
      f"{epochs[-1]} epochs"
    )
  training = geoseg_steps.Training(case, nets, flags)
  losses = case.meta.get(f"losses_{case.dtype.name}") or case.require("losses")
  skipped = geoseg_steps.before_norms(nets)
  for i in range(1, steps + 1):
    batch = geoseg_networks.batch_of(
      case, case.outputs, f"train_img{i}", f"train_onehot{i}"
    )
    yield from training.step(batch, i, losses[i - 1])
    epoch, within = divmod(i, per_epoch)
    if not within and epoch in epochs:
      expected = {
        letter: convert.load_state_dict(folder / f"{letter}_e{epoch:03}.pt")
        for letter in nets.places
      }
      yield from step_comparisons.compare_weights(
        case, i, nets, training.state, expected, skipped, training.rate
      )


def _samples(case, dataset, folder):
  """The pictures that training wrote of the first labels kept apart."""
  limit = min(_SHOWN, case.require("train_flags")["bs"], len(dataset))
  labels = np.stack([dataset[i]["label"] for i in range(limit)])
  for path in sorted(folder.glob("G_e*.pt")):
    _, network, variables = case.network(path.relative_to(case.folder))
    shown = Conditioning(variables["params"]["stem"]["kernel"].shape[2])
    pictures = jax.jit(network.apply)(variables, shown(labels.astype(np.int32)))
    stem = f"epoch{_FILE.fullmatch(path.name)[1]}"
    made = {f"{stem}_{i}.jpg": x for i, x in enumerate(np.asarray(pictures))}
    there = {path.name for path in folder.glob(f"{stem}_*.jpg")}
    if there != set(made):
      note = f"{', '.join(sorted(there))}; expected {', '.join(sorted(made))}"
      yield Comparison(f"pictures of {stem}", False, note=note)
    for name in sorted(there & set(made)):
      data = images.encode(
        images.to_uint8(made[name]), "jpg", geoseg_pairs.QUALITY
      )
      yield geoseg_pairs.compare_jpeg(case, folder / name, data)
