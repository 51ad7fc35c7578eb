r"""Geoseg-GAN: pictures of land from maps of its cover, for more training data.

    python -m gansynth.main --config=configs/geoseg.py

trains on procedural land cover of six classes: 1200 steps at 64 x 64, some
minutes on two CPU cores. Then

    python tools/generate_pairs.py --run runs/geoseg --output pairs

makes new image-mask pairs of its jittered training masks.

Variants, for one's own pictures: root holds `train/images`, `train/masks`,
`val/images` and `val/masks`, with files of the same names and any endings.

- `folders` trains at 256 x 256;
- `finetune` goes on at 512 x 512, as the original's notes advise.

    configs/geoseg.py:folders --config.data.root=FOLDER \
        --config.data.palette="250 62 119 Background; 168 232 84 Forest; ..." \
        --config.data.num_labels=N --workdir=runs/land
    configs/geoseg.py:finetune --config.data.root=FOLDER ... \
        --config.init_from=runs/land --workdir=runs/land512

Masks hold class numbers, or colours: the palette is `geoseg` (the original's
six), a file of lines `red green blue name`, or such entries with semicolons
between. What a colour that is not among them means, `palette_rule` says:

- `exact`: the map is refused, and the colours are listed;
- `nearest`: the class whose colour is within `palette_tolerance` (a distance in
  RGB), else `palette_background`: for masks that went through JPEG;
- `original`: `palette_background`, without a word in the original. Here they
  are counted, and `tools/build_dataset.py --check` lists files and shares.

No paper is known; the networks, losses and rates are those of the program
label2image_gan.py, where 512 is a constant. It trains 10 epochs
unless told otherwise; some hundred pictures want more, and have 50 here.
`--config.data.synthetic=FOLDER` mixes pairs that were generated before into the
training, see `gansynth.data.labels.create`.
"""

from gansynth import config as config_lib
from gansynth import config_data, config_defaults


def get_config(variant=None):
  """Returns the config of a variant; see the top of the file."""
  config = config_defaults.label_to_image()
  config.recipe = "geoseg"
  config.batch_size = 8
  config.generator = {"name": "geoseg_unet", "features": 64}
  config.discriminator = {"name": "geoseg_patch", "features": 64}
  config.loss.lambda_perceptual = 0.0  # 10, and vgg_weights, are worth trying
  config.optimizer.ttur = False
  config.optimizer.beta1 = 0.5
  config.optimizer.beta2 = 0.999
  config.optimizer.policy = "constant"
  config.optimizer.num_epochs_decay = 0
  config.data.num_labels = 6
  config.data.instances = False
  config_defaults.use_pairs(config)
  config.data.flip = False
  variants = {
    "default": _procedural,
    "folders": _folders,
    "finetune": _fine_tuning,
  }
  return config_lib.apply_variant(config, variant, variants)


def _procedural(config):
  config_data.use_procedural_land(config)
  config.generator.features = 32
  config.discriminator.features = 32
  config.optimizer.learning_rate = 4e-4  # for 1200 steps, not 10,000
  config.optimizer.num_epochs = 24


def _folders(config):
  config.data.source = "geoseg"
  config.data.root = "datasets/land"
  config.data.preprocess = "resize_and_crop"
  config.data.load_size = 256
  config.data.crop_size = 256
  config.optimizer.num_epochs = 50


def _fine_tuning(config):
  _folders(config)
  config.data.load_size = 512
  config.data.crop_size = 512
  config.init_from = "runs/geoseg_folders"
  config.optimizer.num_epochs = 10
