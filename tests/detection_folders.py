"""Small folders of crops and backgrounds, for tests that make data sets."""

import numpy as np

from gansynth import images

NAMES = ("mill", "barn")


def write(root, domains=("north", "south"), crops=3, backgrounds=4, side=64):
  """Writes YOLO crops of two classes and backgrounds; returns options."""
  rng = np.random.default_rng(5)
  for domain in domains:
    for number in range(crops):
      picture = rng.integers(0, 255, (18 + number, 22, 3)).astype(np.uint8)
      images.write(root / f"crops/images/{domain}/c{number}.png", picture)
      label = root / f"crops/labels/{domain}/c{number}.txt"
      label.parent.mkdir(parents=True, exist_ok=True)
      label.write_text(f"{number % 2} 0.5 0.5 0.4 0.5\n")
    for number in range(backgrounds):
      base = rng.integers(60, 200, 3)
      noise = rng.integers(-20, 20, (side, side + 16, 3))
      picture = (base + noise).astype(np.uint8)
      images.write(root / f"tiles/{domain}/t{number}.png", picture)
  (root / "crops/classes.txt").write_text("\n".join(NAMES) + "\n")
  return {
    "seed": 3,
    "images": 4,
    "objects": {"path": str(root / "crops")},
    "backgrounds": {"path": str(root / "tiles")},
    "rules": {"min_objects": 1, "max_objects": 2, "offset_ctr": 9},
    "blending": {"method": "feather", "feather": 2.0, "batch_size": 4},
    "output": {"picture": "png", "preview": False},
  }
