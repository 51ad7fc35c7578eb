"""The original's batch way to detection data; started by `detection_data`.

One process, one thread, a picture at a time: crops and labels read, placed on
a canvas that goes through a JPEG, blended by `scipy_blending`, written.
"""

import os
import pathlib
import platform

# Before NumPy is imported: one thread, as the original has.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import detection_inputs
import numpy as np
import scipy
import scipy_blending
import worker

from gansynth import images
from gansynth.synthesis import original

_CANVAS_QUALITY, _QUALITY = 75, 100


def build(task):
  """Returns (run, compile seconds, versions) for a task."""
  folder = pathlib.Path(task["inputs"])
  output = pathlib.Path(task["output"])
  with np.load(folder / "blending_gan.npz") as weights:
    network = scipy_blending.EncoderDecoder(weights)
  tiles = sorted((folder / "tiles").iterdir())
  made = 0

  def run():
    nonlocal made
    pictures, labels = detection_inputs.crops(folder)
    placed = original.augment_image(
      [images.read(path) for path in pictures],
      [tuple(map(float, path.read_text().split()[:5])) for path in labels],
      task["size"],
      made,
      task["objects"],
    )
    canvas, mask = output / f"canvases/{made}.jpg", output / f"masks/{made}.png"
    images.write(canvas, placed.canvas, _CANVAS_QUALITY)
    images.write(mask, np.uint8(255) * placed.mask)
    blended = scipy_blending.gp_gan(
      images.read(canvas),
      images.read(tiles[made % len(tiles)]),
      images.read(mask)[..., 0] > 127,
      network,
    )
    images.write(output / f"{made}.jpg", blended, _QUALITY)
    (output / f"{made}.txt").write_text(placed.label_text)
    made += 1

  versions = (
    f"numpy {np.__version__}, scipy {scipy.__version__}, Python "
    f"{platform.python_version()}, float64, 1 thread"
  )
  return run, 0.0, versions


if __name__ == "__main__":
  worker.serve(build, lambda: None)
