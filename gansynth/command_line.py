"""What programs say on the command line: flags explained, libraries quiet."""

import argparse
import logging as py_logging
import os
import pathlib
import sys
from collections.abc import Sequence

from absl import flags, logging

from gansynth import config as config_lib
from gansynth import host_memory


def quieten_libraries() -> None:
  """Keeps the log to what the run says; libraries speak from warnings on."""
  package = pathlib.Path(__file__).parent

  def ours(record: py_logging.LogRecord) -> bool:
    path = pathlib.Path(record.pathname)
    return record.levelno >= py_logging.WARNING or path.is_relative_to(package)

  logging.get_absl_handler().addFilter(ours)


def log_progress() -> None:
  """Shows what the library logs, in a program without absl's `app.run`."""
  if not flags.FLAGS.is_parsed():
    flags.FLAGS.mark_as_parsed()  # else absl warns that it is not
  logging.use_absl_handler()
  logging.set_verbosity(logging.INFO)
  quieten_libraries()


def start() -> None:
  """Makes a program of tools/ ready to run networks, once it has its flags."""
  host_memory.keep_freed()
  log_progress()
  cache_compilations()


def cache_compilations() -> None:
  """Keeps compiled programs in the home folder, unless the user says where."""
  import jax

  if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    cache = str(pathlib.Path.home() / ".cache" / "gansynth" / "xla")
    jax.config.update("jax_compilation_cache_dir", cache)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = cache  # of child processes


def parse(argv: Sequence[str]) -> list[str]:
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


def shard(text: str) -> tuple[int, int]:
  """Reads `i/n`: every n-th item from the i-th on.

  Raises:
    ValueError: it is something else.
  """
  try:
    number, count = (int(part) for part in text.split("/"))
  except ValueError:
    raise ValueError(f"--shard is {text!r}; expected i/n, as 0/4") from None
  return number, count


def _config_argument(argv: Sequence[str]) -> str:
  """The value of --config, for when the flags could not be parsed."""
  parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
  parser.add_argument("--config", "-config", required=True)
  return parser.parse_known_args(argv[1:])[0].config
