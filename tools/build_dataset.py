"""Writes two folders of pictures as a TensorFlow Datasets data set.

python tools/build_dataset.py --name mine --folder_a A --folder_b B
python tools/build_dataset.py --name gta2cityscapes --root unpacked

TensorFlow is not needed. Train on the result with
`--config.data.source=tfds --config.data.tfds_name=two_folders/mine`.
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
    required=True,
    help="'gta2cityscapes', or any other for two_folders/NAME",
  )
  parser.add_argument(
    "--root", help="folder that holds trainA, trainB and perhaps testA, testB"
  )
  parser.add_argument("--folder_a", help="training pictures of A")
  parser.add_argument("--folder_b", help="training pictures of B")
  parser.add_argument("--test_folder_a", help="test pictures of A")
  parser.add_argument("--test_folder_b", help="test pictures of B")
  parser.add_argument(
    "--data_dir", help="where to; by default ~/tensorflow_datasets"
  )
  options = parser.parse_args(argv)

  # After the parsing, so that --help does not wait for it.
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
  try:
    name, path = tfds_builders.build(
      options.name,
      {split: folder for split, folder in folders.items() if folder},
      options.data_dir,
    )
  except (ValueError, OSError) as error:
    print(f"build_dataset: {error}", file=sys.stderr)
    return 1
  print(f"{path}\nRead it with tfds_name={name}")
  return 0


if __name__ == "__main__":
  sys.exit(main())
