"""TensorFlow Datasets builders for two collections of pictures.

They write ArrayRecord files and need no TensorFlow: the pictures are handed
over as the encoded bytes they are stored with, never as arrays. The features
are those of the catalogue's `cycle_gan/*` (`image`, `label`) and the `name` of
the file; the splits are its too: trainA, trainB, testA, testB.

Importing this module imports TensorFlow Datasets.
"""

import os
from collections.abc import Iterator, Mapping

import tensorflow_datasets as tfds

from gansynth.data import tfds_files
from gansynth.data.sources import FolderSource

SPLITS = ("trainA", "trainB", "testA", "testB")


class _UnpairedBuilder(tfds_files.FilesBuilder, skip_registration=True):
  """What the builders of two collections share.

  Args:
    folders: split -> folder, searched recursively; trainA and trainB are
      needed, the others may be missing. Only for writing.
    **kwargs: those of `tfds_files.FilesBuilder`.
  """

  def __init__(self, *, folders: Mapping[str, str | os.PathLike], **kwargs):
    missing = [split for split in SPLITS[:2] if not folders.get(split)]
    unknown = sorted(set(folders) - set(SPLITS))
    if missing or unknown:
      raise ValueError(
        f"folders {sorted(folders)}: missing {missing}, unknown {unknown}; "
        f"expected {', '.join(SPLITS)}, of which the last two may be missing."
      )
    self._sources = {
      split: FolderSource(folders[split])
      for split in SPLITS
      if folders.get(split)
    }
    super().__init__(**kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    return tfds.core.DatasetInfo(
      builder=self,
      description=self.description,
      features=tfds.features.FeaturesDict(
        {
          "image": tfds.features.Image(),
          "label": tfds.features.ClassLabel(names=["A", "B"]),
          "name": tfds.features.Text(),
        }
      ),
      supervised_keys=("image", "label"),
      # The order is the folder's, so that parts of a split mean something;
      # training shuffles by itself.
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager) -> dict:
    del dl_manager  # Nothing is downloaded.
    return {
      split: self._generate_examples(source, split[-1])
      for split, source in self._sources.items()
    }

  def _generate_examples(
    self, source: FolderSource, label: str
  ) -> Iterator[tuple[int, dict]]:
    for index, path in enumerate(source.paths):
      name = os.path.relpath(path, source.folder).replace(os.sep, "/")
      yield (
        index,
        {"image": tfds_files.encoded(path), "label": label, "name": name},
      )


class Gta2cityscapes(_UnpairedBuilder):
  """Frames of a game and photographs of streets: A is GTA5, B Cityscapes.

  Both have to be fetched by hand, for Cityscapes asks for an agreement. The
  archive of the CycleGAN authors, cityscapes2gta.zip, has the four folders;
  look which side is which, and name them accordingly.
  """

  description = (
    "Unpaired frames of GTA5 (A) and photographs of Cityscapes (B), for "
    "translation between a simulator and reality."
  )


class TwoFolders(_UnpairedBuilder):
  """Any two folders, as `two_folders/<name>`.

  Args:
    dataset_name: letters, digits and underscores, beginning with a letter.
    folders: see `_UnpairedBuilder`.
    **kwargs: those of `tfds.core.GeneratorBasedBuilder`.
  """

  description = "Two unpaired collections of pictures."

  def __init__(self, *, dataset_name: str, folders, **kwargs):
    config = tfds_files.named_config(
      dataset_name, self.VERSION, self.description
    )
    super().__init__(folders=folders, config=config, **kwargs)


def build(
  name: str,
  folders: Mapping[str, str | os.PathLike],
  data_dir: str | os.PathLike | None = None,
) -> tuple[str, str]:
  """Writes a data set of two unpaired collections.

  Args:
    name: "gta2cityscapes", or any other for `two_folders/<name>`.
    folders: split -> folder, see `SPLITS`.
    data_dir: where to; None is TensorFlow Datasets' own default.

  Returns:
    (the name to read it by, the folder where it is).

  Raises:
    images.ImageError: a folder is empty or a picture cannot be read; nothing
      is left under the final name.
    FileExistsError: it was prepared before.
  """
  if data_dir is not None:
    data_dir = os.path.expanduser(os.fspath(data_dir))
  if name == "gta2cityscapes":
    builder = Gta2cityscapes(folders=folders, data_dir=data_dir)
  else:
    builder = TwoFolders(dataset_name=name, folders=folders, data_dir=data_dir)
  return tfds_files.prepare(builder)
