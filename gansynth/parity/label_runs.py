"""A run of SPADE's train.py and test.py, as it left its files.

Training was random, so what is compared is what `test.py` made of the
checkpoints: label maps as they were read, the numbers of the generator, and
every picture that was written, by our loader and by the whole of our
synthesis.
"""

import pathlib
import shlex
import tempfile
import types
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from gansynth import images
from gansynth.convert import torch_options
from gansynth.data import labels as label_data
from gansynth.data.labels import palettes
from gansynth.label_translator import LabelTranslator
from gansynth.models.semantics import Conditioning
from gansynth.parity import comparison, label_imports, label_networks
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import EXACT, Comparison, Tolerance, compare
from gansynth.parity.label_cases import tolerance
from gansynth.synthesis import label_folders

# dataset_mode -> our source.
_SOURCES = {
  "custom": "custom_labels",
  "coco": "coco_stuff",
  "ade20k": "ade20k",
  "cityscapes": "cityscapes",
  "facades": "facades",
}
_AT_INTEGER = 1e-3  # levels; so close, truncation may go either way
_LOADED = Tolerance(1e-6)


def original_run(case: Case) -> Iterator[Comparison]:
  """Imports every checkpoint of the run and repeats its test."""
  yield from label_imports.compare_imports(case)
  test = _Test(case)
  yield from test.compare()
  yield from test.compare_synthesis()


class _Test:
  """The run of test.py."""

  def __init__(self, case: Case):
    self._case = case
    self._values = values = _test_options(case)
    for name in ("name", "label_nc"):
      if name not in values:
        raise CaseError(f"{case.folder}: the test's options lack {name!r}")
    self._experiment = case.folder / "checkpoints" / values["name"]
    self._epoch = values.get("which_epoch", "latest")
    self._phase = values.get("phase", "test")
    self._results = (
      case.folder
      / _relative(values.get("results_dir", "results"))
      / values["name"]
      / f"{self._phase}_{self._epoch}"
      / "images"
    )
    self._has_instances = not values.get("no_instance", False)
    self._conditioning = Conditioning(
      values["label_nc"],
      dont_care=bool(values.get("contain_dontcare_label")),
      edges=self._has_instances,
    )
    self._config = self._data_config()

  def compare(self) -> Iterator[Comparison]:
    """Loads every item, draws its picture, and compares all of it."""
    description, generator, variables = self._network("G")
    encoder = None
    if description.get("use_vae"):
      _, *encoder = self._network("E")
    dataset = self._dataset()
    made = []
    for index in range(self._count(len(dataset))):
      item = dataset[index]
      name = item["name"]
      made.append(name)
      yield from self._compare_item(name, item)
      inputs = [
        self._conditioning(
          item["label"][None].astype(np.int32),
          item["instance"][None] if self._has_instances else None,
          dtype=self._case.dtype,
        )
      ]
      if encoder is not None:
        inputs.append(self._latent(name, item, *encoder))
      fake, _ = label_networks.apply(generator, variables, *inputs, train=False)
      key = f"fake/{name}"
      if key in self._case.outputs:
        expected = self._case.outputs[key]
        allowed = tolerance(self._case, key, "fake")
        yield compare(key, to_nchw(fake), expected, allowed)
      picture = images.to_uint8(np.asarray(fake)[0])
      colors = palettes.label_colors(self._values["label_nc"] + 2)
      shown = palettes.colorize(item["label"], colors)
      yield self._compare_picture("synthesized_image", name, picture)
      yield self._compare_picture("input_label", name, shown)
    yield from self._compare_completeness(made)

  def compare_synthesis(self) -> Iterator[Comparison]:
    """Makes the results folder from the folders, and compares its files.

    In float32 alone, which is what synthesis computes in; not with styles,
    which are noise, nor where the data set is more than folders.
    """
    config = self._config
    is_plain = getattr(config, "test_label_dir", None) is not None
    if (
      self._case.dtype != jnp.float32
      or not is_plain
      or self._values.get("use_vae")
    ):
      return
    translate = LabelTranslator.load(
      self._experiment / f"{self._epoch}_net_G.pth"
    )
    with tempfile.TemporaryDirectory() as folder:
      label_folders.synthesize_labels(
        translate,
        config.test_label_dir,
        folder,
        instances=config.test_instance_dir if self._has_instances else "",
        reader=label_data.label_reader(config),
        preprocess=self._dataset().preprocess,
        results="original",
        experiment=self._values["name"],
        phase=self._phase,
        epoch=self._epoch,
      )
      made = pathlib.Path(folder, *self._results.parts[-3:])
      for path in sorted(self._results.glob("*/*.png")):
        kind = path.parent.name
        found = made / kind / path.name
        label = f"synthesis/{kind}/{path.name}"
        if not found.exists():
          yield Comparison(label, False, note="not made")
        elif self._number(path.stem) is None:
          continue
        elif found.read_bytes() == path.read_bytes():
          yield Comparison(label, True, note="to the last byte of the file")
        else:
          picture = images.read(found)
          line = self._compare_picture(kind, path.stem, picture)
          yield Comparison(
            label, line.ok, line.absolute, note=line.note, tolerance="exact"
          )

  def _network(self, letter):
    path = self._experiment / f"{self._epoch}_net_{letter}.pth"
    values = {**_run_options(self._experiment), **self._values}
    return self._case.network(
      path.relative_to(self._case.folder),
      original=torch_options.Options("the test's options", values),
    )

  def _count(self, items):
    limit = float(self._values.get("how_many", "inf"))
    return int(min(items, limit))

  def _number(self, name):
    """The place of an item among those that were tested, or None."""
    entries = label_data.entries(self._config, "test")
    names = [entry.name for entry in entries[: self._count(len(entries))]]
    return names.index(name) if name in names else None

  def _compare_item(self, name, item):
    """Compares what was loaded with what the original's loader gave."""
    image = images.to_unit_range(item["image"])
    found = {"label": item["label"][..., None], "image": image}
    if "instance" in item:
      found["instance"] = item["instance"][..., None]
    for kind, array in found.items():
      key = f"{kind}/{name}"
      if key in self._case.inputs:
        expected = self._case.inputs[key]
        allowed = _LOADED if kind == "image" else EXACT
        yield compare(key, to_nchw(array[None]), expected, allowed)

  def _latent(self, name, item, encoder, variables):
    """The style that test.py drew from the item's own picture."""
    key = f"eps/{name}"
    if key not in self._case.inputs:
      raise CaseError(
        f"{self._case.folder}: use_vae, and inputs.npz has no noise {key!r}"
      )
    picture = images.to_unit_range(item["image"])[None]
    (mean, log_variance), _ = label_networks.apply(
      encoder, variables, picture.astype(self._case.dtype), train=False
    )
    eps = np.asarray(self._case.inputs[key], self._case.dtype)
    return mean + eps.reshape(mean.shape) * jnp.exp(0.5 * log_variance)

  def _compare_picture(self, kind, name, picture):
    """Compares a picture; truncation may go either way at integers."""
    path = self._results / kind / f"{name}.png"
    if not path.exists():
      return Comparison(f"{kind}/{name}.png", False, note="test.py made none")
    found, expected = picture.astype(int), images.read(path).astype(int)
    line = compare(f"{kind}/{name}.png", found, expected, EXACT)
    if line.ok or found.shape != expected.shape or not self._may_round(kind):
      return line
    values = self._case.outputs.get(f"fake/{name}")
    if values is None:
      return line
    levels = (np.moveaxis(values[0], 0, -1).astype(np.float64) + 1) / 2 * 255
    near = np.abs(levels - np.round(levels)) < _AT_INTEGER
    wrong = np.abs(found - expected) > near
    differing = int((found != expected).sum())
    return Comparison(
      line.name,
      not wrong.any(),
      line.absolute,
      line.relative,
      "exact but where truncation is at an integer",
      f"{differing} of {wrong.size} numbers are off, {int(wrong.sum())} of "
      "them elsewhere",
    )

  def _may_round(self, kind):
    text = self._case.meta.get("suggested_tolerance", "")
    return kind == "synthesized_image" and "integer" in str(
      comparison.clause(text, "png")
    )

  def _compare_completeness(self, made):
    """What test.py made must have been made again."""
    written = {path.stem for path in self._results.glob("*/*.png")}
    recorded = {
      name.removeprefix("fake/")
      for name in self._case.outputs
      if name.startswith("fake/")
    }
    missing = (written | recorded) - set(made)
    if missing:
      note = f"not made: {', '.join(sorted(missing))}"
      yield Comparison(self._results.name, False, note=note)

  def _dataset(self):
    return label_data.create(self._config, "test")

  def _data_config(self):
    """The data of the test, as our configs describe them."""
    values, folder = self._values, self._case.folder
    mode = values.get("dataset_mode", "coco")
    if mode not in _SOURCES:
      raise CaseError(f"{folder}: unknown dataset_mode {mode!r}")
    preprocess = values.get("preprocess_mode", "resize_and_crop")
    load_size, crop_size = values["load_size"], values["crop_size"]
    if "crop" in preprocess and (
      preprocess != "resize_and_crop" or load_size != crop_size
    ):
      raise CaseError(
        f"{folder}: the test crops at random, which cannot be repeated: "
        f"{preprocess} from {load_size} to {crop_size}"
      )
    config = types.SimpleNamespace(
      source=_SOURCES[mode],
      num_labels=values["label_nc"],
      dont_care=self._conditioning.dont_care,
      instances=self._has_instances,
      preprocess=preprocess,
      load_size=load_size,
      crop_size=crop_size,
      aspect_ratio=values.get("aspect_ratio", 1.0),
      # Sides that are scaled are not rounded there.
      size_multiple=1 if preprocess.startswith("scale") else 32,
      original_crops=True,
    )
    if mode == "custom":
      for kind in ("label", "image", "instance")[: 2 + self._has_instances]:
        place = _inside(folder, values.get(f"{kind}_dir"))
        setattr(config, f"test_{kind}_dir", str(place))
    else:
      config.root = str(_inside(folder, values.get("dataroot")))
    return config


def _relative(path: str) -> str:
  return str(pathlib.PurePosixPath(path))


def _inside(folder, path):
  """A place that a command names, which lies in the case's folder."""
  parts = pathlib.PurePosixPath(path or ".").parts
  for start in range(len(parts)):
    place = folder.joinpath(*parts[start:])
    if place.is_dir():
      return place
  raise CaseError(f"{folder}: no folder {path!r}, which the test's data are in")


def _run_options(experiment):
  found = torch_options.find(experiment)
  return dict(found.values) if found else {}


def _test_options(case: Case) -> dict[str, Any]:
  """Options of the test: resolved, or those of the run and the command."""
  command = _flags(case.meta.get("test_command", ""))
  resolved = case.meta.get("resolved_test_options")
  if resolved is not None:
    return {**command, **resolved}
  if not command:
    raise CaseError(
      f"{case.folder}: case.json has no resolved_test_options or test_command"
    )
  experiments = [
    path.parent for path in label_imports.find(case, "*_net_G.pth")
  ]
  chosen = [
    path for path in experiments if path.name == command.get("name", path.name)
  ]
  if not chosen:
    raise CaseError(f"{case.folder}: no checkpoints of the test's experiment")
  values = {**_run_options(chosen[0]), "phase": "test"}
  values["load_size"] = values.get("crop_size", 256)
  return {**values, **command, "name": chosen[0].name}


def _flags(command: str) -> dict[str, Any]:
  """The options of a command, numbers as such."""
  words, values = shlex.split(command), {}
  for i, word in enumerate(words):
    if not word.startswith("--"):
      continue
    following = words[i + 1] if i + 1 < len(words) else "--"
    if following.startswith("--"):
      values[word[2:]] = True
      continue
    value = following
    for kind in (int, float):
      try:
        value = kind(following)
        break
      except ValueError:
        pass
    values[word[2:]] = value
  return values
