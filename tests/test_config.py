"""Configs: variants, and the record in a work directory."""

import json

import pytest
import tiny

from gansynth import config as config_lib
from gansynth import config_defaults
from gansynth.config import ConfigError


def test_flatten_names_every_value():
  flat = config_lib.flatten(config_defaults.image_to_image())
  assert flat["generator.name"] == "resnet_9blocks"
  assert flat["batch_size"] == 1
  assert not any(isinstance(value, dict) for value in flat.values())


def test_published_settings():
  config = config_defaults.image_to_image()
  assert config.optimizer.learning_rate == 2e-4
  assert config.optimizer.beta1 == 0.5
  assert (config.data.load_size, config.data.crop_size) == (286, 256)
  assert config.optimizer.num_epochs == config.optimizer.num_epochs_decay == 100


def test_record_and_return(tmp_path):
  config = tiny.config(seed=4)
  config_lib.record(config, tmp_path / "run")
  loaded = config_lib.load_record(tmp_path / "run")
  assert loaded.to_dict() == config.to_dict()
  assert [p.name for p in (tmp_path / "run").iterdir()] == ["config.json"]


def test_same_and_free_changes_pass(tmp_path):
  config_lib.record(tiny.config(), tmp_path)
  before = (tmp_path / "config.json").read_text()
  changed = tiny.config(
    max_steps=7, log_every=1, evaluate__batch_size=9, synthesize__input="x"
  )
  config_lib.record(changed, tmp_path)
  assert (tmp_path / "config.json").read_text() == before


def test_another_config_is_refused_with_all_differences(tmp_path):
  config_lib.record(tiny.config(), tmp_path)
  before = (tmp_path / "config.json").read_text()
  other = tiny.config(seed=1, generator__features=8, loss__extra=2)
  with pytest.raises(ConfigError, match=r"belongs to another config") as info:
    config_lib.record(other, tmp_path)
  message = str(info.value)
  assert "  seed: 0 there, 1 now" in message
  assert "  generator.features: 4 there, 8 now" in message
  assert "  loss.extra: 'absent' there, 2 now" in message
  assert "batch_size" not in message
  assert "--workdir" in message
  assert (tmp_path / "config.json").read_text() == before


def test_only_networks_matter_where_only_they_are_used(tmp_path):
  config_lib.record(tiny.config(), tmp_path)
  config_lib.check(
    tiny.config(seed=9, data__source="x"), tmp_path, only=config_lib.NETWORKS
  )
  with pytest.raises(ConfigError, match=r"discriminator\.name"):
    config_lib.check(
      tiny.config(discriminator__name="pixel"),
      tmp_path,
      only=config_lib.NETWORKS,
    )


@pytest.mark.parametrize(
  "data", [b"", b"{", b'{"seed": 1', b"[1, 2]", b"3", b"\xff\xfe"]
)
def test_a_damaged_record_is_named(tmp_path, data):
  (tmp_path / "config.json").write_bytes(data)
  for use in (
    lambda: config_lib.record(tiny.config(), tmp_path),
    lambda: config_lib.load_record(tmp_path),
  ):
    with pytest.raises(ConfigError, match=r"config\.json is damaged"):
      use()
  assert (tmp_path / "config.json").read_bytes() == data


def test_no_run_is_explained(tmp_path):
  with pytest.raises(ConfigError, match=r"holds no run.*--mode=train"):
    config_lib.load_record(tmp_path / "none")
  (tmp_path / "file").write_text("")
  with pytest.raises(ConfigError, match="holds no run"):
    config_lib.load_record(tmp_path / "file")


def test_unknown_variants_list_the_known():
  variants = {"default": lambda config: None, "big": lambda config: None}
  with pytest.raises(ConfigError, match=r"'bg'; known variants are .*, big"):
    config_lib.apply_variant(config_defaults.image_to_image(), "bg", variants)


def test_the_empty_variant_is_the_default():
  def change(config):
    config.seed = 5

  for name in (None, "", "default"):
    made = config_lib.apply_variant(
      config_defaults.image_to_image(), name, {"default": change}
    )
    assert made.seed == 5


def test_settings_are_joined_by_commas():
  done = []
  settings = {
    name: lambda config, name=name: done.append(name)
    for name in ("size=small", "size=big", "phase=1", "phase=2")
  }

  def apply(variant):
    done.clear()
    config_lib.apply_settings(
      tiny.config(), variant, settings, {"size": "small", "phase": "1"}
    )
    return done

  assert apply(None) == apply("default") == ["size=small", "phase=1"]
  assert apply("phase=2,size=big") == ["size=big", "phase=2"]  # in their order
  assert apply("2, big") == ["size=big", "phase=2"]
  with pytest.raises(ConfigError, match=r"'huge' .*; known variants are .*=2"):
    apply("size=big,huge")
  with pytest.raises(ConfigError, match="gives two of phase, 1 and 2"):
    apply("phase=1,2")


def test_missing_files_are_explained():
  with pytest.raises(ConfigError, match=r"nowhere\.py: there is no such"):
    config_lib.load("nowhere.py:big")


def test_values_survive_json(tmp_path):
  config = tiny.config(optimizer__learning_rate=1 / 3)
  config_lib.record(config, tmp_path)
  recorded = json.loads((tmp_path / "config.json").read_text())
  assert recorded["optimizer.learning_rate"] == 1 / 3
  config_lib.check(config, tmp_path)
