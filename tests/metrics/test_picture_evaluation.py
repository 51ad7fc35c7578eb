"""Two sets of pictures to an evaluation: groups, and what is shown."""

import functools

import numpy as np
import pytest
import small_lpips
import tiny

from gansynth import images, published
from gansynth.metrics import picture_evaluation, picture_sets
from gansynth.metrics.perceptual_distance import PerceptualDistance
from gansynth.reports.evaluation_record import RANDOM_FEATURES

FAST = {"random_features": True, "dims": 64, "batch_size": 4}
load = functools.cache(published.load)


@pytest.fixture
def lpips(monkeypatch):
  network = small_lpips.create(monkeypatch)

  def choose(name, *options):
    if name == "fid_inception":
      return load(name, *options)
    made_by = {"network": name, "weights": published.RANDOM}
    return (*network, made_by)

  monkeypatch.setattr(published, "load", choose)
  return network


@pytest.mark.parametrize(
  ("names", "group_by"),
  [
    (("one/a.png", "one/b.png", "one/c.png", "two/a.png", "two/b.png"), ""),
    (("1_a.png", "1_b.png", "1_c.png", "2_a.png", "2_b.png"), r"^(\d+)_"),
    (("x1a.png", "x1b.png", "x1c.png", "x2a.png", "x2b.png"), "x."),
  ],
)
def test_pictures_of_one_input_are_grouped(tmp_path, lpips, names, group_by):
  tiny.write_pictures(tmp_path, dict.fromkeys(names, (12, 8)))
  found = picture_evaluation.evaluate(
    tmp_path, tmp_path, "diversity", group_by=group_by, **FAST
  )
  groups = [
    [images.read(tmp_path / name) for name in part]
    for part in (names[:3], names[3:])
  ]
  expected = PerceptualDistance(*lpips).diversity(groups)
  assert found.scores == {
    f"{RANDOM_FEATURES}diversity": pytest.approx(expected, rel=1e-5)
  }
  assert found.about["pictures"]["groups"] == 2


def pictures(count, seed=0):
  rng = np.random.default_rng(seed)
  patches = rng.integers(0, 256, (count, 4, 4, 3), np.uint8)
  return patches.repeat(4, 1).repeat(3, 2)


def test_each_picture_is_shown_beside_the_nearest_real_one(lpips):
  real = pictures(8)
  made = [real[5], real[2], *pictures(4, seed=1)]
  found = picture_evaluation.evaluate(real, made, "kid", shown=2, **FAST)
  realism = found.per_picture[f"{RANDOM_FEATURES}realism"]
  ranked = sorted(realism, key=realism.get)
  shown = {each.name: each for each in found.shown}
  assert set(shown) == {*ranked[:2], *ranked[-2:]}
  assert {"000000", "000001"} == set(ranked[-2:])  # copies are real
  for name, place in (("000000", 5), ("000001", 2)):
    for kind in ("generated", picture_evaluation.NEAREST):
      np.testing.assert_array_equal(shown[name].pictures[kind], real[place])
    assert shown[name].scores == {f"{RANDOM_FEATURES}realism": realism[name]}


def test_without_a_deviation_there_is_no_word_of_it(lpips):
  found = picture_evaluation.evaluate(
    pictures(6), pictures(6, 1), "kid", **FAST
  )
  kid = found.scores[f"{RANDOM_FEATURES}kid"]
  words = picture_evaluation.report(found)
  assert words == f"KID (random features):  {kid:.9g}"


def test_pairs_are_shown_beside_the_true_picture():
  real = picture_sets.of_arrays(pictures(4), "abcd", "real")
  made = picture_sets.of_arrays(pictures(3, seed=1), "dax", "made")
  found = picture_evaluation.evaluate(real, made, "psnr", shown=1)
  shown = {each.name: each.pictures for each in found.shown}
  assert set(shown) == {"d", "a"}
  np.testing.assert_array_equal(shown["d"]["generated"], made[0])
  np.testing.assert_array_equal(shown["d"]["real"], real[3])
  np.testing.assert_array_equal(shown["a"]["real"], real[0])
  assert found.about["pictures"]["pairs"] == 2
  assert len(found.notes) == 2  # what is left out on either side
  assert picture_evaluation.report(found).startswith("PSNR:  ")
