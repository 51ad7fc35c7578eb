import pickle
import threading

import numpy as np
import pytest

from gansynth.synthesis.cutouts import Annotation, Cutout
from gansynth.synthesis.recent import Recent


def counted(made, key, length=10):
  def make():
    made.append(key)
    return np.full(length, key, np.uint8)

  return make


def ask(recent, made, key, length=10):
  return recent.get(key, counted(made, key, length))


def test_the_longest_unused_goes_first():
  recent, made = Recent(20), []
  for key in (1, 2, 1, 3, 1, 2):
    assert (ask(recent, made, key) == key).all()
  # 2 was the one to go when 3 came.
  assert made == [1, 2, 3, 2]


def test_one_larger_than_all_is_kept_alone():
  recent, made = Recent(20), []
  for key in (1, 2, 2):
    ask(recent, made, key, length=50)
  assert made == [1, 2]


def test_errors_are_not_kept():
  recent = Recent(20)

  def fail():
    raise OSError("gone")

  with pytest.raises(OSError, match="gone"):
    recent.get("a", fail)
  made = []
  recent.get("a", lambda: made.append(1) or np.zeros(3))
  assert made == [1]


def test_values_are_read_only():
  value = ask(Recent(20), [], 1)
  with pytest.raises(ValueError, match="read-only"):
    value[0] = 2


def test_all_arrays_of_a_cutout_count_and_are_read_only():
  def cutout():
    return Cutout(
      "a",
      np.zeros((2, 2, 3), np.uint8),
      (
        Annotation(0, (0, 0, 1, 1), np.ones((2, 2), bool)),
        Annotation(0, (0, 0, 1, 1)),
      ),
      np.ones((2, 2), np.float32),
    )

  one = 12 + 4 + 16
  for limit, kept in ((2 * one, True), (2 * one - 1, False)):
    recent = Recent(limit)
    first = recent.get("a", cutout)
    recent.get("b", cutout)
    assert (recent.get("a", cutout) is first) == kept
  for array in (first.image, first.mask, first.annotations[0].mask):
    assert not array.flags.writeable


def test_a_copy_starts_empty():
  recent, made = Recent(20), []
  ask(recent, made, 1)
  copy = pickle.loads(pickle.dumps(recent))
  ask(copy, made, 1)
  assert made == [1, 1]
  assert copy.max_bytes == 20


def test_threads_may_share_it():
  recent, made, wrong = Recent(55), [], []

  def work(seed):
    rng = np.random.default_rng(seed)
    for key in rng.integers(0, 12, 200).tolist():
      if (ask(recent, made, key) != key).any():
        wrong.append(key)

  threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert not wrong
  assert len(made) > 12  # more than fit were asked for
