"""TensorFlow Datasets builders for pictures with label maps.

`Cityscapes` writes what the catalogue's `cityscapes/semantic_segmentation`
holds, from the folder as downloaded and without TensorFlow, which the
catalogue's own builder needs. `LabelledPictures` writes any data set of
`gansynth.data.labels`, with its instance maps.

Importing this module imports TensorFlow Datasets.
"""

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from gansynth import images
from gansynth.data import tfds_files
from gansynth.data.labels import layouts, pairing, reading


class _LabelBuilder(tfds_files.FilesBuilder, skip_registration=True):
  """What the two builders share.

  Args:
    entries: split -> files. Only for writing.
    reader: of the label maps. Maps coded in colours are stored as labels,
      numbers as they are.
    **kwargs: those of `tfds_files.FilesBuilder`.
  """

  keys: ClassVar[Mapping[str, str]]  # of image, label and name

  def __init__(
    self,
    *,
    entries: Mapping[str, Sequence[pairing.Entry]],
    reader: reading.LabelReader,
    **kwargs,
  ):
    self._entries = entries
    self._reader = reader
    self._has_instances = any(
      entry.instance is not None for each in entries.values() for entry in each
    )
    super().__init__(**kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    png = {"encoding_format": "png"}
    many = self._reader.num_labels > 256
    label = tfds.features.Image(
      shape=(None, None, 1 if self._reader.num_labels else 3),
      dtype=np.uint16 if many else np.uint8,
      **png,
    )
    features = {
      self.keys["name"]: tfds.features.Text(),
      self.keys["image"]: tfds.features.Image(shape=(None, None, 3)),
      self.keys["label"]: label,
    }
    if self._has_instances:
      features["instance"] = tfds.features.Image(
        shape=(None, None, 1), dtype=np.uint16, **png
      )
    return tfds.core.DatasetInfo(
      builder=self,
      description=self.description,
      features=tfds.features.FeaturesDict(features),
      disable_shuffling=True,  # Training shuffles by itself.
    )

  def _split_generators(self, dl_manager) -> dict:
    del dl_manager  # Nothing is downloaded.
    return {
      split: self._generate_examples(entries)
      for split, entries in self._entries.items()
    }

  def _generate_examples(
    self, entries: Sequence[pairing.Entry]
  ) -> Iterator[tuple[int, dict]]:
    for index, entry in enumerate(entries):
      label = self._reader.stored(entry.label)
      self._reader.checked(label, entry.label)
      example = {
        self.keys["name"]: self._name(entry),
        self.keys["image"]: tfds_files.encoded(entry.image),
        self.keys["label"]: _png(label, self._reader.num_labels > 256),
      }
      if entry.instance is not None:
        instances = reading.read_instances(entry.instance)
        if instances.min() < 0 or instances.max() > 65535:
          # Only which pixels belong together can be kept.
          shape = instances.shape
          _, instances = np.unique(instances, return_inverse=True)
          instances = instances.reshape(shape)
        example["instance"] = _png(instances, wide=True)
      yield index, example

  def _name(self, entry: pairing.Entry) -> str:
    return entry.name


class Cityscapes(_LabelBuilder, skip_registration=True):
  """The catalogue's `cityscapes/semantic_segmentation`.

  Splits `train` and `validation`; the catalogue's `test` has no true labels.
  """

  description = "Cityscapes with its fine annotations, as labelIds."
  keys: ClassVar = {
    "name": "image_id",
    "image": "image_left",
    "label": "segmentation_label",
  }

  def __init__(self, **kwargs):
    config = tfds_files.named_config(
      "semantic_segmentation", self.VERSION, self.description
    )
    super().__init__(config=config, **kwargs)

  def _name(self, entry: pairing.Entry) -> str:
    return layouts.first_three_parts(entry.image)


class LabelledPictures(_LabelBuilder, skip_registration=True):
  """Any pictures with label maps, as `labelled_pictures/<name>`.

  Args:
    dataset_name: letters, digits and underscores, beginning with a letter.
    **kwargs: those of `_LabelBuilder`.
  """

  description = "Pictures with label maps."
  keys: ClassVar = {"name": "name", "image": "image", "label": "label"}

  def __init__(self, *, dataset_name: str, **kwargs):
    config = tfds_files.named_config(
      dataset_name, self.VERSION, self.description
    )
    super().__init__(config=config, **kwargs)


def build(
  name: str,
  entries: Mapping[str, Sequence[pairing.Entry]],
  reader: reading.LabelReader,
  data_dir: str | os.PathLike | None = None,
) -> tuple[str, str]:
  """Writes a data set of pictures with label maps.

  Args:
    name: "cityscapes" for `cityscapes/semantic_segmentation` (without instance
      maps, as the catalogue has it), or any other for
      `labelled_pictures/<name>`.
    entries: "train" and perhaps "test" -> files, see `layouts`.
    reader: of the label maps, which are checked.
    data_dir: where to; None is TensorFlow Datasets' own default.

  Returns:
    (the name to read it by, the folder where it is).

  Raises:
    images.ImageError: a file cannot be used; nothing is left under the final
      name.
    FileExistsError: it was prepared before.
  """
  if data_dir is not None:
    data_dir = os.path.expanduser(os.fspath(data_dir))
  common = {"reader": reader, "data_dir": data_dir}
  if name != "cityscapes":
    return tfds_files.prepare(
      LabelledPictures(dataset_name=name, entries=entries, **common)
    )
  names = {"train": "train", "test": "validation"}
  without_instances = {
    names[split]: [pairing.Entry(each.label, each.image) for each in files]
    for split, files in entries.items()
  }
  return tfds_files.prepare(Cityscapes(entries=without_instances, **common))


def _png(array: np.ndarray, wide: bool) -> io.BytesIO:
  """Encodes numbers as PNG of 8 or 16 bits, or a picture."""
  dtype = np.uint16 if wide else np.uint8
  return io.BytesIO(images.encode(array.astype(dtype), "png"))
