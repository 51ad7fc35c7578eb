"""This host's share of a test set, in order, each item on one host."""

import itertools
from collections.abc import Iterator
from typing import Any

import jax

from gansynth.data import pipeline


def own_items(test_set: Any, max_items: int = 0) -> Iterator[dict[str, Any]]:
  """Yields items as `pipeline.eval_items`; every host must ask for its own.

  Args:
    test_set: see `data.create`.
    max_items: of all hosts together, the first ones only; 0: all.
  """
  return pipeline.eval_items(
    test_set,
    max_items=max_items,
    host_index=jax.process_index(),
    host_count=jax.process_count(),
  )


def own_batches(
  test_set: Any, batch_size: int, max_items: int = 0
) -> Iterator[list[dict[str, Any]]]:
  """Yields `own_items` in lists of `batch_size`; the last may be shorter."""
  items = own_items(test_set, max_items)
  while batch := list(itertools.islice(items, batch_size)):
    yield batch
