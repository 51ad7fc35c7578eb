"""pix2pix: paired translation (Isola et al., CVPR 2017).

    python -m gansynth.main --config=configs/pix2pix.py

learns photo-like from game-like renderings of the same procedural scenes in a
few minutes on two CPU cores. With your own pictures and the published settings
(U-Net of 8 levels, 286 to 256 pixels, 100 + 100 epochs, batch 1):

    configs/pix2pix.py:aligned --config.data.root=FOLDER

where FOLDER/train and FOLDER/test hold double pictures (A left, B right); or
name two folders with pictures of the same names:

    configs/pix2pix.py:aligned --config.data.folder_a=A --config.data.folder_b=B

`:facades`, `:maps`, `:edges2shoes` and `:cityscapes` expect datasets/<name>
and go the way the paper does (labels, maps and edges to photographs).
`:colorization` takes one folder of colour pictures.

At test time the original keeps dropout and each picture's own batch
statistics: `--config.synthesize.mode=train` does the same.
"""

from gansynth import config as config_lib
from gansynth import config_data, config_defaults


def get_config(variant=None):
  """Returns the config of a variant; see the top of the file."""
  config = config_defaults.image_to_image()
  config.system = "pix2pix"
  config.generator.name = "unet_256"
  config.generator.norm = "batch"
  config.generator.use_dropout = True
  config.discriminator.norm = "batch"
  config.loss = {
    "gan_mode": "vanilla",  # or lsgan, wgangp
    "lambda_l1": 100.0,  # distance to the true picture
    "gradient_penalty": 0.0,  # 10 makes wgangp what its paper is
  }
  config.data.source = "aligned"
  config.data.size_multiple = 256
  variants = {
    "default": _procedural,
    "aligned": lambda config: None,
    "facades": _published("facades", "BtoA"),
    "maps": _published("maps", "AtoB"),
    "edges2shoes": _published("edges2shoes", "AtoB"),
    "cityscapes": _published("cityscapes", "BtoA"),
    "colorization": _colorization,
  }
  return config_lib.apply_variant(config, variant, variants)


def _procedural(config):
  config_data.use_procedural_streets(config)
  config.data.paired = True
  config.data.size_multiple = 64
  config.generator.name = "unet_64"
  config.generator.features = 16
  config.discriminator.name = "patch_2layers"
  config.discriminator.features = 24
  config.optimizer.num_epochs = 5
  config.optimizer.num_epochs_decay = 5


def _published(name, direction):
  def change(config):
    config.data.root = f"datasets/{name}"
    config.data.direction = direction

  return change


def _colorization(config):
  config.data.source = "colorization"
  config.data.input_channels = 1
  config.data.output_channels = 2
