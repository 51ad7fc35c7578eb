import jax
import pytest

from gansynth.run_scores.host_items import own_batches, own_items


@pytest.fixture
def as_host(monkeypatch):
  def become(index, count):
    monkeypatch.setattr(jax, "process_index", lambda: index)
    monkeypatch.setattr(jax, "process_count", lambda: count)

  return become


@pytest.mark.parametrize(("count", "max_items"), [(1, 0), (2, 0), (3, 5)])
def test_every_item_is_on_one_host_and_in_order(as_host, count, max_items):
  seen = []
  for index in range(count):
    as_host(index, count)
    mine = list(own_items(range(7), max_items))
    assert mine == list(range(index, max_items or 7, count))
    seen += mine
  assert sorted(seen) == list(range(max_items or 7))


def test_the_last_batch_may_be_shorter(as_host):
  as_host(1, 2)
  assert list(own_batches(range(11), 2)) == [[1, 3], [5, 7], [9]]
