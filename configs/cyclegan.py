"""CycleGAN: unpaired translation (Zhu et al., ICCV 2017).

    python -m gansynth.main --config=configs/cyclegan.py

trains on procedural street scenes, from game-like to photo-like and back, with
networks small enough for two CPU cores: 2400 steps, about 4 minutes. At the
end the translations are about 12 grey levels from the true photo-like pictures
and 20 from the true game-like ones, against 32 for leaving pictures alone.
Variants follow a colon:

    configs/cyclegan.py:folders --config.data.root=FOLDER

trains on your own trainA, trainB, testA and testB with the published settings
(resize to 286, crop 256, 100 + 100 epochs, batch 1). Those named after the
published data sets, for example `:horse2zebra`, expect datasets/<name>;
`--config.data.source=tfds` reads them from TensorFlow Datasets instead.

    configs/cyclegan.py:gta2cityscapes

is how the authors' GTA5 to Cityscapes images were made (width 1024, crops of
360, identity weight 1, 10 + 10 epochs); `:gta2cityscapes_cycada` has the 400
pixel crops of Hoffman et al., ICML 2018. Translated with it, Cityscapes
segmenters trained on GTA5 gain about 15 points of mean IoU (21.7 to 37.0 for
DRN-26 there). One step at 360 pixels is about 3.6 T multiply-adds; 20 epochs
of 24,966 pictures are 500,000 steps.
"""

from gansynth import config as config_lib
from gansynth import config_data, config_defaults

UNPAIRED = (
  "apple2orange",
  "cezanne2photo",
  "facades",
  "horse2zebra",
  "iphone2dslr_flower",
  "maps",
  "monet2photo",
  "summer2winter_yosemite",
  "ukiyoe2photo",
  "vangogh2photo",
)


def get_config(variant=None):
  """Returns the config of a variant; see the top of the file."""
  config = config_defaults.image_to_image()
  config.loss = {
    "gan_mode": "lsgan",  # or vanilla, wgangp
    "lambda_a": 10.0,  # cycle A -> B -> A
    "lambda_b": 10.0,  # cycle B -> A -> B
    "lambda_identity": 0.5,  # keeps colours; 0: off
    "gradient_penalty": 0.0,  # 10 makes wgangp what its paper is
    "pool_size": 50,  # older fakes that the discriminators are shown
  }
  variants = {
    "default": _procedural,
    "folders": lambda config: None,
    "gta2cityscapes": _gta2cityscapes,
    "gta2cityscapes_cycada": _cycada,
    **{name: _published(name) for name in UNPAIRED},
  }
  return config_lib.apply_variant(config, variant, variants)


def _procedural(config):
  config_data.use_procedural_streets(config)
  config.generator.name = "resnet_3blocks"
  config.generator.features = 16
  config.discriminator.name = "patch_2layers"
  config.discriminator.features = 24
  config.optimizer.learning_rate = 4e-4
  config.optimizer.num_epochs = 3
  config.optimizer.num_epochs_decay = 3
  config.ema_decay = 0.99


def _published(name):
  def change(config):
    config.data.root = f"datasets/{name}"
    config.data.tfds_name = f"cycle_gan/{name}"

  return change


def _gta2cityscapes(config):
  config.data.root = "datasets/cityscapes2gta"
  config.data.tfds_name = "gta2cityscapes"
  # The archive is named after its A, then its B, as all of the authors' are.
  config.data.direction = "BtoA"
  config.data.preprocess = "scale_width_and_crop"
  config.data.load_size = 1024
  config.data.crop_size = 360
  config.loss.lambda_identity = 1.0
  config.optimizer.num_epochs = 10
  config.optimizer.num_epochs_decay = 10
  config.synthesize.scale_width = 1024


def _cycada(config):
  _gta2cityscapes(config)
  config.data.crop_size = 400
