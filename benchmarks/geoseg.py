"""Times Geoseg-GAN: drawing label maps and a full training step.

python benchmarks/geoseg.py --what generate,train_step --size 256 --batch 8 \
    --dtype float32 --device cpu

With the original's six classes, on procedural land cover or a folder of maps.
"""

import label_maps

if __name__ == "__main__":
  label_maps.main("geoseg", __doc__, channels=6)
