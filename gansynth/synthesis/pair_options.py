"""What a run that makes image-mask pairs can be told, in one place.

Command lines, notebooks and the record of a run are all this: nested
dictionaries of JSON's own values, checked by `Options.from_dict`.
"""

import dataclasses

from gansynth.data.labels.oversampling import RARE
from gansynth.synthesis import background
from gansynth.synthesis.mask_changes import Changes
from gansynth.synthesis.mask_jitter import Jitter
from gansynth.synthesis.option_values import Recorded, at_least, choose

MODES = ("fixed", "original")
NAMINGS = ("plain", "original")
MASKS = ("ids", "colors")
DEFAULT_SIZE = (512, 512)  # of the original, where no run tells another


@dataclasses.dataclass(frozen=True)
class MaskOptions:
  """Where masks come from, and which are drawn more often.

  Attributes:
    path: folder of masks, of `{train,val}/masks`, or of image-mask pairs; "":
      those that the generator's run was trained with, read as it read them.
    palette: what colours stand for, see `palettes.load`; gray masks hold
      numbers all the same. "": of the generator's run.
    palette_rule: for other colours, see `LabelReader`; "": of the run, else
      `exact`.
    palette_tolerance: of the rule `nearest`, distance in RGB.
    background: label of what no rule knows.
    num_labels: labels are 0 to num_labels - 1; 0: the generator's.
    dont_care: whether num_labels is a label too, for 255 in files; told by
      the generator.
    size: (height, width) of the pairs; (): that of the generator's run, where
      there is none 512 x 512.
    oversample: labels of which a mask must hold one to be drawn more often, or
      "rare": those with under 5 % of all pixels.
    oversample_factor: how much more often.
  """

  path: str = ""
  palette: str = ""
  palette_rule: str = ""
  palette_tolerance: float = 48.0
  background: int = 0
  num_labels: int = 0
  dont_care: bool = False
  size: tuple[int, ...] = ()
  oversample: tuple[int, ...] | str = ()
  oversample_factor: float = 2.0


@dataclasses.dataclass(frozen=True)
class GeneratorOptions:
  """What makes pictures of masks; see `LabelTranslator`.

  Attributes:
    weights: work directory of a run, a converted network or a file of an
      original program.
    step: checkpoint of a run; 0: the best one, else the latest.
    batch_size: pictures that a device makes together.
    mode: `eval` or `batch`, of batch norm.
    seed: of styles and features, where the generator draws any.
    instances: `labels`: every label counts as one instance, for generators
      that are shown instances; "": they are refused.
    features: table that instances' features are drawn from.
  """

  weights: str = ""
  step: int = 0
  batch_size: int = 8
  mode: str = "eval"
  seed: int = 0
  instances: str = ""
  features: str = ""


@dataclasses.dataclass(frozen=True)
class FilterOptions:
  """Which pairs are kept: those that a segmenter agrees with.

  Attributes:
    segmenter: see `segmenters.load`; "": all are kept.
    kind: of segmenter; `auto`: told from it.
    step: checkpoint of a run; 0: the best one, else the latest.
    tau: pairs are kept from this mean IoU of the prediction and the mask on.
    size: (height, width) that pictures are resized to for the segmenter; ():
      they are not, but to 512 x 512 for a TorchScript file in mode original.
  """

  segmenter: str = ""
  kind: str = "auto"
  step: int = 0
  tau: float = 0.6
  size: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class OutputOptions:
  """What is written.

  Attributes:
    naming: `plain`: `images/pair_00000.jpg` and `masks/pair_00000.png`;
      `original`: `pair_00000_img.jpg` and `pair_00000_mask.png` in one folder.
    picture: `jpg` or `png`.
    quality: of JPEG, 1..100.
    masks: what masks hold: `ids`, or the palette's `colors`.
    preview: write a contact sheet.
  """

  naming: str = "plain"
  picture: str = "jpg"
  quality: int = 95
  masks: str = "ids"
  preview: bool = True


@dataclasses.dataclass(frozen=True)
class Options(Recorded):
  """All of a run that makes image-mask pairs.

  Attributes:
    mode: `fixed`; or `original`: masks are drawn and moved as Geoseg-GAN does,
      with Python's and NumPy's old generators, one pair after the other.
    seed: of everything random, >= 0.
    pairs: how many are made; a filter may keep fewer.
    masks: what masks are drawn from.
    jitter: how masks are moved in mode original.
    changes: how masks are changed in mode fixed.
    generator: what makes pictures of them.
    filter: which pairs are kept.
    output: what is written.
  """

  mode: str = "fixed"
  seed: int = 0
  pairs: int = 200
  masks: MaskOptions = MaskOptions()
  jitter: Jitter = dataclasses.field(default_factory=Jitter)
  changes: Changes = dataclasses.field(default_factory=Changes)
  generator: GeneratorOptions = GeneratorOptions()
  filter: FilterOptions = FilterOptions()
  output: OutputOptions = OutputOptions()

  def __post_init__(self):
    choose("mode", self.mode, MODES)
    choose("output.naming", self.output.naming, NAMINGS)
    choose("output.masks", self.output.masks, MASKS)
    background.check_format(self.output.picture)
    at_least("seed", self.seed, 0)
    at_least("pairs", self.pairs, 1)
    at_least("masks.num_labels", self.masks.num_labels, 0)
    at_least("generator.step", self.generator.step, 0)
    at_least("filter.step", self.filter.step, 0)
    at_least("generator.batch_size", self.generator.batch_size, 1)
    at_least("output.quality", self.output.quality, 1)
    if self.output.quality > 100:
      raise ValueError(
        f"output.quality is {self.output.quality}; expected 1..100"
      )
    if not 0 <= self.filter.tau <= 1:
      raise ValueError(
        f"filter.tau is {self.filter.tau}; a mean IoU is 0..1, and pairs are "
        "kept from it on"
      )
    for name in ("masks", "filter"):
      size = getattr(self, name).size
      if size and (len(size) != 2 or min(size) < 1):
        raise ValueError(
          f"{name}.size is {size}; expected (height, width), or () to leave it"
        )
    oversample = self.masks.oversample
    if isinstance(oversample, str) and oversample != RARE:
      raise ValueError(
        f"masks.oversample is {oversample!r}; expected labels, or {RARE!r}"
      )
    self._check_mode()

  def _check_mode(self):
    """Refuses what the mode would not look at."""
    if self.mode == "original":
      unused = _changed("changes", self.changes) + [
        name for name in _changed("masks", self.masks) if "oversample" in name
      ]
    else:
      unused = _changed("jitter", self.jitter)
    if unused:
      other = "fixed" if self.mode == "original" else "original"
      raise ValueError(
        f"mode {self.mode} has no {', '.join(unused)}; leave it out, or choose "
        f"mode {other}"
      )


def _changed(prefix, options):
  """Names of the options that are not at their defaults."""
  default = type(options)()
  return [
    f"{prefix}.{name}"
    for name, value in vars(options).items()
    if value != getattr(default, name)
  ]
