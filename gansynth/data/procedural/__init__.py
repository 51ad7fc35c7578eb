"""Procedural training data: street scenes and overhead tiles."""

from gansynth.data.procedural.overhead import OverheadTiles, TurbineCutouts
from gansynth.data.procedural.street import StreetScenes

__all__ = ["OverheadTiles", "StreetScenes", "TurbineCutouts"]
