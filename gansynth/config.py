"""Configurations: their variants, and the record in a work directory.

A config file's `get_config(variant)` starts from `config_defaults` and changes
what its setting needs. A run records its config in its work directory, and a
later start there must agree with it.
"""

import json
import pathlib
import runpy
from collections.abc import Callable, Mapping
from typing import Any

import ml_collections

from gansynth import files

RECORD = "config.json"

# What a checkpoint's networks depend on.
NETWORKS = (
  "system",
  "generator",
  "discriminator",
  "encoder",
  "segmenter",
  "data.input_channels",
  "data.output_channels",
  "data.num_labels",
  "data.dont_care",
  "data.instances",
)

# What may differ between two starts in one work directory, because it does
# not change what is trained.
_FREE = (
  "max_steps",
  "log_every",
  "sample_every",
  "num_samples",
  "checkpoint_every",
  "keep_last",
  "keep_best",
  "num_workers",
  "evaluate",
  "synthesize",
  "data.cache_bytes",
)


class ConfigError(ValueError):
  """A configuration that cannot be used."""


def modes(config: ml_collections.ConfigDict) -> dict[str, str]:
  """Module of each mode that a config can be run in, the usual one first."""
  # Of data sets that nothing is trained for there is neither.
  if "generator" not in config and "segmenter" not in config:
    return {"synthesize": "gansynth.detection"}
  return {
    mode: f"gansynth.{mode}" for mode in ("train", "evaluate", "synthesize")
  }


def load(argument: str) -> ml_collections.ConfigDict:
  """Loads `file.py` or `file.py:variant`, as the flag --config does.

  Raises:
    ConfigError: there is no such file or variant.
  """
  path, _, variant = argument.partition(":")
  if not pathlib.Path(path).is_file():
    raise ConfigError(f"{path}: there is no such config file")
  return runpy.run_path(path)["get_config"](variant)


def apply_variant(
  config: ml_collections.ConfigDict,
  variant: str | None,
  variants: Mapping[str, Callable[[ml_collections.ConfigDict], None]],
) -> ml_collections.ConfigDict:
  """Changes a config into one of its variants, named after the colon.

  Raises:
    ConfigError: the variant is not one of `variants`.
  """
  variant = variant or "default"
  if variant not in variants:
    raise ConfigError(
      f"unknown variant {variant!r}; known variants are {', '.join(variants)}"
    )
  variants[variant](config)
  return config


def apply_settings(
  config: ml_collections.ConfigDict,
  variant: str | None,
  settings: Mapping[str, Callable[[ml_collections.ConfigDict], None]],
  defaults: Mapping[str, str],
) -> ml_collections.ConfigDict:
  """Changes a config by the settings that commas join in a variant.

  Args:
    config: what to change.
    variant: such as `generator=spade,phase=1`. A value that only one name has
      may stand alone.
    settings: `name=value` and what it does, in the order in which things are
      to be done, whatever the order of the variant.
    defaults: value of each name where the variant gives none.

  Raises:
    ConfigError: a setting is not known, or a name has two values.
  """
  chosen = {}
  for part in (variant or "").split(","):
    setting = part.strip()
    if setting in ("", "default"):
      continue
    alone = [x for x in settings if x.endswith(f"={setting}")]
    if len(alone) == 1:
      (setting,) = alone
    if setting not in settings:
      raise ConfigError(
        f"unknown variant {setting!r} (commas join several); known variants "
        f"are {', '.join(settings)}"
      )
    name, _, value = setting.partition("=")
    if chosen.setdefault(name, value) != value:
      raise ConfigError(
        f"variant {variant!r} gives two of {name}, {chosen[name]} and {value}"
      )
  chosen = {**defaults, **chosen}
  for setting, change in settings.items():
    name, _, value = setting.partition("=")
    if chosen[name] == value:
      change(config)
  return config


def flatten(
  config: ml_collections.ConfigDict | Mapping[str, Any],
) -> dict[str, Any]:
  """Returns the values by dotted name."""
  flat = {}
  for name, value in config.items():
    if isinstance(value, ml_collections.ConfigDict | Mapping):
      flat.update({f"{name}.{k}": v for k, v in flatten(value).items()})
    else:
      flat[name] = value
  return flat


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
  """Returns nested dictionaries of values by dotted name."""
  nested: dict[str, Any] = {}
  for name, value in flat.items():
    *parents, last = name.split(".")
    node = nested
    for parent in parents:
      node = node.setdefault(parent, {})
    node[last] = value
  return nested


def record(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
  """Writes a config into a work directory, or checks that it is the same.

  Raises:
    ConfigError: the directory belongs to another config; the message lists
      what differs.
  """
  path = workdir / RECORD
  if path.exists():
    check(config, workdir)
    return
  text = json.dumps(flatten(config), indent=2) + "\n"
  files.write_whole(path, text.encode())


def check(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  only: tuple[str, ...] = (),
) -> None:
  """Raises ConfigError unless a work directory was made with this config.

  Args:
    config: the config of this start.
    workdir: has the record.
    only: names, or first parts of names, to compare; all but the free ones
      by default.
  """
  recorded = _read_record(workdir)
  given = json.loads(json.dumps(flatten(config)))
  differing = [
    f"  {name}: {recorded.get(name, 'absent')!r} there, "
    f"{given.get(name, 'absent')!r} now"
    for name in sorted(set(recorded) | set(given))
    if recorded.get(name) != given.get(name)
    and (_among(name, only) if only else not _among(name, _FREE))
  ]
  if differing:
    raise ConfigError(
      f"{workdir} belongs to another config:\n" + "\n".join(differing) + "\n"
      "name another --workdir, or start with the config it was made with"
    )


def load_record(workdir: pathlib.Path) -> ml_collections.ConfigDict:
  """Returns the config that a work directory was made with.

  Raises:
    ConfigError: there is no record, or it is damaged.
  """
  return ml_collections.ConfigDict(unflatten(_read_record(workdir)))


def _read_record(workdir: pathlib.Path) -> dict[str, Any]:
  path = workdir / RECORD
  try:
    recorded = json.loads(path.read_text())
  except (FileNotFoundError, NotADirectoryError) as error:
    raise ConfigError(
      f"{workdir} holds no run ({RECORD} is missing); train one with "
      f"--mode=train --workdir={workdir}, or name another --workdir"
    ) from error
  except ValueError as error:  # not JSON, or not even text
    raise ConfigError(
      f"{path} is damaged ({error}); name another --workdir"
    ) from error
  if not isinstance(recorded, dict):
    raise ConfigError(
      f"{path} is damaged (it holds no names); name another --workdir"
    )
  return recorded


def _among(name: str, names: tuple[str, ...]) -> bool:
  return any(name == n or name.startswith(f"{n}.") for n in names)
