r"""pix2pixHD: label maps to large pictures (Wang et al., CVPR 2018).

    python -m gansynth.main --config=configs/pix2pixhd.py

learns procedural street scenes from their label maps.

Cityscapes as published, in two stages; the folder is laid out as
`{train,test}_{label,img,inst}`:

    configs/pix2pixhd.py:512p --config.data.root=FOLDER --workdir=runs/512p
    configs/pix2pixhd.py:1024p --config.data.root=FOLDER --workdir=runs/1024p \
        --config.init_from=runs/512p

The first is the global generator at 1024 x 512 (width x height), 100 + 100
epochs. The second encloses it in a local enhancer at 2048 x 1024: 50 + 50
epochs, the first 10 of which move the enhancer alone; then all of it is
trained, with a new Adam. (The original's released code means to, and goes on
moving the enhancer alone, since its train.py keeps the first optimiser.)
`:1024p_12gb` is the original's variant for smaller GPUs: crops of 1024 and 20
epochs of the enhancer alone; `--config.remat=True --config.dtype=bfloat16` save
memory without that. `--config.init_from` takes a run, a converted network or
an original folder, and says what it took.

`:512p_features` shows the generator what an encoder saw in each instance, so
that instances can be given looks.

Label maps coded in colours, or any pictures, go in with
`--config.data.num_labels=0` from `{train,test}_A` and `_B`. VGG19's weights are
`--config.vgg_weights=networks/vgg19`, see checkpoints/README.md.

Published for Cityscapes: pixel accuracy 83.8, mean IoU 0.639 (PSPNet; real
pictures 84.3 and 0.686); the SPADE paper measured 81.4, 0.583, FID 95.0 with
DRN-D-105. A single GPU each; the second stage took 24 GB.
"""

from gansynth import config as config_lib
from gansynth import config_data, config_defaults


def get_config(variant=None):
  """Returns the config of a variant; see the top of the file."""
  config = config_defaults.label_to_image()
  config.recipe = "pix2pixhd"
  config.generator = config_defaults.pix2pixhd_generator()
  config.discriminator.norm = "instance"
  config.discriminator.use_bias = True
  config.discriminator.init_type = "normal"
  config.loss.gan_mode = "lsgan"
  config.optimizer.ttur = False
  config.optimizer.beta1 = 0.5
  config.optimizer.beta2 = 0.999
  config.optimizer.num_epochs = 100
  config.optimizer.num_epochs_decay = 100
  config.data.source = "pix2pixhd_labels"
  config.data.num_labels = 35
  config.data.preprocess = "scale_width"
  config.data.load_size = 1024
  config.data.crop_size = 512
  variants = {
    "default": _procedural,
    "512p": _cityscapes,
    "512p_features": _features,
    "1024p": _enhanced,
    "1024p_12gb": _enhanced_12gb,
  }
  return config_lib.apply_variant(config, variant, variants)


def _procedural(config):
  config_data.use_small_run(config)
  config.optimizer.num_epochs = 8
  config.optimizer.num_epochs_decay = 4


def _cityscapes(config):
  config.data.root = "datasets/cityscapes"


def _features(config):
  _cityscapes(config)
  config.encoder = {
    "name": "instance_encoder",
    "pool": "instance",  # or label: over all of a label's pixels
    "features": 16,
    "output_channels": 3,
    "num_downsampling": 4,
    "norm": "instance",
    "init_type": "normal",
    "init_gain": 0.02,
  }


def _enhanced(config):
  _cityscapes(config)
  config.generator.name = "pix2pixhd_local"
  config.generator.features = 32
  config.generator.num_enhancers = 1
  config.generator.num_enhancer_blocks = 3
  config.discriminator.num_scales = 3
  config.data.preprocess = "none"
  config.fix_global_epochs = 10
  config.optimizer.num_epochs = 50
  config.optimizer.num_epochs_decay = 50


def _enhanced_12gb(config):
  _enhanced(config)
  config.data.preprocess = "crop"
  config.data.crop_size = 1024
  config.fix_global_epochs = 20
