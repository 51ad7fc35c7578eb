"""What a run of SPADE leaves in its folder of checkpoints."""

import pathlib
from collections.abc import Iterator

from gansynth import convert
from gansynth.convert import CheckpointError, torch_options
from gansynth.parity.case import Case
from gansynth.parity.comparison import Comparison


def compare_imports(case: Case) -> Iterator[Comparison]:
  """Reads the options of every experiment and imports every checkpoint."""
  for folder in sorted(path.parent for path in find(case, torch_options.TEXT)):
    yield from _compare_options(folder)
  for path in find(case, "*.pth"):
    yield _import(path)


def find(case: Case, pattern: str) -> list[pathlib.Path]:
  """Files of all experiments, sorted."""
  return sorted(case.folder.glob(f"checkpoints/*/{pattern}"))


def _compare_options(folder):
  """Both files of options say the same."""
  pickled = folder / torch_options.PICKLE
  if not pickled.is_file():
    return
  one = torch_options.read_text(folder / torch_options.TEXT).values
  other = torch_options.read_pickle(pickled).values
  differing = [
    f"{name} {one[name]!r} and {other[name]!r}"
    for name in one.keys() & other.keys()  # one may have what is derived
    if str(one[name]) != str(other[name])  # the text has no quotes
  ]
  yield Comparison(
    f"{folder.name}/{torch_options.TEXT} and {torch_options.PICKLE}",
    not differing,
    note="; ".join(sorted(differing)) or f"{len(other)} options",
  )


def _import(path):
  """A checkpoint must become the network that the options tell."""
  name = f"{path.parent.name}/{path.name}"
  try:
    description, _ = convert.from_original(path)
    options = torch_options.find(path.parent)
  except CheckpointError as error:
    return Comparison(name, False, note=str(error))
  letter = path.stem.rpartition("_")[2]
  expected = _expected(options.values if options else {}, letter)
  differing = [
    f"{key} {description.get(key)!r}, expected {value!r}"
    for key, value in expected.items()
    if description.get(key) != value
  ]
  note = "; ".join(differing) or f"imported as {description['name']}"
  return Comparison(name, not differing, note=note)


def _expected(values, letter):
  """Fields of a network's description, as far as options tell them."""
  names = {
    "D": {
      "features": "ndf",
      "num_scales": "num_D",
      "num_layers": "n_layers_D",
      "norm": "norm_D",
    },
    "E": {"features": "ngf", "norm": "norm_E"},
    "G": {"features": "ngf", "norm": "norm_G"},
  }.get(letter, {})
  kinds = {"D": "multiscale", "E": "style_encoder"}
  of_spade = values.get("netG", "spade") == "spade"
  if letter == "G" and of_spade:
    names |= {"upsampling": "num_upsampling_layers", "use_vae": "use_vae"}
  elif letter == "G":
    names |= {
      "num_downsampling": "resnet_n_downsample",
      "num_blocks": "resnet_n_blocks",
      "kernel_size": "resnet_kernel_size",
      "initial_kernel_size": "resnet_initial_kernel_size",
    }
  generator = "spade" if of_spade else "pix2pixhd_global"
  expected = {"name": kinds.get(letter, generator)}
  return expected | {
    field: values[name] for field, name in names.items() if name in values
  }
