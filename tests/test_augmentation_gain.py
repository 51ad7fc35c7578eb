"""The experiment: what learns from which pairs, and that it goes on."""

import json
import types

import jax
import numpy as np
import pytest
import tiny

from gansynth import augmentation_gain, images, pairs
from gansynth import config as config_lib
from gansynth.augmentation_gain import ALL_REAL, Options
from gansynth.data import labels, procedural
from gansynth.synthesis import record
from gansynth.synthesis.run_report import Result

SIZE = 32


def configs(root=None, **changes):
  """Those of a segmenter and a generator, tiny."""
  small = {"data__height": SIZE, "data__width": SIZE, "batch_size": 4}
  small |= {"data__num_train": 10, "data__num_test": 3, **changes}
  variant = ""
  if root:
    variant, small = "folders", {"data__root": str(root), "batch_size": 4}
    small |= {"data__load_size": SIZE, "data__crop_size": SIZE}
  return (
    tiny.changed(
      config_lib.load(f"{tiny.ROOT}/configs/segmenter.py:{variant}"),
      segmenter__features=2,
      segmenter__num_levels=1,
      **small,
    ),
    tiny.changed(
      config_lib.load(f"{tiny.ROOT}/configs/geoseg.py:{variant}"),
      **{"generator__features": 2, "discriminator__features": 2, **small},
    ),
  )


def write_pair(folder, stem, label):
  mask = np.full((SIZE, SIZE), label, np.uint8)
  images.write(folder / "masks" / f"{stem}.png", mask)
  images.write(folder / "images" / f"{stem}.png", np.dstack([mask] * 3))


@pytest.fixture
def trained(monkeypatch):
  """Records what would be trained, and scores it by its seed and ratio."""
  runs = {}
  stopped = types.SimpleNamespace(at=None)

  def train(config, workdir):
    config_lib.record(config, workdir)
    checkpoint = workdir / "checkpoints" / "1"
    checkpoint.parent.mkdir(exist_ok=True)
    checkpoint.touch()
    runs[workdir.name] = config

  def evaluate(config, workdir):
    share = config.data.synthetic_share if config.data.synthetic else 0.0
    score = 0.1 * config.seed + share / 4
    return {"mean_iou": score, "pixel_accuracy": 1.0, "iou_water": 0.5}

  def generate(options, output):
    runs[output.name] = options
    scores = {f"pair_{i:05d}": i / 10 for i in range(options.pairs)}
    kept = [name for name in scores if scores[name] >= options.filter.tau]
    for name in kept:
      write_pair(output, name, 1)
    made = {"generated": options.pairs, "kept": len(kept), "iou": scores}
    record.write(output / "filter.json", made)
    shares = {"training_share": 0.5, "generated_share": 0.25, "kept_share": 0.1}
    classes = [{"label": 0, "name": "Water", **shares}]
    (output / "classes.json").write_text(json.dumps(classes))
    return Result(len(kept), 0, [], 0, [])

  def load_state(workdir):
    return stopped.at or config_lib.load_record(workdir).max_steps, None

  monkeypatch.setattr(augmentation_gain.train, "train", train)
  monkeypatch.setattr(augmentation_gain.evaluate, "evaluate", evaluate)
  monkeypatch.setattr(augmentation_gain.weights, "load_state", load_state)
  monkeypatch.setattr(augmentation_gain.pairs, "generate", generate)
  monkeypatch.setattr(
    augmentation_gain.pairs, "report", lambda result, output: "2 pairs"
  )
  return types.SimpleNamespace(runs=runs, stopped=stopped)


FEW = {
  "fraction": 0.4,
  "ratios": (0.5, 0.0),
  "seeds": 2,
  "steps": 30,
  "num_pairs": 5,
}


def test_nothing_but_the_fraction_is_learned_from(trained, tmp_path):
  made = pairs.Options.from_dict({"changes": {"paste": 0.25}})
  text = augmentation_gain.measure(
    *configs(), Options(**FEW), tmp_path, made=made
  )
  runs = trained.runs
  assert list(runs) == [
    "gan", "judge", "trial", "pairs",
    "0.0_seed_0", "0.5_seed_0", "all_real_seed_0",
    "0.0_seed_1", "0.5_seed_1", "all_real_seed_1",
  ]  # fmt: skip
  subset = json.loads((tmp_path / "real" / "subset.json").read_text())
  assert (subset["pairs"], subset["of"], subset["validation"]) == (4, 10, 3)
  source = labels.create(configs()[0].data, "train").source
  numbers = [int(name.removeprefix("land_")) for name in subset["names"]]
  for name in ("gan", "judge", "0.0_seed_1", "0.5_seed_0"):
    data = runs[name].data
    assert (data.source, data.root) == ("geoseg", str(tmp_path / "real"))
  dataset = labels.create(runs["0.0_seed_0"].data, "train")
  assert len(dataset) == 4
  for item, number in zip(
    (dataset.source[i] for i in range(4)), numbers, strict=True
  ):
    np.testing.assert_array_equal(item["image"], source[number]["image"])
    np.testing.assert_array_equal(item["label"], source[number]["label"])
  assert len(labels.create(runs["gan"].data, "test")) == 3
  assert len(labels.create(runs["all_real_seed_0"].data, "train")) == 10
  mixed = labels.create(runs["0.5_seed_1"].data, "train").source
  assert (mixed.num_real, mixed.num_synthetic) == (4, 4)
  made = runs["pairs"]
  assert made.changes.paste == 0.25
  assert made.generator.weights == str(tmp_path / "gan")
  assert made.filter.segmenter == str(tmp_path / "judge")
  assert made.masks.path == ""  # those that the generator was trained with
  assert "4 of 10 (40%, subset 0)" in text
  # Of the scores 0 to 0.4.
  assert "those kept: Water 50.0% 25.0% 10.0%." in text
  assert "has kept 3, with a mean IoU of 0.200 (the median of 5)" in text


def test_runs_differ_in_nothing_but_ratio_and_seed(trained, tmp_path):
  augmentation_gain.measure(*configs(), Options(**FEW), tmp_path)
  found = {
    name: config_lib.flatten(config)
    for name, config in trained.runs.items()
    if "seed" in name or name == "judge"
  }
  first = found["0.0_seed_0"]
  differing = {
    name: {key for key in first if config[key] != first[key]}
    for name, config in found.items()
  }
  epochs = {"optimizer.num_epochs", "optimizer.num_epochs_decay"}
  mixing = {"data.synthetic", "data.synthetic_share"}
  assert differing["0.0_seed_1"] == differing["judge"] == {"seed"}
  assert differing["0.5_seed_0"] == mixing | epochs
  for config in found.values():
    assert config["max_steps"] == 30
    # No choice by the validation pairs.
    assert (config["best_metric"], config["evaluate.every"]) == ("", 0)
  assert len({config["seed"] for config in found.values()}) == 3
  # 30 steps are 30 epochs of 4 pairs, 15 of 8.
  assert first["optimizer.num_epochs"] == 12
  assert first["optimizer.num_epochs_decay"] == 18
  assert found["0.5_seed_0"]["optimizer.num_epochs"] == 6
  assert found["0.5_seed_0"]["optimizer.num_epochs_decay"] == 9


def test_it_goes_on_and_more_can_be_asked_for(trained, tmp_path):
  trained.stopped.at = 12
  with pytest.raises(InterruptedError, match="after 12 of 1200 steps"):
    augmentation_gain.measure(*configs(), Options(**FEW), tmp_path)
  trained.stopped.at = None
  augmentation_gain.measure(*configs(), Options(**FEW), tmp_path)
  trained.runs.clear()
  more = {**FEW, "seeds": 3, "ratios": (0.0, 0.2, 0.5), "all_real": False}
  text = augmentation_gain.measure(*configs(), Options(**more), tmp_path)
  assert list(trained.runs) == [
    "trial", "pairs", "0.2_seed_0", "0.2_seed_1", "0.0_seed_2", "0.2_seed_2",
    "0.5_seed_2",
  ]  # fmt: skip
  assert text == (tmp_path / "gain.md").read_text()
  numbers = json.loads((tmp_path / "gain.json").read_text())
  assert len(numbers["runs"]) == 9
  half = numbers["summary"][2]
  assert (half["ratio"], half["seeds"]) == (0.5, [0, 1, 2])
  np.testing.assert_allclose(half["gain"]["mean"], 0.125)
  assert not list(tmp_path.glob("runs/*/checkpoints"))
  assert (tmp_path / "gan" / "checkpoints").exists()


def test_another_experiment_is_refused(trained, tmp_path):
  few = Options(**FEW)
  augmentation_gain.measure(*configs(), few, tmp_path)
  for settings, options in (
    (configs(), Options(**{**FEW, "steps": 31})),
    (configs(batch_size=2), few),
  ):
    with pytest.raises(ValueError, match="choose another output folder"):
      augmentation_gain.measure(*settings, options, tmp_path)
  turned = pairs.Options.from_dict({"changes": {"rotation": 180}})
  with pytest.raises(ValueError, match=r"made.changes.rotation 0.0, now"):
    augmentation_gain.measure(*configs(), few, tmp_path, made=turned)


def test_a_filter_that_keeps_nothing_is_an_error(trained, tmp_path):
  with pytest.raises(ValueError, match=r"none of 5 pairs .* best has 0\.400"):
    augmentation_gain.measure(*configs(), Options(**FEW, tau=0.6), tmp_path)
  assert "trial" not in trained.runs


def test_pairs_that_are_there_already_are_taken(trained, tmp_path):
  for number in range(3):
    write_pair(tmp_path / "made", f"{number}", 2)
  options = Options(**{**FEW, "all_real": False, "seeds": 1})
  text = augmentation_gain.measure(
    *configs(), options, tmp_path / "gain", [tmp_path / "made"]
  )
  assert list(trained.runs) == ["0.0_seed_0", "0.5_seed_0"]
  assert len(labels.create(trained.runs["0.5_seed_0"].data, "train")) == 8
  assert f"Synthetic pairs: {tmp_path / 'made'}" in text


def test_real_pairs_in_folders(trained, tmp_path):
  scenes = procedural.LandCoverScenes(seed=0, size=(40, 48))
  for split, numbers in (("train", range(5)), ("val", range(5, 7))):
    for i in numbers:
      scene = scenes.render(i)
      folder = tmp_path / "land" / split
      images.write(folder / "images" / f"{i}.png", scene["image"])
      images.write(folder / "masks" / f"{i}.png", scene["label"])
  options = Options(**{**FEW, "ratios": (0.0,), "seeds": 1})
  augmentation_gain.measure(
    *configs(tmp_path / "land"), options, tmp_path / "gain"
  )
  # Without a ratio nothing is generated.
  assert list(trained.runs) == ["0.0_seed_0", "all_real_seed_0"]
  few, everything = (
    labels.create(trained.runs[f"{name}_seed_0"].data, "test")
    for name in ("0.0", "all_real")
  )
  assert len(few) == len(everything) == 2
  np.testing.assert_array_equal(few[1]["label"], everything[1]["label"])
  np.testing.assert_array_equal(few[1]["image"], everything[1]["image"])
  (tmp_path / "land" / "val").rename(tmp_path / "away")
  with pytest.raises(ValueError, match="no validation pairs apart"):
    augmentation_gain.measure(
      *configs(tmp_path / "land"), options, tmp_path / "other"
    )


@pytest.mark.parametrize(
  ("values", "message"),
  [
    ({"fraction": 0.0}, "more than 0"),
    ({"fraction": 1.1}, "at most 1"),
    ({"ratios": (0.2, 0.5)}, "0 among them"),
    ({"ratios": (0.0, 1.0)}, "less than 1"),
    ({"ratios": (0.0, 0.2, 0.2)}, "name each once"),
    ({"seeds": 0}, "seeds is 0"),
    ({"tau": 1.5}, "tau is 1.5"),
  ],
)
def test_what_cannot_be_compared_is_refused(values, message):
  with pytest.raises(ValueError, match=message):
    Options(**values)


def test_too_small_a_fraction_and_wrong_configs_are_refused(tmp_path):
  segmenter, gan = configs()
  with pytest.raises(ValueError, match="of 10 real pairs is none"):
    augmentation_gain.measure(segmenter, gan, Options(0.01), tmp_path / "a")
  with pytest.raises(ValueError, match="segmenters' config"):
    augmentation_gain.measure(gan, gan, Options(), tmp_path / "b")
  with pytest.raises(ValueError, match="generator's config"):
    augmentation_gain.measure(segmenter, segmenter, Options(), tmp_path / "c")


@pytest.mark.slow
def test_a_segmenter_really_learns_from_both(tmp_path):
  for number in range(3):
    write_pair(tmp_path / "made", f"{number}", 2)
  options = Options(0.4, (0.0, 0.5), seeds=1, steps=2, all_real=False)
  jax.config.update("jax_disable_most_optimizations", True)
  try:
    text = augmentation_gain.measure(
      *configs(), options, tmp_path / "gain", [tmp_path / "made"]
    )
  finally:
    jax.config.update("jax_disable_most_optimizations", False)
  assert text.count("\n| 50%") == 2
  assert ALL_REAL not in text
  scores = json.loads(
    (tmp_path / "gain" / "runs" / "0.5_seed_0" / "scores.json").read_text()
  )
  assert 0 <= scores["mean_iou"] <= 1
