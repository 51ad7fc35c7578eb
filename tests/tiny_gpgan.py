"""Systems and data of GP-GAN that are small enough for tests."""

import pathlib

import numpy as np
import tiny
from PIL import Image

from gansynth import config as config_lib

_SMALL = {
  "generator.image_size": 16,
  "generator.init_gain": 0.2,  # visible outputs
  "discriminator.image_size": 16,
  "discriminator.features": 2,
  "discriminator.init_gain": 0.2,
  "schedule.critic_steps": 2,
  "schedule.long_critic_steps": 3,
  "schedule.long_until": 1,
  "data.load_size": 18,
  "data.crop_size": 16,
  "batch_size": 4,
}
_GENERATORS = {
  "supervised": {
    "generator.encoder_features": 2,
    "generator.decoder_features": 2,
    "generator.bottleneck": 6,
    "data.train_samples": 6,
    "data.test_samples": 2,
  },
  "wgan": {"generator.features": 2, "generator.latent_size": 5},
}


def config(variant="supervised", /, **changes):
  """A tiny variant of configs/gpgan.py; `changes` as of `tiny.config`."""
  made = config_lib.load(f"{tiny.ROOT}/configs/gpgan.py:{variant}")
  with made.unlocked():
    made.update_from_flattened_dict({**_SMALL, **_GENERATORS[variant]})
  return tiny.changed(made, **changes)


def batch(variant, seed=0, size=4):
  """A batch of uint8 noise."""
  pair = tiny.batch(seed, size)
  return pair if variant == "supervised" else {"image": pair["image_a"]}


def write_views(root: pathlib.Path, counts, size=(24, 30)) -> pathlib.Path:
  """Writes folders of coarse noise; `counts` gives pictures by name."""
  rng = np.random.default_rng(0)
  for name, count in counts.items():
    folder = root / name
    folder.mkdir(parents=True)
    for i in range(count):
      coarse = rng.integers(256, size=(4, 5, 3), dtype=np.uint8)
      picture = Image.fromarray(coarse).resize(size[::-1])
      picture.save(folder / f"{i}.png")
  return root
