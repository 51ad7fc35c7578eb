"""TensorFlow Datasets builders for two collections of pictures.

They write ArrayRecord files and need no TensorFlow: the pictures are handed
over as the encoded bytes they are stored with, never as arrays. The features
are those of the catalogue's `cycle_gan/*` (`image`, `label`) and the `name` of
the file; the splits are its too: trainA, trainB, testA, testB.

Importing this module imports TensorFlow Datasets.
"""

import io
import os
from collections.abc import Iterator, Mapping

import tensorflow_datasets as tfds

from gansynth import images
from gansynth.data.sources import FolderSource

SPLITS = ("trainA", "trainB", "testA", "testB")
_STORED_AS_THEY_ARE = (b"\x89PNG", b"\xff\xd8\xff")


class _UnpairedBuilder(tfds.core.GeneratorBasedBuilder):
  """What the builders share.

  Args:
    folders: split -> folder, searched recursively; trainA and trainB are
      needed, the others may be missing. Only for writing.
    **kwargs: those of `tfds.core.GeneratorBasedBuilder`; `file_format`
      is always ArrayRecord.
  """

  VERSION = tfds.core.Version("1.0.0")
  # Nothing is downloaded. Left to itself, the base class looks for a file of
  # checksums, with a package that it does not declare (importlib_resources).
  url_infos: Mapping = {}
  description = ""

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
    super().__init__(file_format=tfds.core.FileFormat.ARRAY_RECORD, **kwargs)

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
      with open(path, "rb") as file:
        data = file.read()
      # Better here than in the middle of a training.
      array = images.read(data, name=path)
      if not data.startswith(_STORED_AS_THEY_ARE):
        # Other readers of the data set know PNG and JPEG only.
        data = images.encode(array, "png")
      name = os.path.relpath(path, source.folder).replace(os.sep, "/")
      yield index, {"image": io.BytesIO(data), "label": label, "name": name}


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
    if not dataset_name.isidentifier():
      raise ValueError(
        f"data set name {dataset_name!r}; expected letters, digits and "
        "underscores, beginning with a letter."
      )
    config = tfds.core.BuilderConfig(
      name=dataset_name, version=self.VERSION, description=self.description
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
  path = os.fspath(builder.data_path)
  if os.path.exists(path):
    raise FileExistsError(
      f"{path!r} exists already. Delete it or choose another name."
    )
  builder.download_and_prepare()
  config = builder.builder_config
  return builder.name + (f"/{config.name}" if config else ""), path
