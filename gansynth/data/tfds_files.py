"""What builders of TensorFlow Datasets from files of the user share.

They write ArrayRecord files and need no TensorFlow: the pictures are handed
over as encoded bytes, never as arrays. Importing this module imports
TensorFlow Datasets.
"""

import io
import os
from collections.abc import Mapping

import tensorflow_datasets as tfds

from gansynth import images

_READABLE = (b"\x89PNG", b"\xff\xd8\xff")  # by other readers, too


class FilesBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """What builders from files of the user share.

  Args:
    **kwargs: those of `tfds.core.GeneratorBasedBuilder`; `file_format`
      is always ArrayRecord.
  """

  VERSION = tfds.core.Version("1.0.0")
  # Nothing is downloaded. Left to itself, the base class looks for a file of
  # checksums, with a package that it does not declare (importlib_resources).
  url_infos: Mapping = {}
  description = ""

  def __init__(self, **kwargs):
    super().__init__(file_format=tfds.core.FileFormat.ARRAY_RECORD, **kwargs)


def encoded(path: str | os.PathLike) -> io.BytesIO:
  """The bytes of a picture that can be read, PNG or JPEG.

  Other readers of a data set know no other formats.

  Raises:
    images.ImageError: it cannot be read; better here than while training.
  """
  with open(path, "rb") as file:
    data = file.read()
  array = images.read(data, name=os.fspath(path))
  if not data.startswith(_READABLE):
    data = images.encode(array, "png")
  return io.BytesIO(data)


def named_config(
  name: str, version: str, description: str
) -> tfds.core.BuilderConfig:
  """The configuration under which a data set of the user is found.

  Raises:
    ValueError: the name cannot be used.
  """
  if not name.isidentifier():
    raise ValueError(
      f"data set name {name!r}; expected letters, digits and underscores, "
      "beginning with a letter."
    )
  return tfds.core.BuilderConfig(
    name=name, version=version, description=description
  )


def prepare(builder: tfds.core.DatasetBuilder) -> tuple[str, str]:
  """Writes a data set; returns the name to read it by, and where it is.

  Raises:
    images.ImageError: a picture cannot be read; nothing is left under the
      final name.
    FileExistsError: it was prepared before.
  """
  path = os.fspath(builder.data_path)
  if os.path.exists(path):
    raise FileExistsError(
      f"{path!r} exists already. Delete it or choose another name."
    )
  builder.download_and_prepare()
  config = builder.builder_config
  return builder.name + (f"/{config.name}" if config else ""), path
