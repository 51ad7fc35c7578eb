"""The data sets that Geoseg-GAN's program generates, against its files."""

import importlib.util
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gansynth import images, pair_flags, pairs, resampling, segmenters
from gansynth.evaluation import segmentation
from gansynth.models.semantics import Conditioning
from gansynth.parity import comparison, geoseg_networks
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import EXACT, Comparison, Tolerance, compare
from gansynth.synthesis import generation
from gansynth.synthesis.pair_folder import create_folder
from gansynth.synthesis.pair_options import DEFAULT_SIZE, Options
from gansynth.synthesis.pair_plan import Plan
from gansynth.synthesis.pair_run import PairRun

QUALITY = 75  # of Pillow's JPEG where nobody says
_PAIRS, _TAU = 200, 0.6  # defaults of the program
_WEIGHTS = "segmenter_weights.npz"
# Classes whose logits are closer may change places by rounding.
_TIE = 1e-4
_LAYER = re.compile(r"conv\d+x\d+(?: stride (\d+))?(?: pad (\d+))?")


def compare_pairs(
  case: Case, folder: pathlib.Path, size: int
) -> Iterator[Comparison]:
  """Repeats all runs of gen: masks, pictures, predictions, scores, files.

  Files in float32 alone, which is what they are made in.

  Args:
    case: the case.
    folder: of the checkpoints.
    size: side of pictures and masks.
  """
  runs = [
    (flags, _options(case, flags, folder, size))
    for flags in case.require("gen_flags")
  ]
  filtered = [run for run in runs if run[0].get("segmenter_ckpt")]
  yield from _compare_arrays(case, *(filtered or runs)[0])
  if case.dtype != jnp.float32:
    return
  for flags, options in runs:
    yield from _compare_files(case, flags, options)


def compare_jpeg(
  case: Case, path: pathlib.Path, data: bytes, name: str = ""
) -> Comparison:
  """Compares an encoded picture with a file, by what both decode to.

  Args:
    case: the case, which says how many levels they may be off.
    path: of the file.
    data: the encoded picture.
    name: of the comparison; by default the file's.
  """
  stated = re.search(r"within (\d+) levels", str(case.meta.get("tolerance")))
  return compare(
    name or path.name,
    images.read(data, name="the picture").astype(np.int32),
    images.read(path).astype(np.int32),
    Tolerance(float(stated[1]) if stated else 3.0),
    "to the last byte of the file" if data == path.read_bytes() else "",
  )


def compare_prediction(
  name: str, logits: np.ndarray, recorded: np.ndarray
) -> Comparison:
  """Compares classes; they may differ where two logits are nearly the same.

  Args:
    name: of the comparison.
    logits: float32 (height, width, classes), of any size.
    recorded: integers (height, width), classes of the picture's size.
  """
  logits = _nearest(logits, recorded.shape)
  classes = logits.argmax(-1)
  line = compare(name, classes, recorded, EXACT)
  if line.ok:
    return line
  theirs = np.take_along_axis(logits, recorded[..., None].astype(np.int64), -1)[
    ..., 0
  ]
  margin = logits.max(-1) - theirs
  return Comparison(
    name,
    bool((margin <= _TIE).all()),
    line.absolute,
    line.relative,
    f"exact but where logits are within {_TIE:g}",
    f"{int((classes != recorded).sum())} of {recorded.size} pixels differ, by "
    f"{margin.max():.2g} at most",
  )


def _options(case, flags, folder, size) -> Options:
  """What the program was told, in our words."""
  seed = re.search(r"seed\((\d+)\)", str(case.require("gen_seed")))
  if not seed:
    raise CaseError(f"{case.folder}: gen_seed of case.json tells no seed")
  segmenter = flags.get("segmenter_ckpt", "")
  given = {
    "mode": "original",
    "seed": int(seed[1]),
    "pairs": flags.get("num_samples", _PAIRS),
    "masks.path": str(case.folder / "data"),
    "masks.size": (size, size),
    "generator.weights": str(folder / pathlib.Path(flags["gen_ckpt"]).name),
    "filter.segmenter": segmenter and str(case.folder / segmenter),
    "filter.tau": flags.get("tau", _TAU),
    "output.preview": False,
  }
  return pairs.completed(pair_flags.options(given))


def _compare_arrays(case, flags, options):
  """Everything that is recorded of the samples of one run."""
  plan = Plan(options)
  _, network, variables = case.network(
    pathlib.Path(options.generator.weights).relative_to(case.folder)
  )
  shown = Conditioning(plan.masks.num_labels)
  draw = jax.jit(lambda labels: network.apply(variables, shown(labels)))
  logits_of = _logits(case) if options.filter.segmenter else None
  torch = _torchscript(options)
  text = case.meta.get("tolerance")
  of_fake = comparison.parse(comparison.clause(text, "fake"), Tolerance(3e-5))
  numbers = {plan.masks.name(n): n for n in range(len(plan.masks))}
  kept = []
  for i in range(len(plan)):
    composed = plan.compose(i)
    if "picks" in case.meta:
      found = pathlib.PurePosixPath(composed.source).name
      expected = case.meta["picks"][i]
      note = f"{found}, expected {expected}"
      yield Comparison(f"pick{i}", found == expected, note=note)
    before = plan.masks[numbers[composed.source]]
    for name, found in (
      (f"mask_before_jitter{i}", before),
      (f"mask{i}", composed.labels),
    ):
      yield compare(name, found, case.outputs[name], EXACT)
    fake = draw(composed.labels[None].astype(np.int32))
    fake = np.clip(geoseg_networks.to_unit(np.asarray(fake)), 0, 1)
    expected = case.outputs[f"fake{i}"]
    yield compare(f"fake{i}", to_nchw(fake)[0], expected, of_fake)
    if logits_of is None:
      continue
    recorded = case.outputs[f"pred{i}"]
    logits = logits_of(fake[0].astype(np.float32))
    yield compare_prediction(f"pred{i}", logits, recorded)
    if torch is not None:
      (classes,) = torch([np.moveaxis(expected, 0, -1)])
      found = _nearest(classes, recorded.shape)
      yield compare(f"pred{i}", found, recorded, EXACT, "by torch")
    score = segmentation.picture_iou(
      recorded, composed.labels, plan.masks.num_labels
    )
    yield compare(f"miou{i}", score, case.meta["miou"][i], Tolerance(1e-7))
    if score >= options.filter.tau:
      kept.append(i)
  if logits_of is not None:
    yield compare("kept", kept, case.require("kept"), EXACT)


def _compare_files(case, flags, options):
  """Makes the data set by the whole of our program."""
  default = "synthetic_filtered" if options.filter.segmenter else "synthetic"
  recorded = case.folder / flags.get("save_dir", default)
  # A folder without files may have been left behind.
  if not recorded.is_dir() and case.meta.get("kept") != []:
    raise CaseError(f"{recorded}: the generated pairs are missing")
  segmenter = None
  if options.filter.segmenter:
    logits_of = _logits(case)
    segmenter = segmenters.CallableSegmenter(
      lambda picture: logits_of(picture).argmax(-1), _WEIGHTS
    )
  with tempfile.TemporaryDirectory() as place:
    run = PairRun(
      create_folder(options.to_dict(), place),
      pairs.create_translator(options),
      segmenter,
    )
    generation.generate(run, workers=0)
    made = pathlib.Path(place)
    names = {path.name for path in recorded.glob("*")}
    found = {path.name for path in made.glob("pair_*")}
    differing = ", ".join(sorted(names ^ found))
    yield Comparison(
      recorded.name,
      not differing,
      note=f"{len(names)} files" + (f"; but {differing}" if differing else ""),
    )
    for name in sorted(names & found):
      label = f"{recorded.name}/{name}"
      if name.endswith(".jpg"):
        data = (made / name).read_bytes()
        yield compare_jpeg(case, recorded / name, data, label)
      else:
        masks = (images.read_integers(x / name) for x in (made, recorded))
        yield compare(label, *masks, EXACT)


def _logits(case: Case) -> Callable[[np.ndarray], np.ndarray]:
  """The recorded segmenter without torch.

  Returns:
    A function of float32 pictures (height, width, 3) in [0, 1], whose logits
    are those of the picture at `DEFAULT_SIZE`.
  """
  path = case.folder / _WEIGHTS
  if not path.is_file():
    raise CaseError(f"{path}: the weights of the segmenter are missing")
  with np.load(path) as arrays:
    weights = dict(arrays)
  about = str(case.meta.get("files", {}).get("segmenter.pt", ""))
  layers = [
    (f"c{i}", int(stride or 1), int(padding or 0))
    for i, (stride, padding) in enumerate(_LAYER.findall(about), 1)
  ]
  if {f"{name}.weight" for name, *_ in layers} != {
    name for name in weights if name.endswith("weight")
  }:
    raise CaseError(
      f"{case.folder}: case.json tells a segmenter of {len(layers)} layers "
      f"({about!r}), and {_WEIGHTS} holds {', '.join(sorted(weights))}"
    )

  @jax.jit
  def apply(picture):
    x = resampling.resize_bilinear(picture[None], DEFAULT_SIZE)
    for i, (name, stride, padding) in enumerate(layers):
      x = jax.lax.conv_general_dilated(
        jax.nn.relu(x) if i else x,
        weights[f"{name}.weight"],
        (stride, stride),
        [(padding, padding)] * 2,
        dimension_numbers=("NHWC", "OIHW", "NHWC"),
      )
      x += weights[f"{name}.bias"]
    return x[0]

  return lambda picture: np.asarray(apply(picture))


def _torchscript(options):
  """The segmenter itself, where torch is there to run it."""
  path = pathlib.Path(options.filter.segmenter)
  if not path.is_file() or importlib.util.find_spec("torch") is None:
    return None
  return segmenters.load(path, "torchscript", size=DEFAULT_SIZE)


def _nearest(array, size):
  """Resizes (height, width, ...) as torch does."""
  return np.asarray(resampling.resize_nearest(array[None], size)[0])
