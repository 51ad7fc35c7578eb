"""GP-GAN: the networks of Gaussian-Poisson blending (Wu et al., 2019).

    python -m gansynth.main --config=configs/gpgan.py

trains the Blending GAN on procedural street scenes at 32 pixels: the centre of
a picture is pasted from another weather, and the network makes it one picture
again. 5000 batches of 32, about 5 minutes on two CPU cores. At the end its
pictures are 9 to 9.5 grey levels from the true ones, against 16.3 for leaving
the pasted ones alone; they are blurred, which blending does not mind: it takes
the colours from the network and the detail from the pictures. Use the run as
weights: `python tools/blend.py --weights=runs/gpgan`, `gansynth.Blender.load`.

A step is one batch, and most batches move the critic alone: with the published
settings 100 of them come before the generator moves at all, and 2500 in the
first 25 iterations. The progress line says where in this the run is.

    configs/gpgan.py:supervised --config.data.root=FOLDER

has the published settings (64 pixels, batch 64, 25 epochs of 150,000 pairs:
58,600 batches of about 60 G multiply-adds, which is for a GPU). FOLDER holds a
folder of aligned pictures for each view, as the Transient Attributes data set
does; `--config.data.boxes=FILE` cuts captions away (folder:r0,c0,r1,c1).

    configs/gpgan.py:recolored --config.data.folder_a=A --config.data.folder_b=B

is the author's advice for data of one's own: A has pictures, B their masks, and
what the masks mark is recoloured in place.

    configs/gpgan.py:wgan --config.data.root=FOLDER

trains the unsupervised Blending GAN on any pictures (published settings: batch
128, RMSprop). `:wgan_procedural` does it on the street scenes at 32 pixels, in
about as long as the default: after 3000 batches skies, trees and roads are
where they belong, in all weathers.
"""

from gansynth import config as config_lib
from gansynth import config_defaults


def get_config(variant=None):
  """Returns the config of a variant; see the top of the file."""
  config = config_defaults.image_to_image()
  variants = {
    "default": _procedural,
    "supervised": _supervised,
    "recolored": _recolored,
    "wgan": _wgan,
    "wgan_procedural": _wgan_procedural,
  }
  return config_lib.apply_variant(config, variant, variants)


def _game(config):
  """What the published trainings of both networks share."""
  config.data.load_size = 64
  config.data.crop_size = 64
  config.data.seed = 0
  config.discriminator = {
    "name": "dcgan_critic",
    "image_size": 64,
    "features": 64,  # ndf
    "init_gain": 0.02,
  }
  config.schedule = {
    "critic_steps": 5,  # d_iters, for every generator step
    "long_critic_steps": 100,  # in long iterations
    "long_until": 25,  # the first so many are long
    "long_every": 500,  # and then every so many-th; 0: no more
  }
  config.optimizer.policy = "constant"
  config.optimizer.num_epochs = 25
  config.optimizer.num_epochs_decay = 0
  config.log_every = 50


def _supervised(config):
  _game(config)
  config.system = "blending_gan"
  config.seed = 5
  config.batch_size = 64
  config.generator = {
    "name": "encoder_decoder",
    "image_size": 64,
    "encoder_features": 64,  # nef
    "decoder_features": 64,  # ngf
    "bottleneck": 4000,
    "init_gain": 0.02,
  }
  config.loss = {
    "l2_weight": 0.999,  # of the squared error; the critic's score has 0.001
    "clamp_lower": -0.01,  # of all the critic's parameters
    "clamp_upper": 0.01,
  }
  config.optimizer.learning_rate = 0.002
  config.optimizer.critic_learning_rate = 0.0002
  config.data.source = "aligned_views"
  config.data.boxes = ""
  config.data.val_ratio = 0.05
  config.data.train_samples = 150_000
  config.data.test_samples = 256
  config.data.ratio = 0.5
  config.sample_every = 1000
  config.checkpoint_every = 2344  # an epoch
  config.best_metric = "error_AtoB"
  config.evaluate.batch_size = 64


def _recolored(config):
  _supervised(config)
  config.data.source = "recolored_objects"
  config.data.recolor_strength = 1.0


def _wgan(config):
  _game(config)
  config.system = "wasserstein_gan"
  config.seed = 5
  config.batch_size = 128
  config.generator = {
    "name": "dcgan_generator",
    "image_size": 64,
    "features": 64,  # ngf
    "latent_size": 100,  # nz
    "init_gain": 0.02,
  }
  config.loss = {"clamp_lower": -0.01, "clamp_upper": 0.01}
  config.optimizer.learning_rate = 5e-5
  config.optimizer.critic_learning_rate = 5e-5
  config.optimizer.decay = 0.99
  config.data.source = "cropped_pictures"
  config.num_samples = 64
  config.checkpoint_every = 1172  # an epoch of 150,000 pictures
  config.evaluate.batch_size = 64


def _procedural(config):
  _supervised(config)
  _use_procedural_views(config, 32)
  config.data.source = "procedural_views"
  config.data.train_samples = 8000
  config.data.test_samples = 64
  config.batch_size = 32
  config.generator.image_size = 32
  config.generator.encoder_features = 32
  config.generator.decoder_features = 32
  config.generator.bottleneck = 512
  config.discriminator.image_size = 32
  config.discriminator.features = 32
  # Next to no warming up: the squared error leads from the first step on.
  config.schedule.critic_steps = 1
  config.schedule.long_critic_steps = 10
  config.schedule.long_until = 5
  config.optimizer.learning_rate = 0.001
  config.optimizer.num_epochs = 20
  config.sample_every = 1000
  config.num_samples = 6
  config.checkpoint_every = 1000


def _wgan_procedural(config):
  _wgan(config)
  _use_procedural_views(config, 32)
  config.data.source = "procedural_pictures"
  config.batch_size = 32
  config.generator.image_size = 32
  config.generator.features = 32
  config.discriminator.image_size = 32
  config.discriminator.features = 32
  config.schedule.long_critic_steps = 20
  config.schedule.long_until = 5
  config.optimizer.learning_rate = 5e-4
  config.optimizer.critic_learning_rate = 5e-4
  config.optimizer.num_epochs = 60
  config.sample_every = 1000
  config.checkpoint_every = 1000


def _use_procedural_views(config, side):
  config.data.load_size = side
  config.data.crop_size = side
  config.data.height = side
  config.data.width = side * 3 // 2
  config.data.num_train = 300
  config.data.num_test = 24
  config.data.cache_bytes = 200_000_000
