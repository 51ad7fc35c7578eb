r"""Converts original checkpoints to networks of this package.

  python tools/convert_checkpoint.py latest_net_G_A.pth --output gta2city
  python tools/convert_checkpoint.py checkpoints/gta2city --output gta2city
  python tools/convert_checkpoint.py blending_gan.npz --output blending_gan
  python tools/convert_checkpoint.py snapshot_epoch_25.npz --key all \
    --output blending
  python tools/convert_checkpoint.py checkpoints/coco_pretrained \
    --dataset-mode coco --output networks/coco
  python tools/convert_checkpoint.py latest_net_G.pth --num-labels 35 \
    --output networks/label2city
  python tools/convert_checkpoint.py checkpoints/semdisc \
    --output networks/semdisc
  python tools/convert_checkpoint.py G_e050.pt --output networks/land
  python tools/convert_checkpoint.py vgg19-dcbb9e9d.pth --output networks/vgg19
  python tools/convert_checkpoint.py pt_inception-2015-12-05-6726825d.pth \
    --output networks/fid_inception
  python tools/convert_checkpoint.py alexnet-owt-7be5be79.pth \
    --output networks/lpips_alex
  python tools/convert_checkpoint.py drn-d-105_ms_cityscapes.pth \
    --output networks/drn_d_105

One file becomes the folder OUTPUT; several files, or an experiment's folder,
become OUTPUT/G_A, OUTPUT/D_A and so on, and both networks of a snapshot of
GP-GAN's trainer OUTPUT/generator and OUTPUT/critic. What the file tells is
read from it, and for SPADE, SemDisc, ASAP-Nets and pix2pixHD from opt.txt and
opt.pkl beside it. Of a folder of GP-GAN or Geoseg-GAN the newest epoch is
taken.
Files are read without PyTorch or Chainer, and nothing in them is run.
"""

import argparse
import dataclasses
import pathlib
import sys

import jax

from gansynth import checkpoints, convert
from gansynth.convert import (
  conditioning,
  original_folder,
  spade_discriminators,
  torch_options,
)


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
  parser.add_argument("--norm", help="instance, batch, none, or as SPADE's")
  parser.add_argument("--padding-mode", choices=("reflect", "replicate"))
  flag = argparse.BooleanOptionalAction
  parser.add_argument("--use-dropout", action=flag, default=None)
  labels = parser.add_argument_group(
    "SPADE, SemDisc, ASAP-Nets and pix2pixHD, where no opt.txt or opt.pkl lies "
    "beside the file"
  )
  labels.add_argument(
    "--dataset-mode",
    choices=tuple(torch_options.DATASET_MODES),
    help="SPADE's data set, which sets all that follows",
  )
  labels.add_argument("--num-labels", type=int, help="0: pictures, not labels")
  labels.add_argument("--dont-care", action=flag, default=None)
  labels.add_argument("--instances", action=flag, default=None)
  labels.add_argument("--features", choices=("none", "instance", "label"))
  labels.add_argument("--upsampling", choices=("normal", "more", "most"))
  labels.add_argument("--crop-size", type=int, help="width of the pictures")
  labels.add_argument("--aspect-ratio", type=float, help="width / height")
  labels.add_argument(
    "--last-stride",
    type=int,
    choices=(1, 2),
    help="2: discriminators of SPADE from before May 2019",
  )
  labels.add_argument(
    "--discriminator-mode",
    choices=spade_discriminators.MODES,
    help="of SemDisc's discriminator",
  )
  labels.add_argument(
    "--num-classes", type=int, help="that SemDisc's discriminator tells apart"
  )
  labels.add_argument(
    "--pixel-features", type=int, help="hr_width of ASAP-Nets"
  )
  labels.add_argument("--pixel-layers", type=int, help="hr_depth of ASAP-Nets")
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
    networks[folder] = (path, *_read(options, path, key))
  for folder, (path, record, variables) in networks.items():
    checkpoints.save_network(
      folder, variables, record, overwrite=options.overwrite
    )
    description = record["network"]
    count = sum(x.size for x in jax.tree.leaves(variables["params"]))
    fields = ", ".join(f"{k} {v}" for k, v in description.items())
    yield f"{path}: {fields}; {count:,} parameters"
    if description["name"] == "pixel" and options.norm is None:
      yield (
        f"{path}: norm {description['norm']} was concluded from the biases; "
        "give --norm for files of January to July 2019"
      )
    yield f"wrote {folder}"


def _read(options, path, key):
  """Returns the record of a network and its variables."""
  original = torch_options.gather(
    path,
    dataset_mode=options.dataset_mode,
    num_labels=options.num_labels,
    dont_care=options.dont_care,
    instances=options.instances,
    features=options.features,
    upsampling=options.upsampling,
    crop_size=options.crop_size,
    aspect_ratio=options.aspect_ratio,
    discriminator_mode=options.discriminator_mode,
    num_classes=options.num_classes,
    pixel_features=options.pixel_features,
    pixel_layers=options.pixel_layers,
  )
  description, variables = convert.from_original(
    path,
    key=key,
    original=original,
    norm=options.norm,
    padding_mode=options.padding_mode,
    use_dropout=options.use_dropout,
    last_stride=options.last_stride,
  )
  record = {"network": description, "source": path.name}
  shown = convert.conditioning_of(original, description, variables, str(path))
  if shown is not None:
    record["conditioning"] = dataclasses.asdict(shown)
  elif description["name"] in conditioning.GENERATORS:
    raise convert.CheckpointError(
      f"{path}: how many labels the network was trained with is in no file "
      "beside it; give --num-labels, or --dataset-mode of SPADE's data sets"
    )
  return record, variables


if __name__ == "__main__":
  sys.exit(main())
