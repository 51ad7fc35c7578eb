"""Times pix2pix: translating a picture and a full training step.

python benchmarks/pix2pix.py --what translate,train_step --size 256 \
    --batch 1 --dtype float32 --device cpu
"""

import compare

if __name__ == "__main__":
  compare.translators("pix2pix", __doc__)
