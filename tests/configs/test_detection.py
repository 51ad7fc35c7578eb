"""The trials of the paper, by name."""

import pytest
import tiny

from gansynth import config as config_lib
from gansynth.synthesis.detection_options import Options

PATH = tiny.ROOT / "configs" / "detection.py"


def options(variant):
  values = config_lib.load(f"{PATH}:{variant}").to_dict()
  assert values.pop("system") == "detection_data"
  return Options.from_dict(values)


def test_the_default_is_the_librarys():
  assert options("") == Options()


@pytest.mark.parametrize(
  ("variant", "seed", "images", "objects", "crops"),
  [
    ("trial", 13, 100, 3, 0),
    ("objects=5", 13, 100, 5, 0),
    ("images=800", 13, 800, 3, 0),
    ("crops=25,seed=19", 19, 100, 3, 25),
  ],
)
def test_trials(variant, seed, images, objects, crops):
  chosen = options(variant)
  assert chosen.mode == chosen.output.naming == "original"
  assert chosen.domains == ("NW", "SW")
  assert (chosen.seed, chosen.images) == (seed, images)
  assert chosen.rules.min_objects == chosen.rules.max_objects == objects
  assert (chosen.objects.limit, chosen.backgrounds.limit) == (crops, 100)
  assert chosen.backgrounds.size == (608, 608)


@pytest.mark.parametrize("variant", ["objects", "objects=x", "pictures=3"])
def test_unknown_variants_are_named(variant):
  with pytest.raises(config_lib.ConfigError, match="unknown variant"):
    config_lib.load(f"{PATH}:{variant}")
