"""`python -m gansynth.main --config=configs/cyclegan.py`."""

import pathlib
import sys
from collections.abc import Sequence

from absl import app, flags, logging
from ml_collections import config_flags

from gansynth import command_line
from gansynth import config as config_lib

_CONFIG = config_flags.DEFINE_config_file(
  "config", None, "Config file, and after a colon its variant."
)
_MODE = flags.DEFINE_enum(
  "mode",
  None,
  ["train", "evaluate", "synthesize"],
  "What to do; train, if there is something to train.",
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
  command_line.quieten_libraries()
  # Imported late, so that --help and wrong flags answer at once.
  import importlib

  from gansynth import parallel

  command_line.cache_compilations()
  workdir = pathlib.Path(_WORKDIR.value or _default_workdir())
  try:
    modes = config_lib.modes(_CONFIG.value)
    mode = _MODE.value or next(iter(modes))
    if mode not in modes:
      sys.exit(f"error: this config is for --mode={', '.join(modes)}")
    module = importlib.import_module(modes[mode])
    parallel.initialize(
      _COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value
    )
    getattr(module, mode)(_CONFIG.value, workdir)
  except (ValueError, OSError) as error:
    logging.debug("", exc_info=True)  # --verbosity=1 shows where
    sys.exit(f"error: {error}")


def _default_workdir() -> str:
  path, _, variant = flags.FLAGS["config"].config_filename.partition(":")
  name = pathlib.Path(path).stem
  return f"runs/{name}_{variant}" if variant else f"runs/{name}"


def run() -> None:
  """Entry point: parses flags, with unknown config keys explained."""
  flags.mark_flag_as_required("config")
  logging.set_verbosity(logging.INFO)
  app.run(main, flags_parser=command_line.parse)


if __name__ == "__main__":
  run()
