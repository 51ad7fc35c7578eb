"""The data that several configs share, embedded and published."""

import ml_collections


def use_procedural_streets(config: ml_collections.ConfigDict) -> None:
  """Makes street scenes the data, small enough for minutes on a CPU."""
  config.data.source = "procedural_street"
  config.data.seed = 0
  config.data.height = 64
  config.data.width = 128
  config.data.num_train = 400
  config.data.num_test = 24
  config.data.weather = "clear"
  config.data.severity = 0.5
  config.data.preprocess = "crop"
  config.data.crop_size = 64
  config.data.cache_bytes = 200_000_000
  config.log_every = 50
  config.sample_every = 500
  config.checkpoint_every = 500
  config.best_metric = "error_AtoB"
  config.evaluate.batch_size = 4


def use_procedural_labels(config: ml_collections.ConfigDict) -> None:
  """Makes label maps of street scenes the data, see above."""
  config.data.source = "procedural_labels"
  config.data.seed = 0
  config.data.height = 64
  config.data.width = 128
  config.data.num_train = 400
  config.data.num_test = 24
  config.data.weather = "clear"
  config.data.severity = 0.5
  config.data.rendering = "photo"  # or game
  config.data.num_labels = 35
  config.data.instances = True
  config.data.preprocess = "none"
  config.data.cache_bytes = 200_000_000
  config.log_every = 25
  config.sample_every = 100
  config.checkpoint_every = 100
  config.evaluate.every = 100
  config.evaluate.batch_size = 4


def use_procedural_land(config: ml_collections.ConfigDict) -> None:
  """Makes land cover the data, small enough for minutes on a CPU."""
  config.data.source = "procedural_land_cover"
  config.data.seed = 0
  config.data.height = 64
  config.data.width = 64
  config.data.num_train = 400
  config.data.num_test = 100
  config.data.num_labels = 6
  config.data.instances = False
  config.data.preprocess = "none"
  config.data.cache_bytes = 200_000_000
  config.log_every = 25
  config.sample_every = 200
  config.checkpoint_every = 200
  config.evaluate.every = 200
  config.evaluate.batch_size = 8


def use_small_run(config: ml_collections.ConfigDict) -> None:
  """Makes label-to-image training small enough for minutes on a CPU.

  Procedural scenes, narrow networks, small batches.
  """
  use_procedural_labels(config)
  small = {
    "spade": {"features": 16, "hidden": 32},
    "pix2pixhd_global": {
      "features": 24,
      "num_downsampling": 3,
      "num_blocks": 4,
    },
    "asapnets": {
      "features": 32,
      "max_features": 128,
      "num_blocks": 4,
      "downsampling": 8,
      "learned_downsampling": 8,
      "pixel_features": 32,
    },
  }
  config.generator.update(small[config.generator.name])
  config.discriminator.features = 32
  config.batch_size = 4


def use_cityscapes(config: ml_collections.ConfigDict) -> None:
  """Makes Cityscapes the data, 512 x 256 (width x height)."""
  config.data.source = "cityscapes"
  config.data.root = "datasets/cityscapes"
  config.data.num_labels = 35
  config.data.preprocess = "fixed"
  config.data.load_size = 512
  config.data.crop_size = 512
  config.data.aspect_ratio = 2.0


def use_facades(config: ml_collections.ConfigDict) -> None:
  """Makes facades the data."""
  config.data.source = "facades"
  config.data.root = "datasets/facades"
  config.data.num_labels = 13
  config.data.instances = False
