"""Small networks of label maps, and files as the originals write."""

import functools
import struct
import zipfile

import jax
import numpy as np
from flax import traverse_util

from gansynth import convert, models
from gansynth.convert import common

CHANNELS = 6  # of label maps


def spade(**others):
  return {
    "name": "spade",
    "features": 2,
    "norm": "spectralspadesyncbatch1x1",
    "upsampling": "normal",
    "use_vae": False,
    "height": 0,
    "width": 0,
    **others,
  }


def spade_pix2pixhd(norm="spectralinstance", **others):
  return {
    "name": "pix2pixhd_global",
    "output_channels": 3,
    "features": 4,
    "num_downsampling": 3,
    "num_blocks": 2,
    "norm": norm,
    "kernel_size": 3,
    "initial_kernel_size": 7,
    "use_bias": norm.endswith("none"),
    **others,
  }


def style_encoder(**others):
  return {
    "name": "style_encoder",
    "features": 2,
    "latent_size": 5,
    "norm": "spectralinstance",
    "deep": True,
    **others,
  }


def asapnets(**others):
  return {
    "name": "asapnets",
    "features": 3,
    "max_features": 5,
    "num_blocks": 2,
    "downsampling": 4,
    "learned_downsampling": 4,
    "pixel_features": 7,
    "pixel_layers": 5,
    "unseen_channels": 0,
    "norm": "instanceaffine",
    "padding": "zero",
    **others,
  }


def spade_discriminator(norm="spectralinstance", **others):
  return {
    "name": "multiscale",
    "features": 4,
    "max_features": 512,
    "num_scales": 2,
    "num_layers": 4,
    "norm": norm,
    "use_bias": norm.endswith("none"),
    "last_stride": 1,
    "conditional": True,
    "adversarial_channels": 1,
    "num_classes": 0,
    "reconstruction_channels": 0,
    **others,
  }


def global_generator(norm="instance", **others):
  return {
    **spade_pix2pixhd(norm),
    "use_bias": True,
    **others,
  }


def local_enhancer(norm="instance", **others):
  return {
    **global_generator(norm),
    "name": "pix2pixhd_local",
    "num_downsampling": 2,
    "num_enhancers": 1,
    "num_enhancer_blocks": 3,
    **others,
  }


def instance_encoder(norm="instance", **others):
  return {
    "name": "instance_encoder",
    "output_channels": 3,
    "features": 4,
    "num_downsampling": 2,
    "num_blocks": 0,
    "initial_kernel_size": 7,
    "norm": norm,
    "use_bias": True,
    **others,
  }


def discriminator(norm="instance", **others):
  description = spade_discriminator(norm)
  names = ("name", "features", "num_scales", "num_layers", "norm")
  return {name: description[name] for name in names} | {
    "use_bias": True,
    **others,
  }


def geoseg_generator():
  return {
    "name": "geoseg_unet",
    "output_channels": 3,
    "features": 2,
    "norm": "instanceaffine",
  }


def geoseg_discriminator():
  return {"name": "geoseg_patch", "features": 2, "norm": "instanceaffine"}


def random_variables(description, channels=CHANNELS, seed=0):
  """Variables of a network, every number different from its neighbours."""
  shapes = _shapes(tuple(sorted(description.items())), channels)
  rng = np.random.default_rng(seed)
  return jax.tree.map(
    lambda x: rng.standard_normal(x.shape, np.float32), dict(shapes)
  )


def state_of(description, channels=CHANNELS, **options):
  """The same arrays as the original would save them, by key."""
  variables = random_variables(description, channels)
  return dict(convert.to_state_dict(description, variables, **options))


@functools.cache
def _shapes(fields, channels):
  description = dict(fields)
  network = models.create(**description)
  side = 4 * getattr(network, "multiple", 16)
  size = (description.get("height") or side, description.get("width") or side)
  conditions = np.zeros((1, *size, channels), np.float32)
  picture = np.zeros((1, *size, 3), np.float32)
  inputs = {
    "spade": (conditions, np.zeros((1, description.get("latent_size", 1)))),
    "multiscale": (conditions if channels else None, picture),
    "geoseg_patch": (conditions, picture),
    "style_encoder": (picture,),
    "instance_encoder": (picture,),
    "vgg19": (picture,),
  }.get(description["name"], (conditions,))
  return jax.eval_shape(lambda: network.init(jax.random.key(0), *inputs))


def check_shapes(monkeypatch, shapes, source="x.pth", **options):
  """Converts a file of these shapes by key, both ways, without any numbers.

  Returns:
    The description, and the number of parameters.
  """
  counts = []

  def check(state, entries, shapes, source, dtype):
    del dtype
    entries = list(entries)
    expected = traverse_util.flatten_dict(dict(shapes))
    assert {entry.path for entry in entries} == expected.keys()
    assert {entry.key for entry in entries} == state.keys()
    for entry in entries:
      shape = common.original_shape(expected[entry.path].shape, entry.layout)
      assert shape == state[entry.key].shape, (source, entry)
    counts.append(
      sum(expected[e.path].size for e in entries if e.path[0] == "params")
    )
    return {}

  state = {
    key: np.broadcast_to(np.float32(0), shape) for key, shape in shapes.items()
  }
  with monkeypatch.context() as patch:
    patch.setattr(common, "to_variables", check)
    description, _ = convert.convert_state_dict(state, source, **options)
  models.create(**description)
  return description, counts[0]


def write_pth(path, state):
  """Writes float32 arrays as torch.save does, without torch."""

  def text(string):
    data = string.encode()
    return b"X" + struct.pack("<I", len(data)) + data

  def integers(values):
    return b"(" + b"".join(b"J" + struct.pack("<i", x) for x in values) + b"t"

  content = b"\x80\x02}("
  with zipfile.ZipFile(path, "w") as archive:
    for number, (key, value) in enumerate(state.items()):
      array = np.ascontiguousarray(value, "<f4")
      strides = [step // array.itemsize for step in array.strides]
      archive.writestr(f"archive/data/{number}", array.tobytes())
      content += b"".join(
        [
          text(key),
          b"ctorch._utils\n_rebuild_tensor_v2\n((",
          text("storage"),
          b"ctorch\nFloatStorage\n",
          text(str(number)),
          text("cpu"),
          b"J" + struct.pack("<i", array.size),
          b"tQK\x00",
          integers(array.shape),
          integers(strides),
          b"\x89ccollections\nOrderedDict\n)RtR",
        ]
      )
    archive.writestr("archive/data.pkl", content + b"u.")
