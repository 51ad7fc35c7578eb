"""The networks of Geoseg-GAN, and what losses make of their outputs."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from gansynth.models.semantics import Conditioning
from gansynth.parity import comparison, label_cases, steps
from gansynth.parity.case import Case, CaseError, to_nchw, to_nhwc
from gansynth.parity.comparison import EXACT, Comparison, Tolerance, compare
from gansynth.systems import label_losses

RECIPE, GAN_MODE = "geoseg", "hinge"
_PLACES = {"G": ("generator", "g"), "D": ("discriminator", "d")}


def forward(case: Case) -> Iterator[Comparison]:
  """Generator, discriminator with its features, and losses of these."""
  tolerance = comparison.parse(case.meta.get("tolerance"), Tolerance(3e-5))
  nets = load(case)
  yield from compare_imports(case, nets)
  one_hot = case.inputs["onehot"]
  labels = label_cases.from_one_hot(one_hot, f"{case.folder}: 'onehot'")
  conditioning = Conditioning(one_hot.shape[1])
  if "ids" in case.inputs:
    yield compare("ids", labels, case.inputs["ids"], EXACT)
  generator, discriminator = (nets.modules[name] for name in "GD")

  @jax.jit
  def apply(variables, labels, real):
    shown = conditioning(labels)
    fake = generator.apply(variables["G"], shown)
    judged = [
      discriminator.apply(variables["D"], shown, x) for x in (fake, real)
    ]
    return fake, *judged

  real = pictures_of(case, case.inputs["img"])
  fake, on_fake, on_real = apply(nets.variables, labels, real)
  yield compare("fake", to_nchw(to_unit(fake)), case.outputs["fake"], tolerance)
  for kind, ((*features, logits),) in (("real", on_real), ("fake", on_fake)):
    found = {f"feat_{kind}_{i}": x for i, x in enumerate(features, 1)}
    for name, x in {**found, f"logits_{kind}": logits}.items():
      yield compare(name, to_nchw(x), case.outputs[name], tolerance)
  judged = on_fake, on_real, RECIPE, GAN_MODE
  of_discriminator = label_losses.discriminator_losses(*judged)
  of_generator = label_losses.generator_losses(*judged, lambda_features=1.0)
  for name, found in (
    ("hinge_d", of_discriminator["D"]),
    ("hinge_g", of_generator["G_GAN"]),
    ("fm", of_generator["G_features"]),
  ):
    yield compare(name, found, case.outputs[name], tolerance)


def load(case: Case, tag: str = "*") -> steps.Networks:
  """Imports the generator and the discriminator of a case.

  Args:
    case: the case.
    tag: what follows G_ and D_ in the files' names, such as `init`; `*`:
      whatever does.

  Raises:
    CaseError: there is no such file, or there are several.
  """
  imported = {}
  for letter in _PLACES:
    found = sorted(case.folder.glob(f"{letter}_{tag}.pt"))
    if len(found) != 1:
      raise CaseError(
        f"{case.folder}: expected one file {letter}_{tag}.pt, found "
        f"{', '.join(path.name for path in found) or 'none'}"
      )
    imported[letter] = case.network(found[0].name)
  return steps.Networks(imported, _PLACES)


def compare_imports(case: Case, nets: steps.Networks) -> Iterator[Comparison]:
  """Whether files were taken for what the case's constructor made."""
  wanted = {**case.constructor, **case.meta.get("overrides", {})}
  stems = {
    letter: nets.variables[letter]["params"]["stem"]["kernel"].shape
    for letter in _PLACES
  }
  for name, found, expected in (
    ("G: width", stems["G"][3], wanted.get("base")),
    ("G: classes", stems["G"][2], wanted.get("C")),
    ("D: classes", stems["D"][2] - 3, wanted.get("C")),
  ):
    if expected is not None:
      yield compare(name, found, expected, EXACT)


def batch_of(
  case: Case, arrays: Mapping[str, np.ndarray], image: str, one_hot: str
) -> dict[str, np.ndarray]:
  """Returns a recorded batch as systems take it.

  Args:
    case: the case.
    arrays: of the case.
    image: name of the pictures.
    one_hot: name of the label maps.
  """
  source = f"{case.folder}: {one_hot!r}"
  return {
    "label": label_cases.from_one_hot(arrays[one_hot], source),
    "image": pictures_of(case, arrays[image]),
  }


def pictures_of(case: Case, array: np.ndarray) -> np.ndarray:
  """Recorded pictures, NCHW in [0, 1], as NHWC in [-1, 1]."""
  return to_nhwc(array).astype(case.dtype) * 2 - 1


def to_unit(pictures: Any) -> Any:
  """Pictures in [-1, 1] as the original has them, in [0, 1]."""
  return (pictures + 1) / 2
