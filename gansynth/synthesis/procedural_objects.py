"""Wind turbines that are drawn, so that the package needs no pictures."""

from collections.abc import Sequence
from typing import Any

from gansynth.data.procedural import TurbineCutouts, regions
from gansynth.synthesis import picture_folders
from gansynth.synthesis.background_sources import METRES
from gansynth.synthesis.cutouts import Annotation, Cutout
from gansynth.synthesis.labels import rle
from gansynth.synthesis.recent import Recent

_KEPT = 64 << 20  # bytes of cut-outs in memory


class ProceduralTurbines:
  """Wind turbines from above, with their shadows; a domain for each region.

  A cut-out's `mask` is tower, blades and shadow; its annotation is tower and
  blades.

  Args:
    seed: >= 0; other seeds are other machines and places.
    metres: size of a pixel; that of `ProceduralTiles` for both to match.
    domains: regions to use, in this order; None: all.
    count: turbines of each domain.
    margin: pixels of land on each side.
  """

  class_names = ("wind_turbine",)

  def __init__(
    self,
    seed: int = 0,
    metres: float = METRES,
    domains: Sequence[str] | None = None,
    count: int = 100,
    margin: int = 24,
  ) -> None:
    if count < 1:
      raise ValueError(f"count is {count}; expected 1 or more turbines")
    self._names = [f"turbine_{index:06d}" for index in range(count)]
    self._cutouts = {
      domain: TurbineCutouts(seed, domain, metres, margin)
      for domain in domains or [region.name for region in regions.REGIONS]
    }
    self._recent = Recent(_KEPT)

  def domains(self) -> list[str]:
    """See `ObjectSource`."""
    return list(self._cutouts)

  def names(self, domain: str) -> list[str]:
    """See `ObjectSource`."""
    picture_folders.check_domain(domain, self._cutouts)
    return self._names

  def read(self, domain: str, index: int) -> Cutout:
    """See `ObjectSource`."""
    picture_folders.check_domain(domain, self._cutouts)
    return self._recent.get((domain, index), lambda: self._draw(domain, index))

  def _draw(self, domain, index):
    drawn = self._cutouts[domain].cutout(index)
    turbine = drawn["turbine"]
    box = tuple(map(float, rle.box(rle.encode(turbine))))
    return Cutout(
      self._names[index],
      drawn["image"],
      (Annotation(0, box, turbine),),
      drawn["footprint"],
    )

  def size(self, domain: str, index: int) -> tuple[int, int]:
    """See `ObjectSource`."""
    picture_folders.check_domain(domain, self._cutouts)
    return self._cutouts[domain].size(index)

  def check(self) -> list[str]:
    """See `ObjectSource`; there is nothing to go wrong."""
    return []

  def described(self) -> dict[str, Any]:
    """See `ObjectSource`."""
    first = next(iter(self._cutouts.values()))
    return {
      "kind": "procedural",
      "class_names": list(self.class_names),
      "seed": first.seed,
      "metres": first.metres,
      "margin": first.margin,
      "count": len(self._names),
      "domains": self.domains(),
    }
