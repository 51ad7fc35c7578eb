r"""Times SPADE: drawing a label map and a full training step.

python benchmarks/spade.py --what generate,train_step --size 256 --batch 1 \
    --dtype float32 --device cpu
python benchmarks/spade.py --what generate --sparse \
    --labels FOLDER --instances FOLDER --maps 7

With COCO-Stuff's 184 channels. `generate` goes through the label maps of the
folder, resized to the size by nearest neighbours; without one they are
procedural street scenes.
"""

import label_maps

if __name__ == "__main__":
  label_maps.main("spade", __doc__, channels=184, is_modulated=True)
