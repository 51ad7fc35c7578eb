r"""A small segmenter: a U-Net that tells the class of every pixel.

    python -m gansynth.main --config=configs/segmenter.py

learns procedural land cover of six classes at 64 x 64 from 400 pictures: 2000
steps, about four minutes on two CPU cores. On 100 other scenes (one seed) the
mean IoU comes to 0.71, the pixel accuracy to 0.84; half the steps reach 0.67.
Best are woods (0.86), worst the rare rough pasture (0.54).

It judges generated pairs (`tools/generate_pairs.py --segmenter=RUN` keeps those
that it agrees with) and shows whether they help: train it without and with
`--config.data.synthetic=FOLDER` (commas between several), and compare. It is no
rival of what a project already segments with; a TorchScript file or a Python
function can judge as well, see `gansynth.segmenters`.

Settings, joined by commas:

- `data=procedural` (the default);
- `data=folders`: root holds `train/images`, `train/masks`, `val/images` and
  `val/masks`, with files of the same names and any endings; 256 x 256. The
  masks' colours are `--config.data.palette`, see configs/geoseg.py;
- `data=labels`: any other source of label maps, 256 x 256;
  `--config.data.source=cityscapes` and the like, see
  `gansynth.data.labels.create`.

    configs/segmenter.py:folders --config.data.root=FOLDER \
        --config.data.palette="250 62 119 Background; 168 232 84 Forest; ..." \
        --config.data.num_labels=N --workdir=runs/segmenter

`--mode=evaluate` prints the mean IoU, the pixel accuracy and the IoU of each
class; `--mode=synthesize` writes the masks of a folder of pictures,
`--config.synthesize.input` and `--config.synthesize.output`.

Where rare classes matter more than the mean over pixels,
`--config.loss.class_weights=balanced` lets the classes of a batch weigh the
same, `--config.loss.lambda_dice=1` adds the Dice loss, and
`--config.data.oversample=rare` shows their maps more often.
"""

from gansynth import config as config_lib
from gansynth import config_data, config_defaults


def get_config(variant=None):
  """Returns the config of a variant; see the top of the file."""
  config = config_defaults.segmentation()
  settings = {
    "data=procedural": _procedural,
    "data=folders": _folders,
    "data=labels": _labels,
  }
  return config_lib.apply_settings(
    config, variant, settings, {"data": "procedural"}
  )


def _procedural(config):
  config_data.use_procedural_land(config)
  config.segmenter.features = 16
  config.optimizer.num_epochs = 16
  config.optimizer.num_epochs_decay = 24


def _folders(config):
  _pictures(config)
  config.data.source = "geoseg"
  config.data.root = "datasets/land"


def _labels(config):
  _pictures(config)
  config.data.source = "custom_labels"
  config.data.root = "datasets/labels"
  config.data.palette = ""


def _pictures(config):
  config.data.load_size = 256
  config.data.crop_size = 256
  config.optimizer.num_epochs = 50
  config.optimizer.num_epochs_decay = 50
  config.sample_every = 500
  config.checkpoint_every = 500
