"""Where cut-outs come from: labelled crops, COCO, transparent pictures, drawn.

A source of objects can be pickled for worker processes, and gives the same
cut-outs in each of them.
"""

import os
from collections.abc import Sequence
from typing import Any, Protocol

from gansynth import images as pictures
from gansynth.synthesis.coco_objects import CocoObjects
from gansynth.synthesis.cutouts import Cutout
from gansynth.synthesis.file_objects import (
  RgbaCutouts,
  UnlabelledCutouts,
  YoloCrops,
)
from gansynth.synthesis.procedural_objects import ProceduralTurbines

KINDS = ("auto", "yolo", "coco", "rgba", "unlabelled", "procedural")
_LAYOUTS = """\
  yolo: images/<domain>/*.jpg or images/*.jpg, labels beside as labels/...*.txt
  rgba: <class>/*.png or <domain>/<class>/*.png, with transparency
  coco: a json file
  unlabelled: pictures anywhere, for distractors; name this kind to get it"""


class ObjectSource(Protocol):
  """What every source of cut-outs offers.

  Names and domains are the same on every machine; `index` counts from 0 in the
  order of `names`.

  Attributes:
    class_names: of the annotations' class ids.
  """

  class_names: tuple[str, ...]

  def domains(self) -> list[str]:
    """Names of the domains; [""] where there are none."""
    ...

  def names(self, domain: str) -> list[str]:
    """Names of a domain's cut-outs, sorted, each different."""
    ...

  def read(self, domain: str, index: int) -> Cutout:
    """Cut-out `index`; its arrays are read-only."""
    ...

  def size(self, domain: str, index: int) -> tuple[int, int]:
    """Its height and width, without decoding it."""
    ...

  def check(self) -> list[str]:
    """All that is wrong and can be found without decoding pictures.

    Each line names file, value, what is expected, and what to do.
    """
    ...

  def described(self) -> dict[str, Any]:
    """What it is, in values of JSON; it changes where its cut-outs do."""
    ...


def open_objects(
  path: str | os.PathLike[str] = "",
  kind: str = "auto",
  *,
  images: str | os.PathLike[str] | None = None,
  class_names: Sequence[str] | None = None,
  domains: Sequence[str] | None = None,
  seed: int = 0,
  one_class: bool = False,
) -> ObjectSource:
  """Opens a source of cut-outs.

  Args:
    path: folder or COCO json; "": procedural wind turbines.
    kind: one of `KINDS`; `auto` looks at path.
    images: folder of the photographs of a COCO json.
    class_names: of labels that have none; the classes to take from COCO.
    domains: to use, in this order; None: all. Sources that tell no domains
      apart pass over it.
    seed: of procedural turbines.
    one_class: see `YoloCrops`; passed over by the others.

  Raises:
    ValueError: unknown kind, or nothing of the kind is there.
  """
  if kind not in KINDS:
    raise ValueError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
  path = os.fspath(path)
  if kind == "auto":
    kind = _guess(path)
  if kind != "procedural" and not path:
    raise ValueError(f"path is empty; expected where the {kind} objects are")
  if kind == "procedural":
    return ProceduralTurbines(seed, domains=domains)
  if kind == "yolo":
    return YoloCrops(path, class_names, domains, one_class)
  if kind == "coco":
    return CocoObjects(path, images, class_names=class_names)
  if kind == "rgba":
    return RgbaCutouts(path, class_names, domains)
  return UnlabelledCutouts(path, domains)


def _guess(path):
  """Returns the kind of source that path looks like."""
  if not path:
    return "procedural"
  if not os.path.exists(path):
    raise ValueError(f"{path!r} does not exist; correct the path of objects")
  if os.path.isfile(path):
    if path.lower().endswith(".json"):
      return "coco"
  elif os.path.isdir(os.path.join(path, "images")):
    return "yolo"
  elif any(
    os.path.dirname(each) != path.rstrip(os.sep)
    for each in pictures.list_images(path)
  ):
    return "rgba"
  raise ValueError(
    f"{path!r} is no source of objects that is known; expected\n{_LAYOUTS}"
  )
