"""`python -m gansynth.main --config=configs/cyclegan.py`."""

import argparse
import logging as py_logging
import os
import pathlib
import sys
from collections.abc import Sequence

from absl import app, flags, logging
from ml_collections import config_flags

from gansynth import config as config_lib

_CONFIG = config_flags.DEFINE_config_file(
  "config", None, "Config file, and after a colon its variant."
)
_MODE = flags.DEFINE_enum(
  "mode", "train", ["train", "evaluate", "synthesize"], "What to do."
)
_WORKDIR = flags.DEFINE_string(
  "workdir", None, "Where the run lives; by default runs/<config>."
)
_COORDINATOR = flags.DEFINE_string(
  "coordinator", None, "host:port of process 0, for several hosts."
)
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", None, "Hosts in all.")
_PROCESS_ID = flags.DEFINE_integer("process_id", None, "This host, from 0.")


def main(argv: Sequence[str]) -> None:
  """Starts one mode; a wrong input ends it with one clear line."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
  _quieten_libraries()
  # Imported late, so that --help and wrong flags answer at once.
  import importlib

  import jax

  from gansynth import parallel

  if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    cache = pathlib.Path.home() / ".cache" / "gansynth" / "xla"
    jax.config.update("jax_compilation_cache_dir", str(cache))
  workdir = pathlib.Path(_WORKDIR.value or _default_workdir())
  mode = importlib.import_module(f"gansynth.{_MODE.value}")
  try:
    parallel.initialize(
      _COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value
    )
    getattr(mode, _MODE.value)(_CONFIG.value, workdir)
  except (ValueError, OSError) as error:
    logging.debug("", exc_info=True)  # --verbosity=1 shows where
    sys.exit(f"error: {error}")


def _quieten_libraries() -> None:
  """Keeps the log to what the run says; libraries speak from warnings on."""

  def ours(record) -> bool:
    quiet = any(x in record.pathname for x in ("orbax", "jax", "grain"))
    return not quiet or record.levelno >= py_logging.WARNING

  logging.get_absl_handler().addFilter(ours)


def _default_workdir() -> str:
  path, _, variant = flags.FLAGS["config"].config_filename.partition(":")
  name = pathlib.Path(path).stem
  return f"runs/{name}_{variant}" if variant else f"runs/{name}"


def _parse(argv: Sequence[str]) -> list[str]:
  """Parses flags; what is wrong with the config is said in one line."""
  try:
    return flags.FLAGS(argv)
  except AttributeError:
    known = config_lib.flatten(config_lib.load(_config_argument(argv)))
    given = [
      argument.split("=")[0].lstrip("-").removeprefix("config.")
      for argument in argv
      if argument.lstrip("-").startswith("config.")
    ]
    unknown = [name for name in given if name not in known]
    sys.exit(
      f"error: the config has no {', '.join(unknown)}; known keys are "
      f"{', '.join(known)}"
    )
  except flags.Error as error:
    # A config file's own error arrives with a whole traceback as its text.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    marked = [line for line in lines if "ConfigError: " in line]
    sys.exit(f"error: {(marked or lines)[0].split('ConfigError: ')[-1]}")


def _config_argument(argv: Sequence[str]) -> str:
  """The value of --config, for when the flags could not be parsed."""
  parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
  parser.add_argument("--config", "-config", required=True)
  return parser.parse_known_args(argv[1:])[0].config


def run() -> None:
  """Entry point: parses flags, with unknown config keys explained."""
  flags.mark_flag_as_required("config")
  logging.set_verbosity(logging.INFO)
  app.run(main, flags_parser=_parse)


if __name__ == "__main__":
  run()
