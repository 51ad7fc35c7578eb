r"""SemDisc: a discriminator that tells what it sees (Saadatnejad et al., 2021).

    python -m gansynth.main --config=configs/semdisc.py

trains SPADE with it on procedural street scenes, both phases in one run: 600
steps at 64 x 128, about 12 minutes on two CPU cores.

The discriminator is not shown the label map. It judges each label by itself,
names the class of every pixel, and draws the picture that it was shown. In
phase 1 it learns all that; in phase 2 the generator is also to make pictures in
which the right classes are seen, and from which the true picture is drawn.

Settings, joined by commas:

- `generator=spade`, `asapnets` or `pix2pixhd`;
- `phase=both` (one run), `1`, or `2`, which goes on from a run of phase 1, or
  from an original folder with `--config.init_from`;
- `discriminator=c2f_sem_rec`; `c2f_sem` draws nothing, `c2f` judges labels
  alone, `added_capacity` is as large and judges as SPADE's, `original` is
  SPADE's: all of the ablation;
- `data=procedural`, `cityscapes` for the published setting, `facades`,
  `custom`, or `poses` (stick figures of joints to people).

A value may stand alone:

    configs/semdisc.py:cityscapes,spade --config.data.root=FOLDER

is the published recipe in one command. In two:

    configs/semdisc.py:cityscapes,phase=1 --config.data.root=FOLDER \
        --workdir=runs/phase1
    configs/semdisc.py:cityscapes,phase=2 --config.data.root=FOLDER \
        --config.init_from=runs/phase1 --workdir=runs/phase2

Phase 2 takes the networks and the state of their optimisers from phase 1; an
original folder has no such state, and the original starts Adam anew
(`--config.semantic.restart_optimizers=True` in one run,
`--config.init_optimizers=False` in two).

On the procedural scenes, 240 steps each (160 pictures, one seed, no perceptual
loss), the mean IoU of what is made of 24 test scenes, as the head of a
discriminator of another run reads it (true pictures: 0.221):

    generator    original    semantic-aware
    SPADE           0.214             0.219
    ASAP-Nets       0.188             0.213
    pix2pixHD       0.197             0.214

The published recipe squeezes Cityscapes to 256 x 256, trains 100 epochs and 100
with a falling rate, in batches of 16, and wants VGG19's weights,
`--config.vgg_weights=networks/vgg19` (checkpoints/README.md). Its authors gave
no scores that could be verified.
"""

from gansynth import config as config_lib
from gansynth import config_data, config_defaults

_GENERATORS = ("spade", "asapnets", "pix2pixhd")
_MODES = ("c2f_sem_rec", "c2f_sem", "c2f", "added_capacity", "original")


def get_config(variant=None):
  """Returns the config of a variant; see the top of the file."""
  config = config_defaults.label_to_image()
  config_defaults.use_semantic_discriminator(config)
  config.optimizer.num_epochs = 100
  config.optimizer.num_epochs_decay = 100
  config.synthesize.images = ""  # true pictures, for results "original"
  config.synthesize.size = "data"  # the size that is trained, by default
  settings = {
    **{f"generator={x}": _generator(x) for x in _GENERATORS},
    **{f"discriminator={x}": _discriminator(x) for x in _MODES},
    "data=procedural": _procedural,
    "data=cityscapes": _cityscapes,
    "data=facades": _facades,
    "data=custom": _custom,
    "data=poses": _poses,
    "phase=both": lambda config: None,
    "phase=1": _first_phase,
    "phase=2": _second_phase,
  }
  defaults = {
    "generator": "spade",
    "discriminator": "c2f_sem_rec",
    "data": "procedural",
    "phase": "both",
  }
  return config_lib.apply_settings(config, variant, settings, defaults)


def _generator(name):
  def choose(config):
    if name == "spade":
      config.generator.upsampling = "more"
      config.generator.hidden = 128
      config.generator.use_vae = False
      config.generator.height = 0
      config.generator.width = 0
    elif name == "asapnets":
      config.generator = config_defaults.asapnets_generator()
      config.loss.lambda_decay = 0.0  # of the weights it writes
    else:
      config.generator = config_defaults.pix2pixhd_generator()
      config.generator.use_bias = False  # in SPADE's repository
      config.generator.init_type = "xavier"

  return choose


def _discriminator(mode):
  def choose(config):
    config.semantic.mode = mode
    if mode in ("original", "added_capacity"):  # as SPADE is trained
      config.loss.lambda_gan = 1.0
      config.semantic.guide_from_epoch = -1

  return choose


def _procedural(config):
  config_data.use_small_run(config)
  if config.generator.name == "spade":
    config.generator.upsampling = "normal"
  config.semantic.classes = "cityscapes"
  config.optimizer.learning_rate = 6e-4  # for 600 steps, not 30,000
  _phases(config, 3)


def _cityscapes(config):
  config_data.use_cityscapes(config)
  config.data.load_size = 256
  config.data.crop_size = 256
  config.data.aspect_ratio = 1.0  # the wide pictures are squeezed
  config.semantic.classes = "cityscapes"
  config.batch_size = 16


def _facades(config):
  config_data.use_facades(config)
  config.batch_size = 16


def _custom(config):
  config.batch_size = 16


def _poses(config):
  config.data.source = "poses"
  config.data.root = "datasets/poses"
  config.data.num_labels = 0
  config.data.instances = False
  config.batch_size = 16


def _phases(config, epochs):
  """Gives each phase so many epochs."""
  config.optimizer.num_epochs = epochs
  config.optimizer.num_epochs_decay = epochs
  if config.semantic.guide_from_epoch > 0:
    config.semantic.guide_from_epoch = epochs


def _first_phase(config):
  config.optimizer.num_epochs_decay = 0
  config.semantic.guide_from_epoch = -1


def _second_phase(config):
  config.optimizer.num_epochs = 0
  if config.semantic.guide_from_epoch > 0:
    config.semantic.guide_from_epoch = 0
  config.init_from = "runs/phase1"
  config.init_optimizers = True
