"""What a run that makes detection data can be told, in one place.

Config files, command lines and the record of a run are all this: nested
dictionaries of JSON's own values, checked by `Options.from_dict`.
"""

import dataclasses

from gansynth.synthesis import background
from gansynth.synthesis.option_values import Recorded, at_least, choose
from gansynth.synthesis.rules import Rules

SYSTEM = "detection_data"  # what configs call it
MODES = ("fixed", "original")
PAIRS = ("all", "cross", "within")
WINDOWS = ("random", "tiles")
FORMATS = ("yolo", "coco", "voc", "tfds")
NAMINGS = ("plain", "original")
# What mode original knows of the rules; the others stay as they are.
_ORIGINAL_RULES = ("min_objects", "max_objects", "offset_ctr", "blend_offset")
SEGMENTATIONS = ("rle", "polygon")


@dataclasses.dataclass(frozen=True)
class ObjectOptions:
  """Where cut-outs come from.

  Attributes:
    path: folder, or COCO json; "": procedural wind turbines.
    kind: of source, see `object_sources.open_objects`.
    images: folder of the photographs of a COCO json.
    class_names: where the source does not name its classes.
    limit: how many cut-outs of a domain may be used, drawn once; 0: all.
  """

  path: str = ""
  kind: str = "auto"
  images: str = ""
  class_names: tuple[str, ...] = ()
  limit: int = 0


@dataclasses.dataclass(frozen=True)
class BackgroundOptions:
  """What objects are put into.

  Attributes:
    path: folder of pictures, or of a folder for each domain; the root of a
      `domain_dict`; "": procedural overhead tiles.
    domain_dict: JSON file, {domain: {"Background": [names], ...}}.
    limit: how many of a domain's pictures (or tiles) are used, from the
      first; 0: all.
    size: (height, width) of the results; (): as large as the background.
    window: how larger backgrounds are cut: `random` or `tiles`.
  """

  path: str = ""
  domain_dict: str = ""
  limit: int = 0
  size: tuple[int, ...] = ()
  window: str = "random"


@dataclasses.dataclass(frozen=True)
class BlendingOptions:
  """How objects and backgrounds become one picture; see `Blender`.

  Attributes:
    method: of blending; "": what the weights are for, gaussian_poisson
      without any.
    weights: of GP-GAN.
    color_weight: of the colour picture against the gradients.
    sigma: of the Gaussian that compares colours, in pixels.
    feather: width of the soft edge of method `feather`, in pixels.
    batch_size: pictures that are blended together.
  """

  method: str = ""
  weights: str = ""
  color_weight: float = 1.0
  sigma: float = 0.5
  feather: float = 8.0
  batch_size: int = 8


@dataclasses.dataclass(frozen=True)
class OutputOptions:
  """What is written.

  Attributes:
    formats: of labels, any of `yolo`, `coco`, `voc`, `tfds`.
    picture: `jpg` or `png`.
    quality: of JPEG, 1..100.
    naming: `plain`, or `original` as the climate programs name their files,
      labels beside them.
    segmentation: of COCO json: `rle` or `polygon`.
    canvases: folder for what goes into the blending, too: pasted objects and
      masks; "": do not keep them.
    preview: write a contact sheet.
  """

  formats: tuple[str, ...] = ("yolo", "coco")
  picture: str = "jpg"
  quality: int = 95
  naming: str = "plain"
  segmentation: str = "rle"
  canvases: str = ""
  preview: bool = True


@dataclasses.dataclass(frozen=True)
class Options(Recorded):
  """All of a run that makes detection data.

  Attributes:
    mode: `fixed`; or `original`: placed as the climate programs do, with
      Python's generator and their defects.
    seed: of everything random, >= 0.
    images: for each pair of domains.
    domains: which to use, in this order; (): all there are.
    pairs: `all` ordered pairs of domains, `cross`: of two different ones,
      `within`: of each with itself.
    objects_percentile: place as many objects as this percentile of the real
      labels' counts says; negative: the rules say how many.
    real_labels: folder of YOLO labels or COCO json of real pictures, for the
      rules' `use_real`, the percentile and the plots.
    objects: what is placed.
    distractors: what is placed without a label, if `path` is given.
    backgrounds: what it is placed into.
    rules: how it is placed.
    blending: how it is blended.
    output: what is written.
  """

  mode: str = "fixed"
  seed: int = 0
  images: int = 100
  domains: tuple[str, ...] = ()
  pairs: str = "all"
  objects_percentile: float = -1.0
  real_labels: str = ""
  objects: ObjectOptions = ObjectOptions()
  distractors: ObjectOptions = ObjectOptions()
  backgrounds: BackgroundOptions = BackgroundOptions()
  rules: Rules = dataclasses.field(default_factory=Rules)
  blending: BlendingOptions = BlendingOptions()
  output: OutputOptions = OutputOptions()

  def __post_init__(self):
    choose("mode", self.mode, MODES)
    choose("pairs", self.pairs, PAIRS)
    choose("backgrounds.window", self.backgrounds.window, WINDOWS)
    choose("output.naming", self.output.naming, NAMINGS)
    choose("output.segmentation", self.output.segmentation, SEGMENTATIONS)
    for each in self.output.formats:
      choose("output.formats", each, FORMATS)
    background.check_format(self.output.picture)
    twice = [x for x in self.domains if self.domains.count(x) > 1]
    if twice:
      raise ValueError(
        f"domains holds {twice[0]!r} more than once; name each domain once"
      )
    at_least("seed", self.seed, 0)
    at_least("images", self.images, 1)
    at_least("objects.limit", self.objects.limit, 0)
    at_least("backgrounds.limit", self.backgrounds.limit, 0)
    at_least("blending.batch_size", self.blending.batch_size, 1)
    at_least("output.quality", self.output.quality, 1)
    if self.output.quality > 100:
      raise ValueError(
        f"output.quality is {self.output.quality}; expected 1..100"
      )
    if self.objects_percentile > 100:
      raise ValueError(
        f"objects_percentile is {self.objects_percentile}; expected 0..100, or "
        "a negative number for none"
      )
    if self.backgrounds.size and (
      len(self.backgrounds.size) != 2 or min(self.backgrounds.size) < 1
    ):
      raise ValueError(
        f"backgrounds.size is {self.backgrounds.size}; expected (height, "
        "width), or () for that of the backgrounds"
      )
    uses_real = self.rules.use_real or self.objects_percentile >= 0
    if uses_real and not self.real_labels:
      raise ValueError(
        "real_labels is not set, and what is taken from real labels (use_real "
        f"{self.rules.use_real}, objects_percentile "
        f"{self.objects_percentile}) needs it; name a folder of YOLO labels "
        "or a COCO json"
      )
    self._check_distractors()
    if self.mode == "original":
      self._check_original()

  def _check_distractors(self):
    most = self.rules.max_distractors
    if bool(self.distractors.path) != bool(most):
      raise ValueError(
        f"distractors.path is {self.distractors.path!r}, and there are to be "
        f"{self.rules.min_distractors} to {most} distractors on a picture; "
        "say both what they are and how many (rules.max_distractors), or "
        "neither"
      )

  def _check_original(self):
    default = Rules()
    unknown = [
      name
      for name, value in vars(self.rules).items()
      if name not in _ORIGINAL_RULES and value != getattr(default, name)
    ]
    if unknown:
      raise ValueError(
        f"mode original has no {', '.join(unknown)}; leave out what it has "
        "not, or choose mode fixed"
      )
    if self.rules.min_objects != self.rules.max_objects:
      raise ValueError(
        f"min_objects is {self.rules.min_objects} and max_objects "
        f"{self.rules.max_objects}; mode original has one number of objects, "
        "so give both the same, or choose mode fixed"
      )
