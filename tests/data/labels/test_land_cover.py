import pickle
import types

import numpy as np
import pytest

from gansynth.data.labels import land_cover


def test_defaults():
  source = land_cover.create(types.SimpleNamespace(), "train")
  assert len(source) == 400
  assert len(land_cover.create(types.SimpleNamespace(), "test")) == 100
  item = source[12]
  assert set(item) == {"image", "label", "name"}
  assert item["image"].shape == (64, 64, 3)
  assert item["label"].shape == (64, 64)
  assert item["label"].max() < land_cover.NUM_LABELS
  assert item["name"] == "land_000012"


def test_test_scenes_are_not_training_ones():
  config = types.SimpleNamespace(
    seed=3, height=32, width=48, num_train=5, num_test=4
  )
  train, test = (land_cover.create(config, s) for s in ("train", "test"))
  assert (len(train), len(test)) == (5, 4)
  names = [item["name"] for items in (train, test) for item in items]
  assert len(set(names)) == 9
  pictures = [item["image"] for items in (train, test) for item in items]
  assert len({picture.tobytes() for picture in pictures}) == 9
  assert pictures[0].shape == (32, 48, 3)


def test_a_worker_draws_the_same_scenes():
  source = land_cover.create(types.SimpleNamespace(num_train=3), "train")
  first = source[2]
  other = pickle.loads(pickle.dumps(source))[2]
  np.testing.assert_array_equal(first["image"], other["image"])
  np.testing.assert_array_equal(first["label"], other["label"])


def test_no_scenes_are_refused():
  with pytest.raises(ValueError, match="num_train 0 and num_test 100"):
    land_cover.create(types.SimpleNamespace(num_train=0), "train")
