"""What configs start from."""

from typing import Any

import ml_collections


def image_to_image() -> ml_collections.ConfigDict:
  """What image-to-image training needs; CycleGAN's published settings."""
  config = ml_collections.ConfigDict()
  config.system = "cyclegan"  # see gansynth.systems
  config.seed = 0
  config.batch_size = 1  # over all devices and hosts together
  config.max_steps = 0  # stop earlier than the epochs say; 0: do not
  config.dtype = "float32"  # or bfloat16: networks only, parameters float32
  config.remat = False  # recompute residual blocks in the backward pass
  config.accumulation = 1  # slices of a device's batch, one after the other
  config.ema_decay = 0.0  # of averaged generators; 0: off

  config.generator = ml_collections.ConfigDict()
  config.generator.name = "resnet_9blocks"  # see gansynth.models.create
  config.generator.features = 64  # ngf
  config.generator.norm = "instance"  # instance, batch, none
  config.generator.use_dropout = False
  config.generator.upsample = "transpose"  # or resize: no checkerboard
  config.generator.init_type = "normal"  # xavier, kaiming, orthogonal
  config.generator.init_gain = 0.02

  config.discriminator = ml_collections.ConfigDict()
  config.discriminator.name = "basic"  # see gansynth.models.create
  config.discriminator.features = 64  # ndf
  config.discriminator.norm = "instance"
  config.discriminator.init_type = "normal"
  config.discriminator.init_gain = 0.02

  config.optimizer = ml_collections.ConfigDict()
  config.optimizer.learning_rate = 2e-4
  config.optimizer.beta1 = 0.5
  config.optimizer.beta2 = 0.999
  config.optimizer.policy = "linear"  # see gansynth.systems.schedules
  config.optimizer.num_epochs = 100  # at the full rate
  config.optimizer.num_epochs_decay = 100
  config.optimizer.decay_every = 50  # epochs; policy step
  config.optimizer.step_at = "end"  # start: as PyTorch's code 2020 to 2024

  config.data = ml_collections.ConfigDict()
  config.data.source = "folders"  # see gansynth.data.create
  config.data.root = ""  # holds trainA trainB testA testB
  config.data.folder_a = ""  # or one folder for each side
  config.data.folder_b = ""
  config.data.test_folder_a = ""
  config.data.test_folder_b = ""
  config.data.tfds_name = ""
  config.data.tfds_data_dir = ""
  config.data.direction = "AtoB"
  config.data.input_channels = 3
  config.data.output_channels = 3
  config.data.preprocess = "resize_and_crop"
  config.data.load_size = 286
  config.data.crop_size = 256
  config.data.flip = True
  config.data.test_preprocess = ""  # chosen to fit preprocess
  config.data.size_multiple = 4  # of evaluated pictures' sides
  config.data.serial_batches = False
  config.data.paired = False  # procedural: both renderings of each scene
  config.data.max_dataset_size = 0
  config.data.cache_bytes = 0  # memory for pictures that were read
  config.num_workers = 0  # processes that read data; 0: threads

  config.log_every = 100  # steps
  config.sample_every = 1000
  config.num_samples = 4  # rows of a sample sheet
  config.checkpoint_every = 5000
  config.keep_last = 2
  config.keep_best = 1
  config.best_metric = ""  # of evaluate; "" keeps the last ones only
  config.best_mode = "min"

  config.evaluate = ml_collections.ConfigDict()
  config.evaluate.every = 0  # steps; 0: at checkpoints, if best_metric or
  # any of the metrics below is set
  config.evaluate.max_items = 0  # 0: the whole test split
  config.evaluate.batch_size = 1
  config.evaluate.step = 0  # checkpoint; 0: the best one, else the latest
  config.evaluate.steps = ""  # in its place: "all", or several, commas between
  config.evaluate.metrics = ""  # of picture_metrics, such as "fid,kid"
  config.evaluate.networks = "networks"  # folder of published weights
  config.evaluate.random_features = False  # instead: for smoke tests only
  config.evaluate.resize = "legacy"  # before Inception, as pytorch-fid; clean
  config.evaluate.dims = 2048  # of Inception's features; 64, 192, 768
  config.evaluate.segmenter = ""  # reads label maps back from what is made
  config.evaluate.protocol = "picture"  # see segmentation_protocols
  config.evaluate.label_kind = ""  # of the data, for it; "": told by numbers
  config.evaluate.pictures = 4  # best and worst by each score that are kept

  config.synthesize = ml_collections.ConfigDict()
  config.synthesize.input = ""  # folder of pictures, with sub-folders
  config.synthesize.output = ""
  config.synthesize.direction = "AtoB"
  config.synthesize.checkpoint = ""  # converted network; "": the run's own
  config.synthesize.step = 0  # of the run; 0: the best one, else the latest
  config.synthesize.scale_width = 0  # resize to this width first; 0: do not
  config.synthesize.format = "png"  # or jpg
  config.synthesize.batch_size = 1
  config.synthesize.mode = "eval"  # train: the originals' test-time default
  config.synthesize.skip_unreadable = False
  return config


def label_to_image() -> ml_collections.ConfigDict:
  """What training on label maps needs; SPADE's published settings."""
  config = image_to_image()
  config.system = "label_to_image"
  config.recipe = "spade"  # or pix2pixhd: order of updates and reductions
  config.vgg_weights = ""  # of the perceptual loss; "": train without it
  config.init_from = ""  # networks to start from; "": random weights
  config.discriminator_steps = 1  # for each step of the generator
  config.fix_global_epochs = 0  # of pix2pixhd_local: the outer part alone

  config.generator = ml_collections.ConfigDict()
  config.generator.name = "spade"  # pix2pixhd_global, pix2pixhd_local
  config.generator.features = 64  # ngf
  config.generator.norm = "spectralspadesyncbatch3x3"
  config.generator.init_type = "xavier"
  config.generator.init_gain = 0.02

  config.discriminator = ml_collections.ConfigDict()
  config.discriminator.name = "multiscale"
  config.discriminator.features = 64  # ndf
  config.discriminator.norm = "spectralinstance"
  config.discriminator.num_scales = 2  # num_D
  config.discriminator.num_layers = 4  # n_layers_D, and pix2pixHD's plus 1
  config.discriminator.init_type = "xavier"
  config.discriminator.init_gain = 0.02

  config.encoder = ml_collections.ConfigDict()
  config.encoder.name = ""  # style_encoder, instance_encoder

  config.loss = ml_collections.ConfigDict()
  config.loss.gan_mode = "hinge"  # lsgan, vanilla, wgan
  config.loss.lambda_features = 10.0  # feature matching; 0: off
  config.loss.lambda_perceptual = 10.0  # of VGG19's features
  config.loss.lambda_kld = 0.05  # of the style encoder's latent
  config.loss.pool_size = 0  # pictures the discriminator sees again
  config.loss.regenerate = True  # it sees the updated generator's pictures

  config.optimizer.ttur = True  # the generator's rate halved, the other doubled
  config.optimizer.beta1 = 0.0
  config.optimizer.beta2 = 0.9
  config.optimizer.policy = "linear_to_zero"

  config.data = ml_collections.ConfigDict()
  config.data.source = "custom_labels"  # see gansynth.data.labels.create
  config.data.root = ""
  for split in ("", "test_"):
    for kind in ("label", "image", "instance"):
      config.data[f"{split}{kind}_dir"] = ""
  config.data.num_labels = 13  # label_nc; 0: the maps are colour pictures
  config.data.dont_care = False  # whether 255 is a label of its own
  config.data.instances = True  # show edges of instances
  config.data.palette = ""  # file of colours, for maps coded in RGB
  config.data.preprocess = "resize_and_crop"
  config.data.load_size = 286
  config.data.crop_size = 256
  config.data.aspect_ratio = 1.0  # width / height
  config.data.size_multiple = 32  # of preprocess "none"
  config.data.test_preprocess = ""  # chosen to fit preprocess
  config.data.pad_crops = True  # what is smaller than a crop; False: refuse
  config.data.flip = True
  config.data.tfds_name = "cityscapes/semantic_segmentation"
  config.data.tfds_data_dir = ""
  config.data.train_extra = False  # cityscapes: coarse labels too
  config.data.ade20k_shift = False  # True: 0 is "don't care", classes from 0
  config.data.original_crops = False  # scale_shortside as the original has it
  config.data.max_dataset_size = 0
  config.data.cache_bytes = 0

  config.synthesize = ml_collections.ConfigDict()
  config.synthesize.input = ""  # folder of label maps
  config.synthesize.instances = ""  # of instance maps; labels: none are needed
  config.synthesize.styles = ""  # of pictures whose styles are taken; "": drawn
  config.synthesize.style_pairing = "all"  # name: the one of the map's name
  config.synthesize.sample = False  # draw around an encoded style
  config.synthesize.number = 1  # of styles drawn for each label map
  config.synthesize.seed = 0  # of what is drawn
  config.synthesize.output = ""
  config.synthesize.results = "plain"  # original: the original's folders
  config.synthesize.checkpoint = ""  # networks of elsewhere; "": the run's own
  config.synthesize.step = 0  # of the run; 0: the best one, else the latest
  config.synthesize.size = "trained"  # labels: that of each label map; data:
  # what config.data makes of it, for networks that make pictures of its size
  config.synthesize.sparse = ml_collections.config_dict.placeholder(bool)
  config.synthesize.format = "png"  # or jpg
  config.synthesize.batch_size = 1
  config.synthesize.mode = "eval"  # batch: each picture's own statistics
  config.synthesize.skip_unreadable = False
  return config


def segmentation() -> ml_collections.ConfigDict:
  """What the training of a segmenter needs."""
  others = label_to_image()
  config = ml_collections.ConfigDict()
  config.system = "segmentation"
  for name in (
    "seed",
    "batch_size",
    "max_steps",
    "dtype",
    "remat",
    "accumulation",
    "ema_decay",
    "optimizer",
    "data",
    "num_workers",
    "log_every",
    "sample_every",
    "num_samples",
    "checkpoint_every",
    "keep_last",
    "keep_best",
    "evaluate",
  ):
    config[name] = others[name]
  config.batch_size = 8
  config.num_samples = 8

  config.segmenter = ml_collections.ConfigDict()
  config.segmenter.name = "segmentation_unet"
  config.segmenter.features = 32  # width of the outermost level
  config.segmenter.num_levels = 4  # halvings
  config.segmenter.norm = "batch"  # instanceaffine, none

  config.loss = ml_collections.ConfigDict()
  config.loss.class_weights = "none"  # balanced: classes weigh the same
  config.loss.lambda_dice = 0.0  # of the Dice loss; 0: off

  del config.optimizer.ttur  # There is one network.
  config.optimizer.learning_rate = 1e-3
  config.optimizer.beta1 = 0.9
  config.optimizer.beta2 = 0.999

  config.data.num_labels = 6
  config.data.instances = False
  use_pairs(config)
  config.best_metric = "mean_iou"
  config.best_mode = "max"
  config.evaluate.batch_size = 8

  config.synthesize = ml_collections.ConfigDict()
  config.synthesize.input = ""  # folder of pictures, with sub-folders
  config.synthesize.output = ""  # of masks, PNG with the numbers of classes
  config.synthesize.checkpoint = ""  # converted network; "": the run's own
  config.synthesize.step = 0  # of the run; 0: the best one, else the latest
  config.synthesize.batch_size = 8
  config.synthesize.skip_unreadable = False
  return config


def pix2pixhd_generator() -> dict[str, Any]:
  """pix2pixHD's global generator, as its own repository has it."""
  return {
    "name": "pix2pixhd_global",
    "features": 64,
    "num_downsampling": 4,
    "num_blocks": 9,
    "norm": "instance",
    "init_type": "normal",
    "init_gain": 0.02,
  }


def asapnets_generator(
  size: int = 256, padding: str = "zero"
) -> dict[str, Any]:
  """ASAP-Nets' generator.

  Args:
    size: height of the pictures, of which the network's grid has 16 rows.
    padding: `zero`, or `reflect` as for facades.
  """
  return {
    "name": "asapnets",
    "features": 64,  # lr_width
    "max_features": 1024,
    "num_blocks": 7,
    "downsampling": size // 16,
    "learned_downsampling": 16,
    "pixel_features": 64,  # hr_width
    "pixel_layers": 5,
    "norm": "instanceaffine",
    "padding": padding,
    "init_type": "xavier",
    "init_gain": 0.02,
  }


def use_semantic_discriminator(
  config: ml_collections.ConfigDict, mode: str = "c2f_sem_rec"
) -> None:
  """Gives label-to-image training SemDisc's discriminator and its losses.

  Args:
    config: of `label_to_image`.
    mode: `systems.label_factory.MODES`: `original` and `added_capacity` (of
      verdicts) as in SPADE, `c2f` with verdicts on each label, `c2f_sem` which
      also tells classes, `c2f_sem_rec` which also draws the picture.
  """
  config.semantic = ml_collections.ConfigDict()
  config.semantic.mode = mode
  config.semantic.classes = "labels"  # cityscapes: its 19 of 35 labels
  config.semantic.balanced = True  # labels of a picture weigh the same
  config.semantic.fine_scale = 0.05  # of all labels' verdicts, if balanced
  config.semantic.lambda_segmentation = 1.0
  config.semantic.lambda_reconstruction = 1.0
  config.semantic.guide_from_epoch = 100  # phase 2 begins after so many; 0: at
  # once, -1: never. The generator learns from classes and pictures told.
  config.semantic.restart_optimizers = False  # there, as the original does
  config.init_optimizers = False  # go on with those of init_from, a run
  config.loss.lambda_gan = 35.0  # of verdicts, which are averaged over labels


def use_pairs(config: ml_collections.ConfigDict) -> None:
  """Gives label data colours that stand for labels, and generated pairs."""
  config.data.palette = "geoseg"
  config.data.palette_rule = "exact"  # nearest, original
  config.data.palette_tolerance = 48.0  # of nearest, a distance in RGB
  config.data.palette_background = 0  # class of all other colours
  config.data.synthetic = ""  # folders of generated pairs, commas between
  config.data.synthetic_share = 0.25  # of an epoch
  config.data.oversample = ""  # classes, as "4,5", whose masks are seen more;
  config.data.oversample_factor = 2.0  # rare: those of few pixels
