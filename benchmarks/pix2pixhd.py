"""Times pix2pixHD: drawing a label map and a full training step.

python benchmarks/pix2pixhd.py --what generate,train_step --size 256 \
    --batch 1 --dtype float32 --device cpu

The global generator with Cityscapes' 36 channels.
"""

import label_maps

if __name__ == "__main__":
  label_maps.main("pix2pixhd", __doc__, channels=36)
