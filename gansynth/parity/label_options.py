"""Options of a command line of SPADE, SemDisc or ASAP-Nets.

The three programs are of one family: a table of options, of which a data set
and a generator change defaults.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from gansynth.convert import torch_options

Values = dict[str, Any]

# Defaults in training. Their types are the options', None's str; bools are
# flags.
_SPADE: Values = {
  # Both in training and in tests.
  "name": "label2coco",
  "gpu_ids": "0",
  "checkpoints_dir": "./checkpoints",
  "model": "pix2pix",
  "norm_G": "spectralinstance",
  "norm_D": "spectralinstance",
  "norm_E": "spectralinstance",
  "phase": "train",
  "batchSize": 1,
  "preprocess_mode": "scale_width_and_crop",
  "load_size": 1024,
  "crop_size": 512,
  "aspect_ratio": 1.0,
  "label_nc": 182,
  "contain_dontcare_label": False,
  "output_nc": 3,
  "dataroot": "./datasets/cityscapes/",
  "dataset_mode": "coco",
  "serial_batches": False,
  "no_flip": False,
  "nThreads": 0,
  "max_dataset_size": sys.maxsize,
  "load_from_opt_file": False,
  "cache_filelist_write": False,
  "cache_filelist_read": False,
  "display_winsize": 400,
  "netG": "spade",
  "ngf": 64,
  "init_type": "xavier",
  "init_variance": 0.02,
  "z_dim": 256,
  "no_instance": False,
  "nef": 16,
  "use_vae": False,
  "no_pairing_check": False,
  # In training.
  "display_freq": 100,
  "print_freq": 100,
  "save_latest_freq": 5000,
  "save_epoch_freq": 10,
  "no_html": False,
  "debug": False,
  "tf_log": False,
  "continue_train": False,
  "which_epoch": "latest",
  "niter": 50,
  "niter_decay": 0,
  "optimizer": "adam",
  "beta1": 0.0,
  "beta2": 0.9,
  "no_TTUR": False,
  "lr": 0.0002,
  "D_steps_per_G": 1,
  "ndf": 64,
  "lambda_feat": 10.0,
  "lambda_vgg": 10.0,
  "no_ganFeat_loss": False,
  "no_vgg_loss": False,
  "gan_mode": "hinge",
  "netD": "multiscale",
  "lambda_kld": 0.05,
  "num_D": 2,
  "n_layers_D": 4,
  "netD_subarch": "n_layer",
}

# What SemDisc took over from ASAP-Nets.
_LOW_RESOLUTION: Values = {
  "display_freq": 1000,
  "learned_ds_factor": 16,
  "learned_ds": False,
  "lr_width": 64,
  "lr_max_width": 1024,
  "lr_depth": 7,
  "lr_instance": False,
  "hr_width": 64,
  "hr_depth": 5,
  "hr_coor": "cosine",
  "reflection_pad": False,
  "replicate_pad": False,
  "reverse_mapping": False,
  "no_one_hot": False,
  "no_instance_edge": False,
  "no_instance_dist": False,
  "use_weight_decay": False,
  "lambda_WD": 1e-8,
  "lambda_MSE": 10.0,
  "lambda_L1": 100.0,
}
_SEMDISC: Values = {
  **_SPADE,
  **_LOW_RESOLUTION,
  "print_freq": 1000,
  "c2f": False,
  "c2f_sem": False,
  "c2f_sem_rec": False,
  "added_capacity": False,
  "active_GSeg": False,
  "lambda_GAN": 1.0,
  "lambda_seg": 1.0,
  "lambda_rec": 1.0,
  "normalize_smaps": False,
  "fine_grained_scale": 1.0,
  "fine_tune": False,
  "D_output": False,
}
_ASAPNETS: Values = {
  **{k: v for k, v in _SPADE.items() if k not in ("ngf", "no_instance")},
  **_LOW_RESOLUTION,
  "netG": "ASAPNets",
  "load_size": 512,
  "niter": 200,
  "niter_decay": 100,
  "ndf_max": 512,
  "center_crop": False,
  "no_adv_loss": False,
  "MSE_loss": False,
  "L1_loss": False,
}
_PROGRAMS = {"spade": _SPADE, "semdisc": _SEMDISC, "asapnets": _ASAPNETS}

# What generators add or change, by `netG` in lower case.
_GENERATORS: dict[str, Values] = {
  "spade": {
    "norm_G": "spectralspadesyncbatch3x3",
    "num_upsampling_layers": "normal",
  },
  "pix2pixhd": {
    "norm_G": "instance",
    "resnet_n_downsample": 4,
    "resnet_n_blocks": 9,
    "resnet_kernel_size": 3,
    "resnet_initial_kernel_size": 7,
  },
  "asapnets": {
    "norm_G": "instanceaffine",
    "lr_instance": True,
    "no_instance_dist": True,
  },
}

# What data sets change, after the generator.
_SQUARES: Values = {
  "preprocess_mode": "resize_and_crop",
  "load_size": 286,
  "crop_size": 256,
  "display_winsize": 256,
}
_CITYSCAPES: Values = {
  "preprocess_mode": "fixed",
  "load_size": 512,
  "crop_size": 512,
  "display_winsize": 512,
  "aspect_ratio": 2.0,
  "label_nc": 35,
  "batchSize": 16,
}
_FACADES: Values = {
  **_SQUARES,
  "label_nc": 13,
  "contain_dontcare_label": False,
  "dataroot": "./dataset/facades/",
}
_DATA_SETS: dict[str, Values] = {
  "coco": {
    **_SQUARES,
    "label_nc": 182,
    "contain_dontcare_label": True,
    "coco_no_portraits": False,
  },
  "ade20k": {
    **_SQUARES,
    "label_nc": 150,
    "contain_dontcare_label": True,
    "no_instance": True,
  },
  "cityscapes": _CITYSCAPES,
  "facades": {**_FACADES, "no_instance": True},
  "custom": {
    **_SQUARES,
    "label_nc": 13,
    "contain_dontcare_label": False,
    "label_dir": None,
    "image_dir": None,
    "instance_dir": "",
  },
}
_OF_ASAPNETS: dict[str, Values] = {
  "cityscapes": {**_CITYSCAPES, "batchSize": 32},
  "facades": {**_FACADES, "no_instance_edge": True, "lr_instance": False},
}


def parse(
  argv: str | Sequence[str], program: str, source: str = "the command line"
) -> torch_options.Options:
  """Reads a command line as the original program does.

  Options that the program does not know are kept: as True where no value
  follows, else as strings.

  Args:
    argv: arguments, or all of them as a shell takes them.
    program: `spade`, `semdisc` or `asapnets`.
    source: for messages.

  Returns:
    All options of a training run, those not given with their defaults.

  Raises:
    ValueError: an argument is no option, or its value is missing or no value
      of the option's type, or the program is not known.
  """
  if program not in _PROGRAMS:
    raise ValueError(
      f"{source}: unknown program {program!r}; known are {', '.join(_PROGRAMS)}"
    )
  argv = shlex.split(argv) if isinstance(argv, str) else [str(x) for x in argv]
  given = _split(argv, source)
  defaults = _defaults(given, program)
  values = dict(defaults)
  for name, text in given.items():
    values[name] = _value(name, text, defaults, source)
  return torch_options.Options(source, values, defaults)


def _split(argv, source):
  """Texts by option; None where none follows."""
  given, name = {}, None
  for argument in argv:
    if argument.startswith("--"):
      name, equals, text = argument.removeprefix("--").partition("=")
      given[name] = text if equals else None
    elif name is None or given[name] is not None:
      raise ValueError(
        f"{source}: {argument!r} is no option, and no value of one either"
      )
    else:
      given[name] = argument
  return given


def _defaults(given: Mapping[str, str | None], program: str) -> Values:
  values = dict(_PROGRAMS[program])
  generator = given.get("netG") or values["netG"]
  values.update(_GENERATORS.get(generator.lower(), {}))
  mode = given.get("dataset_mode") or values["dataset_mode"]
  data_sets = _OF_ASAPNETS if program == "asapnets" else _DATA_SETS
  values.update(data_sets.get(mode, _DATA_SETS.get(mode, {})))
  if mode == "cityscapes" and "num_upsampling_layers" in values:
    values["num_upsampling_layers"] = "more"
  if "no_TTUR" in given:
    values |= {"beta1": 0.5, "beta2": 0.999}
  return values


def _value(name, text, defaults, source):
  if name not in defaults:
    return True if text is None else text
  kind = str if defaults[name] is None else type(defaults[name])
  if kind is bool:
    if text is not None:
      raise ValueError(f"{source}: --{name} is a flag, and takes no {text!r}")
    return True
  if text is None:
    raise ValueError(f"{source}: --{name} has no value")
  try:
    return kind(text)
  except ValueError as e:
    raise ValueError(
      f"{source}: --{name} is {text!r}, expected a value of type "
      f"{kind.__name__}"
    ) from e
