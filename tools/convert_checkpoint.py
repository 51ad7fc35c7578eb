r"""Converts original checkpoints to networks of this package.

  python tools/convert_checkpoint.py latest_net_G_A.pth --output gta2city
  python tools/convert_checkpoint.py checkpoints/gta2city --output gta2city
  python tools/convert_checkpoint.py blending_gan.npz --output blending_gan
  python tools/convert_checkpoint.py snapshot_epoch_25.npz --key all \
    --output blending

One file becomes the folder OUTPUT; several files, or an experiment's folder,
become OUTPUT/G_A, OUTPUT/D_A and so on, and both networks of a snapshot of
GP-GAN's trainer OUTPUT/generator and OUTPUT/critic. What the file tells is
read from it. Files are read without PyTorch or Chainer, and nothing in them
is run.
"""

import argparse
import pathlib
import sys

import jax

from gansynth import checkpoints, convert
from gansynth.convert import original_folder


def main(arguments: list[str] | None = None) -> int:
  """Converts, prints what was recognised, and returns the exit status."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("sources", nargs="+", metavar="SOURCE")
  parser.add_argument("--output", required=True, type=pathlib.Path)
  parser.add_argument(
    "--epoch", default="latest", help="which files of a folder (latest)"
  )
  parser.add_argument("--overwrite", action="store_true")
  parser.add_argument(
    "--key",
    help="entry of a training state; of a snapshot of GP-GAN's trainer "
    "generator, critic or all",
  )
  parser.add_argument("--norm", choices=("instance", "batch", "none"))
  parser.add_argument("--padding-mode", choices=("reflect", "replicate"))
  parser.add_argument(
    "--use-dropout", action=argparse.BooleanOptionalAction, default=None
  )
  options = parser.parse_args(arguments)
  try:
    for line in _convert(options):
      print(line, flush=True)
  except (convert.CheckpointError, checkpoints.CheckpointError, OSError) as e:
    print(e, file=sys.stderr)
    return 1
  return 0


def _convert(options):
  """Reads everything before anything is written."""
  files = {}
  for source in map(pathlib.Path, options.sources):
    if source.is_dir():
      found = original_folder.find_networks(source, options.epoch)
      found = {name: (path, options.key) for name, path in found.items()}
    else:
      found = original_folder.networks_in(source, options.key)
      found = {name: (source, key) for name, key in found.items()}
    for name, (path, _) in found.items():
      if name in files:
        raise convert.CheckpointError(
          f"{files[name][0]} and {path} are both {name}; convert them to "
          "different outputs"
        )
    files.update(found)
  single = (
    len(files) == 1
    and options.key != original_folder.ALL
    and not pathlib.Path(options.sources[0]).is_dir()
  )
  networks = {}
  for name, (path, key) in files.items():
    folder = options.output if single else options.output / name
    if folder.exists() and not options.overwrite:
      raise convert.CheckpointError(
        f"{folder} exists already; choose another --output, or give --overwrite"
      )
    networks[folder] = (
      path,
      *convert.from_original(
        path,
        key=key,
        norm=options.norm,
        padding_mode=options.padding_mode,
        use_dropout=options.use_dropout,
      ),
    )
  for folder, (path, description, variables) in networks.items():
    checkpoints.save_network(
      folder,
      variables,
      {"network": description, "source": path.name},
      overwrite=options.overwrite,
    )
    count = sum(x.size for x in jax.tree.leaves(variables["params"]))
    fields = ", ".join(f"{k} {v}" for k, v in description.items())
    yield f"{path}: {fields}; {count:,} parameters"
    if description["name"] == "pixel" and options.norm is None:
      yield (
        f"{path}: norm {description['norm']} was concluded from the biases; "
        "give --norm for files of January to July 2019"
      )
    yield f"wrote {folder}"


if __name__ == "__main__":
  sys.exit(main())
