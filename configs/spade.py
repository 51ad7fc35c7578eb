r"""SPADE: label maps to pictures (Park et al., CVPR 2019).

    python -m gansynth.main --config=configs/spade.py

learns procedural street scenes from their label maps: 600 steps at 64 x 128,
about 10 minutes on two CPU cores. After 200 of them sky, road, trees and houses
have their colours where the maps say; what is left is blurred, as no perceptual
loss is there.

The published settings, on your copy of a data set:

    configs/spade.py:cityscapes --config.data.root=FOLDER
    configs/spade.py:ade20k --config.data.root=FOLDER
    configs/spade.py:coco_stuff --config.data.root=FOLDER
    configs/spade.py:facades --config.data.root=FOLDER
    configs/spade.py:custom --config.data.label_dir=LABELS \
        --config.data.image_dir=PICTURES --config.data.num_labels=N

Cityscapes and ADE20K are taken as downloaded (FOLDER holds gtFine and
leftImg8bit, or pictures and maps at any depth), COCO-Stuff as
`{train,val}_{label,img,inst}`, facades as `{train,val}_{label,img}`. `custom`
takes label maps (8 or 16 bits, values 0 to N - 1) and pictures of the same
names, with `--config.data.instance_dir=INSTANCES` or
`--config.data.instances=False`; maps coded in colours with
`--config.data.palette=FILE` (lines `red green blue name`).
`--config.data.source=tfds_cityscapes` reads a prepared
`cityscapes/semantic_segmentation` from ArrayRecord.

Give VGG19's weights, `--config.vgg_weights=networks/vgg19`
(checkpoints/README.md has the command): without them the perceptual loss, which
all published results were trained with, is left out.

Styles: `:cityscapes_vae`, `:coco_stuff_vae` and `:custom_vae` have the encoder
of the paper's multi-modal results.

Published, of the authors' weights (mean IoU / pixel accuracy / FID): COCO-Stuff
37.4 / 67.9 / 22.6, ADE20K 38.5 / 79.9 / 33.9, Cityscapes 62.3 / 81.9 / 71.8.
Third parties found 62.2 / 93.5 / 63.4 (Cityscapes) and 42.0 / 81.4 (ADE20K).
The paper trained on 8 V100 with batches of 32 (Cityscapes 16) over all of
them, statistics synchronised, for 200 epochs, the last 100 with a falling rate
(COCO-Stuff 100). The released code's own default is 50 epochs without decay:
`--config.optimizer.num_epochs=50 --config.optimizer.num_epochs_decay=0`.
"""

from gansynth import config as config_lib
from gansynth import config_data, config_defaults


def get_config(variant=None):
  """Returns the config of a variant; see the top of the file."""
  config = config_defaults.label_to_image()
  config.generator.upsampling = "normal"
  config.generator.hidden = 128  # of the modulation
  config.generator.use_vae = False
  config.generator.height = 0  # of the pictures; 0: as the label maps
  config.generator.width = 0
  config.optimizer.num_epochs = 100
  config.optimizer.num_epochs_decay = 100
  variants = {
    "default": _procedural,
    "cityscapes": _cityscapes,
    "ade20k": _ade20k,
    "coco_stuff": _coco_stuff,
    "facades": config_data.use_facades,
    "custom": lambda config: None,
  }
  for name in ("cityscapes", "coco_stuff", "custom"):
    variants[f"{name}_vae"] = _with_styles(variants[name])
  return config_lib.apply_variant(config, variant, variants)


def _procedural(config):
  config_data.use_small_run(config)
  config.optimizer.learning_rate = 6e-4  # for 600 steps, not 30,000
  config.optimizer.num_epochs = 4
  config.optimizer.num_epochs_decay = 2


def _cityscapes(config):
  config_data.use_cityscapes(config)
  config.generator.upsampling = "more"
  config.batch_size = 16


def _ade20k(config):
  config.data.source = "ade20k"
  config.data.root = "datasets/ADEChallengeData2016"
  config.data.num_labels = 150
  config.data.dont_care = True
  config.data.instances = False
  config.batch_size = 32


def _coco_stuff(config):
  config.data.source = "coco_stuff"
  config.data.root = "datasets/coco_stuff"
  config.data.num_labels = 182
  config.data.dont_care = True
  config.batch_size = 32
  config.optimizer.num_epochs = 50
  config.optimizer.num_epochs_decay = 50


def _with_styles(change):
  def changed(config):
    change(config)
    config.generator.use_vae = True
    width = config.data.crop_size
    config.generator.width = width
    config.generator.height = round(width / config.data.aspect_ratio)
    config.encoder.name = "style_encoder"
    config.encoder.features = config.generator.features
    config.encoder.norm = "spectralinstance"
    config.encoder.init_type = "xavier"
    config.encoder.init_gain = 0.02

  return changed
