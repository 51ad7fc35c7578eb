r"""Detection data sets by blending (Closing the Domain Gap, NeurIPS 2022 CCAI).

    python -m gansynth.main --config=configs/detection.py

puts procedural wind turbines of three regions into empty tiles of all three:
9 data sets of 100 labelled pictures of 320 pixels, in a minute on two CPU
cores. Look at the `preview.html` of each. Crops and tiles of your own:

    python -m gansynth.main --config=configs/detection.py \
      --config.objects.path=CROPS --config.backgrounds.path=TILES

CROPS holds `images` and `labels` (YOLO), a folder for each domain in both; or
is a COCO json; or a folder of transparent PNGs for each class. TILES holds a
folder for each domain.

The trials of the paper, placed as the original programs do and named like it:

    configs/detection.py:trial        NW and SW, 3 objects, 100 pictures a pair
    configs/detection.py:objects=N    N objects on a picture, 1 to 5
    configs/detection.py:images=800   one run of 800 pictures a pair
    configs/detection.py:crops=K,seed=S   K distinct crops; 1, 5, 10, 25, 50,
                                          100, 150 with seeds 37 19 64 91 48

They want `--config.objects.path`, `--config.backgrounds.path` (the root of
`images/<domain>/Background`), `--config.backgrounds.domain_dict` and
`--config.blending.weights` (the Blending GAN's). 100 pictures of 608 pixels a
pair are about half a minute of two CPU cores; the detector's gain was 6.6
points of mAP across regions when 1 in 8 of its pictures was synthetic.
"""

import ml_collections

from gansynth import config as config_lib
from gansynth.synthesis import detection_options

_SETTINGS = ("objects", "images", "crops", "seed")


def get_config(variant=None):
  """Returns the config of a variant; see the top of the file."""
  config = ml_collections.ConfigDict(detection_options.Options().to_dict())
  config.system = detection_options.SYSTEM
  if variant not in (None, "", "default"):
    _trial(config, _parse(variant))
  return config


def _parse(variant):
  """Reads `trial` or `name=number,name=number`."""
  if variant == "trial":
    return {}
  settings = {}
  for part in variant.split(","):
    name, _, value = part.partition("=")
    if name not in _SETTINGS or not value.isdigit():
      raise config_lib.ConfigError(
        f"unknown variant {variant!r}; known variants are default, trial, "
        + ", ".join(f"{name}=NUMBER" for name in _SETTINGS)
        + " (several are joined by commas)"
      )
    settings[name] = int(value)
  return settings


def _trial(config, settings):
  config.mode = "original"
  config.seed = settings.get("seed", 13)
  config.images = settings.get("images", 100)
  config.domains = ("NW", "SW")
  config.objects.path = "implantable_objects"
  config.objects.limit = settings.get("crops", 0)
  config.backgrounds.path = "data"
  config.backgrounds.domain_dict = "domain_dict.json"
  config.backgrounds.limit = 100
  config.backgrounds.size = (608, 608)
  config.rules.min_objects = config.rules.max_objects = settings.get(
    "objects", 3
  )
  config.blending.method = "gp_gan"
  config.blending.weights = "blending_gan.npz"
  config.output.naming = "original"
  config.output.formats = ("yolo",)
  config.output.quality = 100
