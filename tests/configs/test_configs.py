"""Every variant of every config builds its system at its real size."""

import inspect
import json
import pathlib
import runpy

import jax
import numpy as np
import pytest
import tiny

from gansynth import config as config_lib
from gansynth import config_defaults, systems, train

FILES = sorted((tiny.ROOT / "configs").glob("*.py"))


def variants(path: pathlib.Path) -> list[str]:
  """The names that the file itself lists when it is asked for another."""
  with pytest.raises(config_lib.ConfigError) as info:
    config_lib.load(f"{path}:there is none such")
  return str(info.value).split("known variants are ")[1].split(", ")


TRAINED = [
  path
  for path in FILES
  if "train" in config_lib.modes(config_lib.load(str(path)))
]
CASES = [(path, name) for path in TRAINED for name in variants(path)]


def test_there_are_configs_with_variants():
  assert {path.stem for path in FILES} >= {
    "asapnets",
    "cyclegan",
    "geoseg",
    "gpgan",
    "pix2pix",
    "pix2pixhd",
    "segmenter",
    "semdisc",
    "spade",
  }
  names = {f"{path.stem}:{name}" for path, name in CASES}
  assert {
    "cyclegan:default",
    "cyclegan:gta2cityscapes",
    "cyclegan:horse2zebra",
    "pix2pix:facades",
  } <= names


@pytest.mark.parametrize(
  ("path", "name"), CASES, ids=[f"{p.stem}-{n}" for p, n in CASES]
)
def test_variant_builds_its_system(path, name):
  config = config_lib.load(f"{path}:{name}")
  starts = {
    "label_to_image": config_defaults.label_to_image,
    "segmentation": config_defaults.segmentation,
  }
  start = starts.get(config.system, config_defaults.image_to_image)
  lost = set(config_lib.flatten(start())) - set(config_lib.flatten(config))
  # Nothing of the shared defaults is lost, but networks of another family
  # have fields of their own.
  assert not {x for x in lost if not x.startswith(("gener", "discr"))}
  assert train.total_steps(config, 100) > 0
  # Variants that differ in where their pictures are need no second trace.
  values = config_lib.flatten(config)
  for key in (
    "root",
    "tfds_name",
    "direction",
    "preprocess",
    "load_size",
    "source",
    "recolor_strength",
  ):
    values.pop(f"data.{key}", None)
  trace_step(json.dumps(values), path, name)


def example_batch(config):
  """Shapes of a batch of 1 as the config's data has it."""
  data = config.data
  if config.system not in ("label_to_image", "segmentation"):
    return {
      name: jax.ShapeDtypeStruct(
        (1, data.crop_size, data.crop_size, channels), np.uint8
      )
      for name, channels in (
        ("image_a", data.input_channels),
        ("image_b", data.output_channels),
        ("image", data.input_channels),
      )
    }
  if data.source.startswith("procedural"):
    size = data.height, data.width
  elif data.preprocess == "scale_width":
    size = data.load_size // 2, data.load_size
  elif data.preprocess == "none":
    size = 1024, 2048
  else:
    size = round(data.crop_size / data.aspect_ratio), data.crop_size
  channels = () if data.num_labels else (3,)
  return {
    "label": jax.ShapeDtypeStruct((1, *size, *channels), np.uint8),
    "instance": jax.ShapeDtypeStruct((1, *size), np.int32),
    "image": jax.ShapeDtypeStruct((1, *size, 3), np.uint8),
  }


_traced = set()


def trace_step(values: str, path: pathlib.Path, name: str) -> None:
  """Traces a step at the size of the config, unless it was done already."""
  if values in _traced:
    return
  config = config_lib.load(f"{path}:{name}")
  system = systems.create(config, 100)
  batch = example_batch(config)
  state = jax.eval_shape(
    lambda key: system.init(key, batch), jax.random.PRNGKey(0)
  )
  for step in system.train_steps().values():
    after, metrics = jax.eval_shape(step, state, batch)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(
      lambda x: (x.shape, x.dtype), state
    )
    assert {x.shape for x in metrics.values()} == {()}
  _traced.add(values)


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)
def test_docstring_names_paper_and_command(path):
  module = runpy.run_path(str(path))
  text = inspect.cleandoc(module["__doc__"])
  assert f"--config=configs/{path.name}" in text
  assert f"configs/{path.name}:" in text
  for name in variants(path)[1:]:
    parts = name.split("=")  # of a setting, or a name alone
    listed = all(x in text for x in parts) or name in module.get("UNPAIRED", ())
    assert listed, f"{name} is not explained"


def test_published_gta2cityscapes():
  config = config_lib.load(f"{tiny.ROOT}/configs/cyclegan.py:gta2cityscapes")
  assert config.loss.lambda_identity == 1
  assert config.data.preprocess == "scale_width_and_crop"
  assert (config.data.load_size, config.data.crop_size) == (1024, 360)
  assert config.generator.name == "resnet_9blocks"
  assert (config.generator.features, config.discriminator.features) == (64, 64)
  assert config.batch_size == 1


def test_published_pix2pix():
  config = config_lib.load(f"{tiny.ROOT}/configs/pix2pix.py:facades")
  assert config.generator.name == "unet_256"
  assert config.generator.norm == config.discriminator.norm == "batch"
  assert config.generator.use_dropout
  assert config.loss.gan_mode == "vanilla"
  assert config.loss.lambda_l1 == 100


def test_published_gpgan():
  config = config_lib.load(f"{tiny.ROOT}/configs/gpgan.py:supervised")
  system = systems.create(config, 1)
  generator, critic = system.generator, system.critic
  assert (generator.encoder_features, generator.decoder_features) == (64, 64)
  assert (generator.bottleneck, critic.features) == (4000, 64)
  assert generator.image_size == critic.image_size == config.data.load_size
  assert system.l2_weight == 0.999
  assert (system.clamp_lower, system.clamp_upper) == (-0.01, 0.01)
  assert system.schedule == systems.CriticSchedule(5, 100, 25, 500)
  rates = config.optimizer
  assert (rates.learning_rate, rates.critic_learning_rate) == (2e-3, 2e-4)
  assert (rates.beta1, rates.beta2) == (0.5, 0.999)
  assert (config.batch_size, config.data.train_samples) == (64, 150_000)
  assert (config.data.val_ratio, config.data.ratio) == (0.05, 0.5)
  # 25 epochs count batches of all kinds.
  assert train.total_steps(config, 2344) == 58_600


def test_published_unsupervised_gpgan():
  config = config_lib.load(f"{tiny.ROOT}/configs/gpgan.py:wgan")
  system = systems.create(config, 1)
  assert (system.latent_size, system.generator.features) == (100, 64)
  assert (system.critic.features, config.batch_size) == (64, 128)
  rates = config.optimizer
  assert rates.learning_rate == rates.critic_learning_rate == 5e-5
  assert rates.decay == 0.99
  assert config.optimizer.num_epochs == 25
  assert config.num_samples == 64


def test_published_spade():
  config = config_lib.load(f"{tiny.ROOT}/configs/spade.py:cityscapes")
  system = systems.create(config, 100)
  assert (system.generator.features, system.discriminator.features) == (64, 64)
  assert system.generator.norm == "spectralspadesyncbatch3x3"
  assert system.generator.upsampling == "more"
  assert system.conditioning.channels == 36
  assert (config.optimizer.beta1, config.optimizer.beta2) == (0.0, 0.9)
  assert (config.batch_size, config.loss.gan_mode) == (16, "hinge")
  # 100 epochs at the full rate and 100 with a falling one.
  assert train.total_steps(config, 186) == 200 * 186
  coco = config_lib.load(f"{tiny.ROOT}/configs/spade.py:coco_stuff")
  assert systems.create(coco, 1).conditioning.channels == 184


def test_published_pix2pixhd():
  config = config_lib.load(f"{tiny.ROOT}/configs/pix2pixhd.py:1024p")
  system = systems.create(config, 100)
  assert system.fix_global_steps == 10 * 100
  assert (system.generator.features, system.generator.num_blocks) == (32, 9)
  assert system.discriminator.num_scales == 3
  assert system.conditioning.channels == 36
  assert system.recipe == "pix2pixhd"


def test_published_geoseg():
  config = config_lib.load(f"{tiny.ROOT}/configs/geoseg.py:folders")
  system = systems.create(config, 50)
  assert system.recipe == "geoseg"
  assert (system.generator.features, system.discriminator.features) == (64, 64)
  assert (system.lambda_features, system.gan_mode) == (10.0, "hinge")
  assert system.conditioning.channels == 6
  rates = config.optimizer
  assert (rates.learning_rate, rates.beta1, rates.beta2) == (2e-4, 0.5, 0.999)
  assert (rates.policy, rates.ttur, config.batch_size) == ("constant", False, 8)
