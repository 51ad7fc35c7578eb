"""Procedural training data: street scenes, overhead tiles and land cover."""

from gansynth.data.procedural.land_cover import LandCoverScenes
from gansynth.data.procedural.overhead import OverheadTiles, TurbineCutouts
from gansynth.data.procedural.street import StreetScenes

__all__ = ["LandCoverScenes", "OverheadTiles", "StreetScenes", "TurbineCutouts"]
