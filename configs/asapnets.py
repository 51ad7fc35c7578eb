r"""ASAP-Nets: label maps to pictures, fast (Shaham et al., CVPR 2021).

    python -m gansynth.main --config=configs/asapnets.py

learns procedural street scenes from their label maps: 600 steps at 64 x 128.

A convolutional network sees a small version of the label map and writes, for
each cell of a coarse grid, the weights of a little network that colours every
pixel of the cell by its label and its place. That costs a sixth of SPADE's
arithmetic at 256 x 512, and less of it at larger sizes.

The published settings, on your copy of a data set:

    configs/asapnets.py:cityscapes --config.data.root=FOLDER
    configs/asapnets.py:facades512 --config.data.root=FOLDER
    configs/asapnets.py:facades1024 --config.data.root=FOLDER

Cityscapes is taken as downloaded, or as `{train,val}_{images,labels}`; facades
as `{train,val}_{img,label}`. Pictures may have any size that is a multiple of
`generator.downsampling`; the grid grows with them.

The losses are SPADE's. `--config.loss.lambda_mse=10` and
`--config.loss.lambda_l1=100` add the distance to the true picture,
`--config.loss.lambda_decay=1e-8` the squared norm of all pixel networks'
weights, `--config.loss.adversarial=False` leaves the adversarial one away, all
as options of the original. VGG19's weights are
`--config.vgg_weights=networks/vgg19`, see checkpoints/README.md.

Published: up to 18 times faster than SPADE and its like, which take 359 ms at
1024 x 1024; 200 epochs and 100 of decay, batches of 32 (Cityscapes).
"""

from gansynth import config as config_lib
from gansynth import config_data, config_defaults


def get_config(variant=None):
  """Returns the config of a variant; see the top of the file."""
  config = config_defaults.label_to_image()
  config.generator = config_defaults.asapnets_generator()
  config.loss.adversarial = True
  config.loss.lambda_mse = 0.0
  config.loss.lambda_l1 = 0.0
  config.loss.lambda_decay = 0.0
  config.data.center_crop = False  # the original's option: crops of the middle
  config.synthesize.size = "data"  # the size that is trained, by default
  config.optimizer.num_epochs = 200
  config.optimizer.num_epochs_decay = 100
  variants = {
    "default": _procedural,
    "cityscapes": _cityscapes,
    "facades512": lambda config: _facades(config, 512),
    "facades1024": lambda config: _facades(config, 1024),
  }
  return config_lib.apply_variant(config, variant, variants)


def _procedural(config):
  config_data.use_small_run(config)
  config.optimizer.learning_rate = 6e-4  # for 600 steps, not 30,000
  config.optimizer.num_epochs = 4
  config.optimizer.num_epochs_decay = 2


def _cityscapes(config):
  config_data.use_cityscapes(config)
  config.batch_size = 32


def _facades(config, size):
  config.generator = config_defaults.asapnets_generator(size, "reflect")
  config_data.use_facades(config)
  config.data.load_size = size + 30
  config.data.crop_size = size
