"""Runs of the original's train.py and test.py, as they left their files.

Training was random, so what is compared is what `test.py` made of the
checkpoints: the numbers of the networks, and every picture that was written.
"""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import numpy as np

from gansynth import convert, images
from gansynth.convert import CheckpointError
from gansynth.data import preprocess
from gansynth.parity import comparison, networks
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import Comparison, Tolerance, compare

_BASE = {
  "model": "test",
  "direction": "AtoB",
  "norm": "instance",
  "netG": "resnet_9blocks",
  "no_dropout": False,
  "preprocess": "resize_and_crop",
  "crop_size": "256",
  "input_nc": "3",
  "output_nc": "3",
  "dataroot": "<dataset>",
  "phase": "test",
  "epoch": "latest",
  "model_suffix": "",
  "aspect_ratio": "1.0",
  "num_test": "50",
  "eval": False,
}
_PIX2PIX = {"norm": "batch", "netG": "unet_256"}


def original_run(case: Case) -> Iterator[Comparison]:
  """Imports every checkpoint of the run and repeats its tests."""
  text = case.meta.get("tolerance")
  rule = next(
    (part for part in comparison.clauses(text) if "png" not in part.lower()),
    None,
  )
  tolerance = comparison.parse(rule, Tolerance(2e-5))
  levels = comparison.parse(comparison.clause(text, "png"), Tolerance(1.0))
  yield from _import_all(case)
  for folder, command, experiment in _tests(case):
    group = _group(case, folder)
    made = _run_test(case, command, experiment)
    for name, picture in made.items():
      key = f"{group}{name}"
      if key in case.outputs:
        yield compare(key, to_nchw(picture), case.outputs[key], tolerance)
      file = folder / f"{name}.png"
      if file.exists():
        yield compare(
          f"{folder.name}/{file.name}",
          images.to_uint8(picture[0]).astype(np.int32),
          images.read(file).astype(np.int32),
          levels,
        )
    missing = {path.stem for path in folder.glob("*.png")} - set(made)
    missing |= {
      key.removeprefix(group)
      for key in case.outputs
      if key.rpartition("/")[0] == group.rstrip("/")
    } - set(made)
    if missing:
      yield Comparison(
        folder.name, False, note=f"not made: {', '.join(sorted(missing))}"
      )


def _import_all(case):
  """Every checkpoint must be imported, as the network of the option file."""
  for path in sorted(case.folder.glob("checkpoints/*/*.pth")):
    name = f"{path.parent.name}/{path.name}"
    try:
      description, _ = convert.from_original(path)
    except CheckpointError as e:
      yield Comparison(name, False, note=str(e))
      continue
    expected = _expected_description(path)
    differing = [
      f"{key} {description.get(key)!r}, expected {value!r}"
      for key, value in expected.items()
      if description.get(key) != value
    ]
    yield Comparison(
      name,
      not differing,
      note="; ".join(differing) or f"imported as {description['name']}",
    )


def _expected_description(path):
  """What the training options say of a network; {} without the file."""
  options = path.parent / "train_opt.txt"
  if not options.exists():
    return {}
  options = read_options(options.read_text(encoding="utf-8"))
  if "_net_G" in path.name:
    expected = {"features": int(options["ngf"]), "norm": options["norm"]}
    kind = re.fullmatch(r"(resnet|unet)_(\d+)(?:blocks)?", options["netG"])
    if kind:
      resnet = kind[1] == "resnet"
      expected["name"] = kind[1]
      expected["num_blocks" if resnet else "num_levels"] = (
        int(kind[2]) if resnet else int(kind[2]).bit_length() - 1
      )
    return expected
  if options["netD"] == "pixel":
    expected = {"name": "pixel"}
  else:
    layers = 3 if options["netD"] == "basic" else int(options["n_layers_D"])
    expected = {"name": "patch", "num_layers": layers}
  return {**expected, "features": int(options["ndf"]), "norm": options["norm"]}


def read_options(text: str) -> dict[str, str]:
  """Reads the original's `train_opt.txt` or `test_opt.txt`."""
  options = {}
  for line in text.splitlines():
    match = re.match(r"\s*(\w+): (.*?)\s*(?:\[default: .*\])?\s*$", line)
    if match:
      options[match[1]] = match[2]
  return options


def _tests(case):
  """Yields (results folder, command, experiment) of all recorded tests."""
  folders = sorted(
    path for path in case.folder.glob("results*") if path.is_dir()
  )
  experiments = sorted(
    path for path in case.folder.glob("checkpoints/*") if path.is_dir()
  )
  if not folders or not experiments:
    raise CaseError(f"{case.folder}: no results and checkpoints folders")
  commands = case.meta.get("test_commands") or [case.require("test_command")]
  for folder in folders:
    fitting = [
      command
      for command in commands
      if "->" not in command
      or command.rpartition("->")[2].strip().rstrip("/") == folder.name
    ]
    if not fitting:
      raise CaseError(f"{case.folder}: no test command gave {folder.name}")
    yield folder, fitting[0], _experiment(case, folder, fitting[0], experiments)


def _experiment(case, folder, command, experiments):
  """The checkpoints folder that a test used.

  Named by `--name` in the command, or in the text that describes arrays of
  this results folder; else it is the one with the shortest name, which the
  others extend.
  """
  texts = [command] + [
    text
    for text in map(str, case.meta.get("arrays", {}).values())
    if re.search(rf"{re.escape(folder.name)}\b(?!_)", text)
  ]
  for text in texts:
    name = re.search(r"--name\s+(\S+)", text)
    if name:
      chosen = [path for path in experiments if path.name == name[1]]
      if not chosen:
        raise CaseError(f"{case.folder}: no checkpoints/{name[1]}")
      return chosen[0]
  return min(experiments, key=lambda path: len(path.name))


def _group(case, folder):
  """The prefix, with its slash, of a results folder's arrays."""
  groups = {name.rpartition("/")[0] for name in case.outputs}
  fitting = [
    group for group in groups if group and folder.name.endswith(f"_{group}")
  ]
  return f"{max(fitting, key=len)}/" if fitting else ""


def _parse(case, command):
  words = shlex.split(command.partition("->")[0])
  options = dict(_BASE)
  given = {}
  for i, word in enumerate(words):
    if not word.startswith("--"):
      continue
    value = words[i + 1] if i + 1 < len(words) else "--"
    given[word[2:]] = True if value.startswith("--") else value
  if given.get("model") == "pix2pix":
    options.update(_PIX2PIX)
  options.update(given)
  options.setdefault("load_size", options["crop_size"])
  if options["model"] == "cycle_gan":
    options["no_dropout"] = True
  if options["model"] not in ("cycle_gan", "test", "pix2pix"):
    raise CaseError(f"{case.folder}: unknown model in {command!r}")
  return options


def _run_test(case, command, experiment):
  """Returns what test.py wrote, as float NHWC by file name."""
  options = _parse(case, command)
  test = _Test(case, options, experiment)
  made = {}
  for number, (stem, batch) in enumerate(test.samples()):
    if number >= int(options["num_test"]):
      break
    for label, picture in test.translate(batch).items():
      made[f"{stem}_{label}"] = picture
  return made


class _Test:
  """One run of test.py."""

  def __init__(self, case: Case, options: dict[str, Any], experiment: Any):
    self.case = case
    self.options = options
    names = {
      "cycle_gan": ["G_A", "G_B"],
      "test": [f"G{options['model_suffix']}"],
      "pix2pix": ["G"],
    }[options["model"]]
    self.networks = [
      case.network(
        experiment.relative_to(case.folder)
        / f"{options['epoch']}_net_{name}.pth",
        norm=options["norm"],
        use_dropout=not options["no_dropout"],
      )
      for name in names
    ]

  def samples(self) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yields the stem of the file names, and the pictures A and B."""
    options = self.options
    root = self._root(str(options["dataroot"]))
    channels = [int(options["input_nc"]), int(options["output_nc"])]
    reverse = options["direction"] == "BtoA"
    if reverse:
      channels.reverse()
    if options["model"] == "test":
      for path in images.list_images(root):
        yield self._stem(path), [self._prepare(images.read(path), channels[0])]
      return
    if options["model"] == "pix2pix":
      for path in images.list_images(f"{root}/{options['phase']}"):
        picture = images.read(path)
        half = picture.shape[1] // 2
        sides = [picture[:, :half], picture[:, half:]]
        batch = [
          self._prepare(side, count)
          for side, count in zip(sides, channels, strict=True)
        ]
        yield self._stem(path), batch[::-1] if reverse else batch
      return
    lists = [
      images.list_images(f"{root}/{options['phase']}{side}") for side in "AB"
    ]
    for i in range(max(map(len, lists))):
      paths = [paths[i % len(paths)] for paths in lists]
      batch = [
        self._prepare(images.read(path), count)
        for path, count in zip(paths, channels, strict=True)
      ]
      if reverse:
        paths.reverse()
        batch.reverse()
      yield self._stem(paths[0]), batch

  def translate(self, batch: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the pictures that test.py saves, by their labels."""
    if self.options["model"] == "test":
      return {"real": batch[0], "fake": self._apply(0, batch[0])}
    if self.options["model"] == "pix2pix":
      fake = self._apply(0, batch[0])
      return {"real_A": batch[0], "fake_B": fake, "real_B": batch[1]}
    fake_b, fake_a = self._apply(0, batch[0]), self._apply(1, batch[1])
    return {
      "real_A": batch[0],
      "fake_B": fake_b,
      "rec_A": self._apply(1, fake_b),
      "real_B": batch[1],
      "fake_A": fake_a,
      "rec_B": self._apply(0, fake_a),
    }

  def _apply(self, index, picture):
    # Without --eval networks stay in training mode.
    _, network, variables = self.networks[index]
    output, _ = networks.forward(
      network, variables, picture, train=not self.options["eval"]
    )
    return np.moveaxis(output, 1, -1)

  def _prepare(self, picture, channels):
    options = self.options
    try:
      picture = preprocess.transform(
        picture,
        preprocess=options["preprocess"],
        load_size=int(options["load_size"]),
        crop_size=int(options["crop_size"]),
        flip=False,
        grayscale=channels == 1,
      )
    except ValueError as e:
      raise CaseError(
        f"{self.case.folder}: the test crops at random, which cannot be "
        f"repeated ({e})"
      ) from e
    ratio = float(options["aspect_ratio"])
    height, width = picture.shape[:2]
    # The original mixes up height and width here.
    if ratio > 1:
      picture = images.resize(picture, (int(width * ratio), height))
    elif ratio < 1:
      picture = images.resize(picture, (width, int(height / ratio)))
    return images.to_unit_range(picture)[None].astype(self.case.dtype)

  def _root(self, path):
    """The data that a command names, which lie in the case's `dataset`."""
    dataset = self.case.folder / "dataset"
    if "<dataset>" in path:
      return path.replace("<dataset>", str(dataset))
    inside = dataset / path.rstrip("/").rpartition("/")[2]
    return str(inside if inside.is_dir() else dataset)

  def _stem(self, path):
    return re.sub(r"\.[^.]*$", "", path.rpartition("/")[2])
