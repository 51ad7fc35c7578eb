r"""Writes pictures as a TensorFlow Datasets data set, without TensorFlow.

Two collections:

python tools/build_dataset.py --name mine --folder_a A --folder_b B
python tools/build_dataset.py --name gta2cityscapes --root unpacked

Train on them with
`--config.data.source=tfds --config.data.tfds_name=two_folders/mine`.

Pictures with label maps (and instance maps), from any layout that training
reads, see gansynth.data.labels.create:

python tools/build_dataset.py --name cityscapes --labels cityscapes --root DIR
python tools/build_dataset.py --name mine --labels custom_labels \
    --num_labels 20 --label_dir LABELS --image_dir PICTURES

With --check instead of --name nothing is written: all pictures and maps are
read, and what is wrong with them is printed, with each map that has pixels of
colours (or numbers) that stand for no label and their share:

python tools/build_dataset.py --check --labels geoseg --root DIR \
    --palette "250 62 119 Background; 168 232 84 Forest land; ..." \
    --palette_rule nearest

The first is the catalogue's cityscapes/semantic_segmentation, for
`--config.data.source=tfds_cityscapes`. Train on others with
`--config.data.source=tfds_labels
--config.data.tfds_name=labelled_pictures/mine`.
"""

import argparse
import os
import sys


def main(argv: list[str] | None = None) -> int:
  """Parses the flags, builds, prints the name to train with."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
    "--name",
    help="'gta2cityscapes', or any other for two_folders/NAME; with --labels "
    "'cityscapes', or any other for labelled_pictures/NAME",
  )
  parser.add_argument(
    "--root",
    help="folder that holds trainA, trainB and perhaps testA, testB; or what "
    "the layout of --labels says",
  )
  parser.add_argument("--folder_a", help="training pictures of A")
  parser.add_argument("--folder_b", help="training pictures of B")
  parser.add_argument("--test_folder_a", help="test pictures of A")
  parser.add_argument("--test_folder_b", help="test pictures of B")
  parser.add_argument(
    "--data_dir", help="where to; by default ~/tensorflow_datasets"
  )
  labels = parser.add_argument_group("pictures with label maps")
  labels.add_argument("--labels", help="their layout, e.g. custom_labels")
  labels.add_argument(
    "--num_labels",
    type=int,
    help="35; of --labels geoseg as many as the palette has",
  )
  labels.add_argument("--dont_care", action="store_true", help="255 occurs")
  labels.add_argument(
    "--no_instances", action="store_true", help="leave them out"
  )
  labels.add_argument(
    "--palette",
    default="",
    help="maps are coded in colours: 'cityscapes', 'geoseg', a file of lines "
    "'red green blue name', or such entries with ';' between",
  )
  labels.add_argument(
    "--palette_rule",
    choices=("exact", "nearest", "original"),
    help="what becomes of other colours: 'exact' refuses them, 'nearest' takes "
    "the nearest of the palette, 'original' the background (exact)",
  )
  labels.add_argument(
    "--palette_tolerance",
    type=float,
    help="of 'nearest': how far a colour may be, a distance in RGB (48)",
  )
  labels.add_argument(
    "--palette_background",
    type=int,
    help="the label of pixels that stand for none (0)",
  )
  labels.add_argument(
    "--check",
    action="store_true",
    help="write nothing: read all pictures and maps, say how often each label "
    "occurs and which files cannot be used; exits with 1 if some cannot",
  )
  for split, what in (("", "training"), ("test_", "test")):
    for kind in ("label", "image", "instance"):
      labels.add_argument(f"--{split}{kind}_dir", help=f"{what} {kind}s")
  options = parser.parse_args(argv)
  if options.check and not options.labels:
    parser.error("--check needs --labels")
  if not (options.check or options.name):
    parser.error("--name is needed")

  try:
    if options.check:
      return _check_labels(options, parser)
    build = _build_labels if options.labels else _build_collections
    name, path = build(options, parser)
  except (ValueError, OSError) as error:
    print(f"build_dataset: {error}", file=sys.stderr)
    return 1
  print(f"{path}\nRead it with tfds_name={name}")
  return 0


def _complete_labels(options, parser):
  """Adds what gansynth.data.labels.create calls by other names."""
  if options.folder_a or options.folder_b:
    parser.error("--labels takes --root or --label_dir and --image_dir")
  options.source = options.labels
  if options.num_labels is None and options.source != "geoseg":
    options.num_labels = 35
  options.instances = None  # as the layout has them
  if options.no_instances or not (options.root or options.instance_dir):
    options.instances = False


def _check_labels(options, parser):
  """Prints what the splits hold; returns the exit status."""
  from gansynth.data import labels

  _complete_labels(options, parser)
  reports = labels.check_labels(options)
  for split, report in reports.items():
    print(f"{split}\n{report}")
  return int(any(report.errors for report in reports.values()))


def _build_labels(options, parser):
  # After the parsing, so that --help does not wait for it.
  from gansynth.data import labels, tfds_label_builders

  _complete_labels(options, parser)
  entries = {"train": labels.entries(options, "train")}
  test = labels.entries(options, "test")
  if test != entries["train"]:
    entries["test"] = test
  return tfds_label_builders.build(
    options.name, entries, labels.label_reader(options), options.data_dir
  )


def _build_collections(options, parser):
  from gansynth.data import tfds_builders

  folders = {
    "trainA": options.folder_a,
    "trainB": options.folder_b,
    "testA": options.test_folder_a,
    "testB": options.test_folder_b,
  }
  if options.root:
    if any(folders.values()):
      parser.error("--root and the folders exclude each other")
    found = {split: os.path.join(options.root, split) for split in folders}
    folders = {
      split: folder
      for split, folder in found.items()
      if split.startswith("train") or os.path.isdir(folder)
    }
  elif not (options.folder_a and options.folder_b):
    parser.error("--folder_a and --folder_b, or --root, are needed")
  return tfds_builders.build(
    options.name,
    {split: folder for split, folder in folders.items() if folder},
    options.data_dir,
  )


if __name__ == "__main__":
  sys.exit(main())
