"""Metrics of what a run makes, against the same metrics called by hand."""

import types
from typing import ClassVar

import numpy as np
import pytest
import tiny
import tiny_label_runs as label_runs
import tiny_labels

from gansynth import config as config_lib
from gansynth import published, systems
from gansynth.evaluation import pixels
from gansynth.metrics import picture_metrics
from gansynth.metrics.feature_extractor import Features
from gansynth.run_scores import run_metrics
from gansynth.run_scores.made_pictures import MadePictures
from gansynth.run_scores.translation_scores import TranslationScores

SIZE = (32, 36)
DIMS = 64


def noise(seed):
  rng = np.random.default_rng(seed)
  return rng.integers(256, size=(*SIZE, 3), dtype=np.uint8)


class Pictures:
  """Pictures of noise; the side A has fewer, unless they are pairs."""

  side_sizes = (4, 6)

  def __init__(self, paired=False):
    self.paired = paired
    if paired:
      self.side_sizes = (6, 6)

  def __len__(self):
    return 6

  def __getitem__(self, index):
    a = index % self.side_sizes[0]
    return {
      "image_a": noise(a),
      "image_b": noise(100 + index),
      "name": f"{a}.png",
      "name_a": f"{a}.png",
      "name_b": f"{index}.png",
    }


class Keep:
  """Translates nothing."""

  def translate(self, pictures):
    return list(pictures)


KEEP = {"AtoB": Keep(), "BtoA": Keep()}


def make(data, metrics, folder=None, **changes):
  """What measures the metrics, and what was made."""
  config = tiny.config(
    evaluate__metrics=metrics,
    evaluate__dims=DIMS,
    evaluate__random_features=True,
    **changes,
  )
  scores = TranslationScores(KEEP, data)
  found = run_metrics.create(
    config, systems.create(config, 1), scores, data, folder
  )
  made = MadePictures({name: scores.counts(name)[0] for name in KEEP})
  scores.measure(KEEP, made)
  return found, made


def test_pairs_are_those_of_the_test_set():
  data = Pictures(paired=True)
  metrics, made = make(data, "psnr, ssim")
  assert metrics.names == ["psnr_AtoB", "ssim_AtoB", "psnr_BtoA", "ssim_BtoA"]
  found = metrics.measure(made, KEEP)
  # Out of [-1, 1] and back into bytes, which cuts fractions off.
  expected = {
    f"AtoB/{i}.png": pixels.psnr(made["AtoB"][i].picture, noise(100 + i))
    for i in range(6)
  }
  assert found.per_picture["psnr_AtoB"] == pytest.approx(expected)
  assert found.scores["psnr_AtoB"] == pytest.approx(
    pixels.mean_psnr(list(expected.values()))
  )
  assert set(found.scores) == set(metrics.names)
  assert metrics.networks == {}


class Means:
  """Means of parts of pictures, in place of Inception's features."""

  computed: ClassVar = []  # numbers of pictures

  def __init__(self, network, variables, made_by, *, dims, resize, batch_size):
    assert network is variables is None
    del batch_size
    self.dims = dims
    self.made_by = {**made_by, "dims": dims, "resize": resize}

  def features(self, pictures, names=(), *, split_hosts=True, progress=None):
    self.computed.append(len(pictures))
    values = [picture.reshape(DIMS, -1).mean(1) for picture in pictures]
    numbers = [str(number) for number in range(len(pictures))]
    names = tuple(names or getattr(pictures, "names", numbers))
    return Features(
      np.stack(values).astype(np.float32), names, len(values), self.made_by
    )


def test_features_are_of_each_picture_once(tmp_path, monkeypatch):
  monkeypatch.setattr(picture_metrics, "FeatureExtractor", Means)
  monkeypatch.setattr(
    published,
    "load",
    lambda name, *_: (None, None, {"network": name, "weights": "random"}),
  )
  data = Pictures()
  metrics, made = make(data, "fid,kid", tmp_path)
  prefix = "random_features_"
  assert metrics.names == [
    f"{prefix}{name}_{direction}"
    for direction in ("AtoB", "BtoA")
    for name in ("fid", "kid", "kid_std")
  ]
  found = metrics.measure(made, KEEP)
  alone = picture_metrics.PictureMetrics("fid", random_features=True, dims=DIMS)
  sides = {
    "A": [each.picture for each in made["AtoB"]],
    "B": [each.picture for each in made["BtoA"]],
  }
  assert [len(side) for side in sides.values()] == [4, 6]
  reals = {
    "A": [noise(i) for i in range(4)],
    "B": [noise(100 + i) for i in range(6)],
  }
  for direction in ("AtoB", "BtoA"):
    expected = alone.compare(
      alone.reference(reals[direction[-1]]), sides[direction[0]]
    ).scores[f"{prefix}fid"]
    assert found.scores[f"{prefix}fid_{direction}"] == pytest.approx(
      expected, rel=1e-6
    )
    realism = found.per_picture[f"{prefix}realism_{direction}"]
    assert list(realism) == [each.name for each in made[direction]]
  assert any("RANDOM FEATURES" in note for note in found.notes)
  assert metrics.networks == {"fid_inception": "random"}

  # Those of the true pictures are not computed again, now or later, unless
  # the data is another.
  def computed(metrics):
    Means.computed = []
    assert metrics.measure(made, KEEP).scores == found.scores
    return Means.computed

  assert computed(metrics) == [4, 6]
  again, _ = make(Pictures(), "fid,kid", tmp_path)
  assert computed(again) == [4, 6]
  other, _ = make(Pictures(), "fid,kid", tmp_path, data__crop_size=18)
  assert computed(other) == [6, 4, 4, 6]


def refuse(config, data=None, match=""):
  system = systems.create(config, 1)
  scores = types.SimpleNamespace(
    directions=tuple(system.generators()),
    paired=getattr(data, "paired", True),
    counts=lambda direction: (5, 5),
  )
  with pytest.raises(ValueError, match=match):
    run_metrics.create(config, system, scores, data)


def test_what_cannot_be_measured_is_refused():
  unpaired = Pictures()
  refuse(
    tiny.config(evaluate__metrics="fid,lpips,ssim"),
    unpaired,
    r"lpips, ssim of evaluate\.metrics .* no pairs; choose among fid, kid",
  )
  refuse(
    tiny.config(evaluate__metrics="diversity"),
    Pictures(paired=True),
    "one picture of each; leave it out",
  )
  refuse(tiny.config(evaluate__metrics="fit"), unpaired, "fit: no such metric")
  refuse(
    tiny.config(evaluate__segmenter="networks/drn_d_22"),
    unpaired,
    r"evaluate\.segmenter is 'networks/drn_d_22', .* cyclegan makes none",
  )
  refuse(
    tiny.config(evaluate__metrics="fid,recall", evaluate__random_features=True),
    unpaired,
    "test pictures: found 5 pictures, too few for recall: at least 6",
  )
  segmenter = config_lib.load(f"{tiny.ROOT}/configs/segmenter.py")
  refuse(
    tiny.changed(segmenter, evaluate__metrics="fid"),
    None,
    "a segmenter makes none",
  )


def test_missing_weights_are_told_with_commands(tmp_path):
  changes = {"evaluate__networks": str(tmp_path), "evaluate__metrics": "kid"}
  refuse(
    tiny.config(**changes),
    Pictures(),
    r"(?s)curl -LO http.*tools/convert_checkpoint\.py pt_inception.*--output "
    rf"{tmp_path}/fid_inception.*evaluate\.random_features=True",
  )


def test_old_configs_have_no_such_settings():
  config = tiny.config()
  for name in list(config.evaluate):
    if name not in ("every", "max_items", "batch_size", "step"):
      del config.evaluate[name]
  scores = TranslationScores(KEEP, Pictures())
  system = systems.create(config, 1)
  assert run_metrics.create(config, system, scores, Pictures()) is None
  config.evaluate.metrics = "psnr"
  scores = TranslationScores(KEEP, Pictures(paired=True))
  found = run_metrics.create(config, system, scores, Pictures(paired=True))
  assert found.names == ["psnr_AtoB", "psnr_BtoA"]


class Styles:
  """Makes pictures of label maps in several styles."""

  batch_size = 2
  conditioning = types.SimpleNamespace(features="none")

  def __init__(self):
    self.calls = []

  def __call__(self, labels, instances, pictures, number=None):
    self.calls.append((len(labels), number))
    return [np.stack([noise(k) for k in range(number)]) for _ in labels]


def test_diversity_is_of_several_pictures_of_an_input():
  class Labels:
    paired = True

    def __len__(self):
      return 3

    def __getitem__(self, index):
      label = np.zeros(SIZE, np.uint8)
      return {"label": label, "image": noise(index), "name": str(index)}

  config = label_runs.config(
    evaluate__metrics="diversity", evaluate__random_features=True
  )
  system = types.SimpleNamespace(
    generators=lambda: {systems.LABELS: None},
    generator=tiny_labels.StyleGenerator(),
  )
  scores = types.SimpleNamespace(
    directions=("",), paired=True, counts=lambda direction: (3, 3)
  )
  metrics = run_metrics.create(config, system, scores, Labels())
  styles = Styles()
  makers = types.SimpleNamespace(translate=styles)
  found = metrics.measure(MadePictures({"": 3}), makers)
  assert styles.calls == [(2, 4), (1, 4)]
  assert list(found.scores) == ["random_features_diversity"]
  assert found.scores["random_features_diversity"] > 0
