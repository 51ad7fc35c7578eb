"""Scores in words: what they are called, what they mean, how they are read."""

import dataclasses
import math
import re

from gansynth.reports import evaluation_record

# Beginnings of the names of scores that every class has one of.
PER_CLASS = {"iou_": "IoU", "ap50_": "AP50", "ap_": "AP"}
_SIZES = ("small", "medium", "large")  # of objects, which are no classes

# Title and meaning, by the name without direction and mark of random features.
_WORDS = {
  "fid": (
    "FID",
    "Fréchet distance between the features of real and of synthetic pictures; "
    "0 where they are alike. Compare only numbers of equally many pictures, "
    "resized in the same way.",
  ),
  "kid": (
    "KID",
    "Squared distance (MMD²) between the features of real and of synthetic "
    "pictures, unbiased for few of them; 0 where they are alike, by chance a "
    "little below.",
  ),
  "kid_std": (
    "KID spread",
    "Standard deviation of KID over its subsets of the pictures.",
  ),
  "precision": (
    "Precision",
    "Share of synthetic pictures that lie among the real ones: how realistic "
    "they are.",
  ),
  "recall": (
    "Recall",
    "Share of real pictures that lie among the synthetic ones: how varied "
    "these are.",
  ),
  "density": (
    "Density",
    "How closely real pictures surround the synthetic ones; about 1 where "
    "they are alike, and it may be more.",
  ),
  "coverage": (
    "Coverage",
    "Share of real pictures with a synthetic one nearby.",
  ),
  "realism": (
    "Realism",
    "How close a synthetic picture is to the real ones; from 1 on it lies "
    "among them.",
  ),
  "lpips": (
    "LPIPS",
    "Perceptual distance between a synthetic picture and its true one.",
  ),
  "diversity": (
    "Diversity",
    "Perceptual distance (LPIPS) between pictures made of the same input.",
  ),
  "psnr": (
    "PSNR",
    "Peak signal-to-noise ratio against the true picture, in decibels.",
  ),
  "ssim": (
    "SSIM",
    "Structural similarity to the true picture; 1 where they are equal.",
  ),
  "error": (
    "Error",
    "Mean absolute difference from the true picture, in grey levels of 255.",
  ),
  "cycle": (
    "Cycle error",
    "Mean absolute difference of a picture translated there and back, in grey "
    "levels of 255.",
  ),
  "mean_iou": (
    "Mean IoU",
    "How far a segmenter reads the labels back from the pictures: overlap of "
    "predicted and true pixels, averaged over the classes.",
  ),
  "pixel_accuracy": (
    "Pixel accuracy",
    "Share of pixels whose class a segmenter tells.",
  ),
  "class_accuracy": (
    "Class accuracy",
    "Share of a class's pixels that a segmenter tells, averaged over the "
    "classes.",
  ),
  "color_iou": (
    "Colour IoU",
    "Mean IoU of labels that are read back from the colours of pixels.",
  ),
  "color_accuracy": (
    "Colour accuracy",
    "Share of pixels whose label can be read back from their colour.",
  ),
  "head_iou": (
    "Head IoU",
    "Mean IoU of the classes that the discriminator's head sees.",
  ),
  "head_accuracy": (
    "Head accuracy",
    "Share of pixels whose class the discriminator's head tells.",
  ),
  "ap": (
    "AP",
    "Average precision of detection, over IoU thresholds 0.50 to 0.95 (COCO).",
  ),
  "ap50": ("AP50", "Average precision of detection at IoU 0.50."),
  "ap75": ("AP75", "Average precision of detection at IoU 0.75."),
  **{
    f"ap_{size}": (
      f"AP, {size}",
      f"Average precision of {size} objects (COCO).",
    )
    for size in _SIZES
  },
  **{
    f"ar_{number}": (
      f"AR at {number}",
      f"Average recall with up to {number} detections a picture (COCO).",
    )
    for number in (1, 10, 100)
  },
  **{
    f"ar_{size}": (f"AR, {size}", f"Average recall of {size} objects (COCO).")
    for size in _SIZES
  },
}
_SIDES = {"_AtoB": "A to B", "_BtoA": "B to A", "_A": "A", "_B": "B"}
_NAME = re.compile(r"(?P<base>.+?)(?P<suffix>_AtoB|_BtoA|_A|_B)?")


@dataclasses.dataclass(frozen=True)
class Metric:
  """A score's name taken apart, and put into words.

  Attributes:
    name: as in records.
    base: without direction and mark of random features, such as `fid`.
    suffix: `_AtoB`, `_BtoA`, `_A`, `_B` or empty.
    random_features: whether networks of random weights made it.
    title: what it is called, without side.
    meaning: a sentence or two; empty where it is not known.
    best: `min` or `max`; empty where that is not known.
  """

  name: str
  base: str
  suffix: str
  random_features: bool
  title: str
  meaning: str
  best: str

  @property
  def side(self) -> str:
    """What the suffix stands for: `A to B`, `B to A`, `A`, `B` or empty."""
    return _SIDES.get(self.suffix, "")

  def sibling(self, base: str) -> str:
    """The name of another score of the same pictures and networks."""
    mark = evaluation_record.RANDOM_FEATURES if self.random_features else ""
    return f"{mark}{base}{self.suffix}"

  @property
  def full_title(self) -> str:
    """Title with side and mark, for where it stands alone."""
    title = f"{self.title}, {self.side}" if self.side else self.title
    return f"{title} (random features)" if self.random_features else title

  @property
  def direction(self) -> str:
    """Which way is better, in words; empty where that is not known."""
    return {"min": "lower is better", "max": "higher is better"}.get(
      self.best, ""
    )


def describe(name: str) -> Metric:
  """Puts the name of a score, or of a loss, into words."""
  bare = name.removeprefix(evaluation_record.RANDOM_FEATURES)
  parts = _NAME.fullmatch(bare)
  base = parts["base"]
  known = base in _WORDS or class_of(base) is not None
  title, meaning = _WORDS.get(base, (base.replace("_", " "), ""))
  if found := class_of(base):
    title = f"{found[0]}, {found[1]}"
  return Metric(
    name=name,
    base=base,
    suffix=parts["suffix"] or "",
    random_features=bare != name,
    title=title,
    meaning=meaning,
    best=evaluation_record.best_mode(name) if known else "",
  )


def order(name: str) -> tuple[bool, int, str]:
  """Key that sorts scores: FID first, those of random features last."""
  metric = describe(name)
  known = list(_WORDS)
  place = known.index(metric.base) if metric.base in _WORDS else len(known)
  return metric.random_features, place, metric.suffix


def class_of(base: str) -> tuple[str, str] | None:
  """(kind, class) of a score that each class has one of; None: it is another.

  Args:
    base: see `Metric`.
  """
  for beginning, kind in PER_CLASS.items():
    rest = base.removeprefix(beginning)
    if rest not in ("", base, *_SIZES):
      return kind, rest.replace("_", " ")
  return None


def number(value: float | None, digits: int | None = None) -> str:
  """A score in words; `undefined` where it is no number.

  Args:
    value: of the score.
    digits: after the point; None: as many as make up about four in all.
  """
  if value is None or math.isnan(value):
    return "undefined"
  if math.isinf(value):
    return "∞" if value > 0 else "\N{MINUS SIGN}∞"
  size = abs(value)
  if digits is not None:
    text = f"{value:.{digits}f}"
  elif size >= 1000:
    text = f"{value:,.0f}"
  elif size >= 100:
    text = f"{value:.1f}"
  elif size >= 10:
    text = f"{value:.2f}"
  elif size >= 0.0995 or size < 1e-9:
    text = f"{value:.3f}"
  else:
    text = f"{value:.{2 - math.floor(math.log10(size))}f}"
  return text.replace("-", "\N{MINUS SIGN}")
