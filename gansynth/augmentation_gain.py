"""Whether synthetic pairs help a segmenter that has few real ones.

A fraction of the real training pairs is all that anything learns from: the
generator, the segmenter that filters its pairs, and the segmenters that are
compared. These are trained on the real pairs alone and mixed with synthetic
ones at several ratios, for the same number of steps, with several seeds, and
measured on the real validation pairs.
"""

import dataclasses
import json
import os
import pathlib
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import ml_collections
import numpy as np
from absl import logging

from gansynth import (
  checkpoints,
  data,
  evaluate,
  files,
  gain_report,
  pairs,
  train,
  weights,
)
from gansynth import config as config_lib
from gansynth.data.labels import subsets
from gansynth.gain_report import ALL_REAL
from gansynth.synthesis import pair_folder, record

TABLE, NUMBERS = "gain.md", "gain.json"
REAL, GAN, JUDGE, TRIAL, PAIRS, RUNS = (
  "real",
  "gan",
  "judge",
  "trial",
  "pairs",
  "runs",
)
_RECORD = "options.json"
_SCORES = "scores.json"
_TRIED = 100  # pairs whose scores tell where to draw the line
_JUDGE_SEED = 1_000_000  # none of those that are compared
_IOU = "iou_"
# Of a config's data: what labels mean.
_MEANING = ("num_labels", "dont_care", "palette", "instances")


@dataclasses.dataclass(frozen=True)
class Options:
  """What is compared.

  Attributes:
    fraction: of the real training pairs that are used, 0 < fraction <= 1.
    ratios: shares of synthetic pairs in training, 0 <= ratio < 1, with 0.
    seeds: how many runs each ratio has.
    steps: of each segmenter.
    subset_seed: which real pairs are drawn.
    all_real: whether to train with all real pairs as well, which shows what
      there is to be gained.
    gan_steps: of the generator, where none is given.
    num_pairs: that are generated; the filter keeps fewer.
    tau: pairs are kept from this mean IoU on that the filter gives them; None:
      from the median of the first 100 on, so that about half are kept.
    keep_networks: whether to keep the compared segmenters' checkpoints.
  """

  fraction: float = 0.1
  ratios: tuple[float, ...] = (0.0, 0.2, 0.3, 0.5)
  seeds: int = 3
  steps: int = 600
  subset_seed: int = 0
  all_real: bool = True
  gan_steps: int = 1200
  num_pairs: int = 500
  tau: float | None = None
  keep_networks: bool = False

  def __post_init__(self):
    """Refuses what cannot be compared."""
    if not 0 < self.fraction <= 1:
      raise ValueError(
        f"fraction is {self.fraction}; expected more than 0 and at most 1"
      )
    wrong = [ratio for ratio in self.ratios if not 0 <= ratio < 1]
    if wrong or 0 not in self.ratios:
      raise ValueError(
        f"ratios are {self.ratios}; expected shares of 0 or more and less than "
        "1, and 0 among them, which the others are compared with"
      )
    if len(set(self.ratios)) < len(self.ratios):
      raise ValueError(f"ratios are {self.ratios}; name each once")
    for name in ("seeds", "steps", "gan_steps", "num_pairs"):
      if getattr(self, name) < 1:
        raise ValueError(f"{name} is {getattr(self, name)}; expected 1 or more")
    if self.tau is not None and not 0 <= self.tau <= 1:
      raise ValueError(f"tau is {self.tau}; a mean IoU is 0 to 1")
    if self.subset_seed < 0:
      raise ValueError(f"subset_seed is {self.subset_seed}; expected 0 or more")


def measure(
  config: ml_collections.ConfigDict,
  gan_config: ml_collections.ConfigDict,
  options: Options,
  output: str | os.PathLike,
  synthetic: Sequence[str | os.PathLike] = (),
  made: pairs.Options | None = None,
) -> str:
  """Trains what is compared, and writes what came out.

  Killed and started again it goes on; what is done is not done again. More
  seeds and ratios may be asked for later.

  Args:
    config: of the segmenters (configs/segmenter.py), with the real data.
    gan_config: of the generator (configs/geoseg.py); its data are replaced.
    options: see there.
    output: folder to write to: `gain.md`, `gain.json`, and below it the real
      pairs that were drawn, the generator, its pairs, and all runs.
    synthetic: folders of pairs that were generated before; (): a generator is
      trained and makes some. That nothing but the fraction was learned from
      is then for the caller to see to.
    made: which masks are drawn and how they are changed; how many pairs, their
      generator and filter are told by the rest. None: the defaults.

  Returns:
    The text of `gain.md`.

  Raises:
    ValueError: something in the configs, the data or the folder cannot be
      used.
    InterruptedError: training was asked to stop; what is done is kept.
  """
  output = pathlib.Path(output)
  made = made or pairs.Options()
  _check(config, gan_config)
  described = _described(config, gan_config, options, synthetic, made)
  record.check(output / _RECORD, described, [RUNS])
  subset = subsets.write(
    config.data, options.fraction, options.subset_seed, output / REAL
  )
  folders = [os.fspath(folder) for folder in synthetic]
  about = _about(config, options, subset)
  if folders:
    about.append(f"Synthetic pairs: {', '.join(folders)}.")
  elif any(options.ratios):
    folders = [os.fspath(output / PAIRS)]
    about.append(make_pairs(config, gan_config, options, output, made))
  runs = []
  planned = list(_planned(options))
  for number, (seed, ratio) in enumerate(planned, 1):
    workdir = output / RUNS / f"{ratio}_seed_{seed}".replace(" ", "_")
    logging.info("run %d of %d: %s", number, len(planned), workdir.name)
    chosen = _run_config(config, options, output / REAL, seed, ratio, folders)
    scores = _train(chosen, workdir, options.keep_networks)
    runs.append({"ratio": ratio, "seed": seed, **_scores(scores)})
    text = _write(output, runs, about, options)
  return text


def _check(config, gan_config):
  """Refuses configs of other things than segmenters and generators."""
  if config.system != "segmentation":
    raise ValueError(
      f"system is {config.system!r} in the segmenters' config; expected one "
      "such as configs/segmenter.py"
    )
  if gan_config.system != "label_to_image":
    raise ValueError(
      f"system is {gan_config.system!r} in the generator's config; expected "
      "one such as configs/geoseg.py"
    )


def _described(config, gan_config, options, synthetic, made):
  """What all runs of a folder have in common, in JSON's values."""
  shared = dataclasses.asdict(options)
  for name in ("ratios", "seeds", "all_real", "keep_networks"):
    del shared[name]  # There may be more later.
  described = {
    **shared,
    "synthetic": [os.fspath(folder) for folder in synthetic],
    **config_lib.flatten(
      {"segmenter": config, "gan": gan_config, "made": made.to_dict()}
    ),
  }
  return json.loads(json.dumps(described))


def _planned(options: Options) -> Iterator[tuple[int, Any]]:
  """Seeds and ratios; whole seeds first, so that few tell something soon."""
  for seed in range(options.seeds):
    for ratio in sorted(options.ratios):
      yield seed, float(ratio)
    if options.all_real:
      yield seed, ALL_REAL


def make_pairs(
  config: ml_collections.ConfigDict,
  gan_config: ml_collections.ConfigDict,
  options: Options,
  output: pathlib.Path,
  made: pairs.Options,
) -> str:
  """Trains generator and filter on the real pairs drawn, and makes pairs.

  Args:
    config: of the segmenters.
    gan_config: of the generator.
    options: see there.
    output: has the real pairs, and gets the rest.
    made: how masks are drawn and changed.

  Returns:
    What was done, in words.

  Raises:
    ValueError: the filter has kept no pair.
  """
  generator = _on_subset(gan_config, config, output / REAL)
  generator.best_metric = ""
  generator.evaluate.every = 0
  _train(
    _with_steps(generator, options.gan_steps), output / GAN, measured=False
  )
  judge = _run_config(config, options, output / REAL, _JUDGE_SEED, 0.0, ())
  found = _scores(_train(judge, output / JUDGE, keep=True))
  tau, kind = options.tau, "given"
  if tau is None:
    trial = min(_TRIED, options.num_pairs)
    scores = _generate(output, TRIAL, made, trial, 0.0)["iou"].values()
    tau, kind = float(np.median(list(scores))), f"the median of {trial}"
  done = _generate(output, PAIRS, made, options.num_pairs, tau)
  if not done["kept"]:
    raise ValueError(
      f"the filter has kept none of {done['generated']} pairs with a mean IoU "
      f"of {tau:.3f} or more; the best has {max(done['iou'].values()):.3f}. "
      "Ask for a lower tau in another output folder"
    )
  return (
    f"Synthetic pairs: a generator ({gan_config.generator.name}, "
    f"{gan_config.generator.features} features, {options.gan_steps} steps) has "
    f"made {done['generated']} of changed real masks; a segmenter (mean IoU "
    f"{found['mean_iou']:.3f} on the validation pairs) has kept "
    f"{done['kept']}, with a mean IoU of {tau:.3f} ({kind}) or more. Both "
    "learned from the same real pairs as all else. Shares of pixels in real "
    f"masks, generated ones and those kept: {_class_shares(output / PAIRS)}."
  )


def _class_shares(folder):
  """What a filter does to rare classes can be seen in them."""
  classes = json.loads((folder / pair_folder.CLASSES).read_text())
  parts = []
  for one in classes:
    shares = " ".join(
      f"{one[kind]:.1%}"
      for kind in ("training_share", "generated_share", "kept_share")
    )
    parts.append(f"{one['name'] or one['label']} {shares}")
  return "; ".join(parts)


def _generate(output, name, made, number, tau):
  """Makes pairs in a folder of that name; returns what the filter has done."""
  options = dataclasses.replace(
    made,
    pairs=number,
    generator=dataclasses.replace(
      made.generator, weights=os.fspath(output / GAN)
    ),
    filter=dataclasses.replace(
      made.filter, segmenter=os.fspath(output / JUDGE), tau=tau
    ),
    output=dataclasses.replace(made.output, picture="png"),
  )
  result = pairs.generate(options, output / name)
  logging.info("%s", pairs.report(result, output / name))
  if result.problems:
    raise ValueError(f"not all pairs could be made: {result.problems[0]}")
  return json.loads((output / name / pair_folder.FILTER).read_text())


def _on_subset(config, real, folder):
  """A config with the real pairs drawn as its data, resized its own way."""
  config = ml_collections.ConfigDict(config.to_dict())
  for name in _MEANING:
    config.data[name] = real.data.get(name, config.data.get(name))
  config.data.source = "geoseg"
  config.data.root = os.fspath(folder)
  return config


def _run_config(config, options, folder, seed, ratio, synthetic):
  """The config of one of the segmenters."""
  if ratio == ALL_REAL:
    config = ml_collections.ConfigDict(config.to_dict())
  else:
    config = _on_subset(config, config, folder)
    config.data.synthetic = ",".join(synthetic) if ratio else ""
    config.data.synthetic_share = ratio
  config.seed = seed
  # The last checkpoint counts: to choose one by the validation pairs would
  # measure the choice, too.
  config.best_metric = ""
  config.evaluate.every = 0
  return _with_steps(config, options.steps)


def _with_steps(config, steps):
  """A config that trains so many steps, whatever is in an epoch.

  The learning rate stays and falls for the same parts of them as before.
  """
  items = len(data.create(config.data, "train"))
  epochs = -(-steps // -(-items // config.batch_size))
  optimizer = config.optimizer
  falling = optimizer.num_epochs_decay
  falling /= max(1, optimizer.num_epochs + optimizer.num_epochs_decay)
  optimizer.num_epochs_decay = round(falling * epochs)
  optimizer.num_epochs = epochs - optimizer.num_epochs_decay
  config.max_steps = steps
  config.sample_every = steps
  config.checkpoint_every = min(steps, config.checkpoint_every)
  return config


def _train(config, workdir, keep=True, measured=True):
  """Trains to the end, and measures once; returns the scores."""
  path = workdir / _SCORES
  if path.exists():
    return json.loads(path.read_text())
  train.train(config, workdir)
  step, _ = weights.load_state(workdir)
  if step < config.max_steps:
    raise InterruptedError(
      f"{workdir} was stopped after {step} of {config.max_steps} steps; the "
      "same command goes on"
    )
  scores = evaluate.evaluate(config, workdir) if measured else {"step": step}
  record.write(path, scores)
  if not keep:
    shutil.rmtree(workdir / checkpoints.FOLDER)
  return scores


def _scores(scores):
  """The scores of a run by class; those of absent classes are missing."""
  return {
    "mean_iou": scores["mean_iou"],
    "iou": {
      name.removeprefix(_IOU): value
      for name, value in scores.items()
      if name.startswith(_IOU)
    },
  }


def _about(config, options, subset):
  return [
    f"Real pairs: {subset['pairs']} of {subset['of']} "
    f"({options.fraction:.0%}, subset {options.subset_seed}), source "
    f"`{config.data.source}`; {subset['validation']} validation pairs. Each "
    f"segmenter ({config.segmenter.name}, {config.segmenter.features} "
    f"features) is trained for {options.steps} steps of {config.batch_size} "
    "pictures.",
  ]


def _write(output, runs, about, options):
  """Writes what is known so far; returns the text."""
  rows = gain_report.summarise(runs)
  text = gain_report.text(rows, about)
  numbers = {
    "options": dataclasses.asdict(options),
    "about": about,
    "runs": runs,
    "summary": rows,
  }
  files.write_whole(
    output / NUMBERS, (json.dumps(numbers, indent=2) + "\n").encode()
  )
  files.write_whole(output / TABLE, text.encode())
  return text
