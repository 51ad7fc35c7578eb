"""The pool against a plain Python reimplementation, with the same draws."""

import jax
import numpy as np
import pytest

from gansynth.systems import image_pool


def reference(pool, size, pictures, uniforms, slots):
  """The published procedure, one picture after the other, on a list."""
  if size == 0:
    return list(pictures)
  answers = []
  for picture, uniform, slot in zip(pictures, uniforms, slots, strict=True):
    if len(pool) < size:
      pool.append(picture)
      answers.append(picture)
    elif uniform > 0.5:
      answers.append(pool[slot])
      pool[slot] = picture
    else:
      answers.append(picture)
  return answers


@pytest.mark.parametrize("size", [0, 1, 3, 7])
@pytest.mark.parametrize("batch", [1, 4])
def test_pool_equals_plain_python(size, batch):
  rng = np.random.default_rng(size * 10 + batch)
  pool, expected_pool = image_pool.create(size, (2, 2, 1)), []
  query = jax.jit(image_pool.query)
  swapped = 0
  for _ in range(30 // batch):
    pictures = rng.normal(size=(batch, 2, 2, 1)).astype(np.float32)
    uniforms = rng.random(batch).astype(np.float32)
    slots = rng.integers(max(size, 1), size=batch)
    expected = reference(expected_pool, size, pictures, uniforms, slots)
    pool, answers = query(pool, pictures, uniforms, slots)
    np.testing.assert_array_equal(answers, np.stack(expected))
    np.testing.assert_array_equal(
      pool.images[: len(expected_pool)],
      np.reshape(expected_pool, (-1, 2, 2, 1)),
    )
    swapped += int((np.asarray(answers) != pictures).any())
  assert int(pool.count) == len(expected_pool) == size
  assert (swapped > 0) == (size > 0)  # the draws reached the exchange


def test_uniform_of_one_half_returns_the_new_picture():
  pool = image_pool.create(1, (1, 1, 1))
  old, new = np.zeros((1, 1, 1, 1)), np.ones((1, 1, 1, 1))
  slots = np.zeros(1, np.int32)
  pool, _ = image_pool.query(pool, old, np.ones(1), slots)
  pool, answer = image_pool.query(pool, new, np.full(1, 0.5), slots)
  assert answer.item() == 1
  assert pool.images.item() == 0  # and it was not stored


def test_a_picture_can_come_back_in_its_own_batch():
  pool = image_pool.create(1, (1, 1, 1))
  pictures = np.arange(3, dtype=np.float32).reshape(3, 1, 1, 1)
  pool, answers = image_pool.query(
    pool, pictures, np.ones(3), np.zeros(3, np.int32)
  )
  assert answers.ravel().tolist() == [0, 0, 1]
  assert pool.images.item() == 2


def test_draws_are_in_range_and_spread():
  uniforms, slots = image_pool.draw(jax.random.PRNGKey(0), 5, 1000)
  assert 0 <= float(uniforms.min()) < 0.05
  assert 0.95 < float(uniforms.max()) < 1
  assert set(np.unique(slots)) == set(range(5))
  assert abs(np.corrcoef(uniforms, slots)[0, 1]) < 0.1
