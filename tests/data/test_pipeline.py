"""The rules of order, sharing and resuming, on data sets that name items."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from gansynth import images
from gansynth.data import pipeline


class Numbers:
  """Items that say which they are and what was drawn for them."""

  def __init__(self, count, bad=None):
    self.count = count
    self.bad = bad

  def __len__(self):
    return self.count

  def _check(self, index):
    if index == self.bad:
      raise images.ImageError(f"folder/{index}.png: is empty (0 bytes)")

  def sample(self, index, rng):
    self._check(index)
    return {"image": np.int32(index), "draw": rng.integers(2**60, size=2)}

  def __getitem__(self, index):
    self._check(index)
    if not 0 <= index < self.count:
      raise IndexError(index)
    return {"image": np.full((2, 2), index), "name": f"{index}.png"}


class Ragged(Numbers):
  """Every item has another size."""

  def sample(self, index, rng):
    return {"image": np.zeros((index + 1, 2, 3), np.uint8)}


def take(count, dataset=Numbers(10), **options):  # noqa: B008
  options = {"batch_size": 4, "seed": 3, **options}
  iterator = pipeline.train_iterator(dataset, **options)
  batches = [next(iterator) for _ in range(count)]
  iterator.close()
  return batches


def flat(batches, key="image"):
  return np.concatenate([batch[key] for batch in batches])


def assert_same(first, second):
  assert len(first) == len(second)
  for one, other in zip(first, second, strict=True):
    assert one.keys() == other.keys()
    for key in one:
      np.testing.assert_array_equal(one[key], other[key])


def test_epochs_are_different_permutations_without_gap():
  order = flat(take(10)).reshape(4, 10)  # 10 batches of 4 are 4 epochs of 10
  np.testing.assert_array_equal(np.sort(order, axis=1), [np.arange(10)] * 4)
  assert len({tuple(epoch) for epoch in order}) == 4


def test_seed_changes_order_and_draws():
  first, second = take(5), take(5, seed=4)
  assert (flat(first) != flat(second)).any()
  assert (flat(first, "draw") != flat(second, "draw")).all()


def test_draws_differ_between_items_and_epochs():
  draws = flat(take(10), "draw")
  assert len(np.unique(draws)) == draws.size


def test_order_of_the_data_set():
  order = flat(take(5, shuffle=False))
  np.testing.assert_array_equal(order, [*range(10)] * 2)


def test_a_serial_data_set_is_not_shuffled():
  dataset = Numbers(10)
  dataset.serial = True
  np.testing.assert_array_equal(flat(take(2, dataset)), range(8))
  assert (flat(take(2, dataset, shuffle=True)) != range(8)).any()


@pytest.mark.parametrize(
  "options",
  [{"num_threads": 1}, {"num_threads": 5}, {"num_threads": 3, "prefetch": 7}],
)
def test_threads_change_nothing(options):
  assert_same(take(8), take(8, **options))


@pytest.mark.parametrize("num_workers", [1, 2])
def test_workers_change_nothing(num_workers):
  batches = take(8, num_workers=num_workers)
  assert_same(take(8), batches)
  assert type(batches[0]["draw"]) is np.ndarray


def test_batch_size_changes_nothing_but_the_grouping():
  np.testing.assert_array_equal(
    flat(take(6), "draw"), flat(take(3, batch_size=8), "draw")
  )


@pytest.mark.parametrize("host_count", [2, 4])
def test_hosts_share_the_batches_of_one_host(host_count):
  whole = take(7)
  shares = [
    take(7, host_index=h, host_count=host_count) for h in range(host_count)
  ]
  for k, batch in enumerate(whole):
    for key in batch:
      merged = np.stack([share[k][key] for share in shares], axis=1)
      np.testing.assert_array_equal(
        merged.reshape(batch[key].shape), batch[key]
      )


@pytest.mark.parametrize(
  ("stop", "num_workers"), [(0, 0), (1, 0), (4, 0), (3, 1)]
)
def test_resumed_goes_on_identically(stop, num_workers):
  first = pipeline.train_iterator(
    Numbers(10), batch_size=4, seed=3, num_workers=num_workers
  )
  for _ in range(stop):
    next(first)
  state = json.loads(json.dumps(first.get_state()))
  first.close()
  second = pipeline.train_iterator(
    Numbers(10), batch_size=4, seed=3, num_workers=num_workers
  )
  second.set_state(state)
  assert second.get_state() == state
  batches = [next(second) for _ in range(4)]
  second.close()
  assert_same(batches, take(stop + 4)[stop:])


def test_resumed_with_other_hosts_and_batch():
  first = pipeline.train_iterator(
    Numbers(10), batch_size=4, seed=3, host_index=1, host_count=2
  )
  for _ in range(3):
    next(first)
  second = pipeline.train_iterator(Numbers(10), batch_size=6, seed=3)
  second.set_state(first.get_state())
  np.testing.assert_array_equal(next(second)["image"], flat(take(5))[12:18])


def test_a_used_iterator_can_be_set_back():
  iterator = pipeline.train_iterator(Numbers(10), batch_size=4, seed=3)
  start = iterator.get_state()
  first = [next(iterator) for _ in range(3)]
  iterator.set_state(start)
  assert_same(first, [next(iterator) for _ in range(3)])


@pytest.mark.parametrize(
  ("count", "options", "message"),
  [
    (11, {}, "items 10, but it is 11 now"),
    (10, {"seed": 4}, "seed 3, but it is 4 now"),
    (10, {"shuffle": False}, "shuffle True, but it is False"),
  ],
)
def test_a_foreign_position_is_refused(count, options, message):
  state = pipeline.train_iterator(Numbers(10), batch_size=4, seed=3).get_state()
  other = pipeline.train_iterator(
    Numbers(count), **{"batch_size": 4, "seed": 3, **options}
  )
  with pytest.raises(ValueError, match=message):
    other.set_state(state)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_unreadable_picture_stops_with_its_name(num_workers):
  iterator = pipeline.train_iterator(
    Numbers(4, bad=2),
    batch_size=1,
    seed=0,
    shuffle=False,
    num_workers=num_workers,
  )
  for _ in range(2):
    next(iterator)
  state = iterator.get_state()
  for _ in range(2):  # and again, instead of going on without it
    with pytest.raises(images.ImageError, match=r"folder/2\.png: is empty"):
      next(iterator)
  assert iterator.get_state() == state


def test_different_sizes_in_a_batch_are_refused():
  with pytest.raises(images.ImageError, match=r"different shapes.*batch of 1"):
    take(1, Ragged(3))
  assert len(take(3, Ragged(3), batch_size=1)) == 3


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"host_count": 3}, "batch_size 4 .* cannot be divided among 3 hosts"),
    ({"batch_size": 0}, "batch_size 0"),
    ({"host_index": 2, "host_count": 2}, "host_index is 2; expected 0 to 1"),
    ({"seed": -1}, "seed is -1"),
    ({"dataset": Numbers(0)}, "data set is empty"),
  ],
)
def test_impossible_options_are_refused(options, message):
  with pytest.raises(ValueError, match=message):
    take(1, **options)


@pytest.mark.parametrize("hosts", [1, 2, 5])
@pytest.mark.parametrize("count", [1, 4, 9])
def test_evaluation_sees_every_item_once(count, hosts):
  shares = [
    [
      item["name"]
      for item in pipeline.eval_items(
        Numbers(count), host_index=host, host_count=hosts
      )
    ]
    for host in range(hosts)
  ]
  names = [f"{i}.png" for i in range(count)]
  assert shares == [names[host::hosts] for host in range(hosts)]


def test_evaluation_can_be_cut_short():
  assert len(list(pipeline.eval_items(Numbers(9), max_items=4))) == 4
  assert len(list(pipeline.eval_items(Numbers(3), max_items=4))) == 3


def test_evaluation_names_an_unreadable_picture():
  with pytest.raises(images.ImageError, match=r"folder/3\.png"):
    list(pipeline.eval_items(Numbers(5, bad=3)))


def test_evaluation_refuses_nothing():
  with pytest.raises(ValueError, match="empty"):
    next(pipeline.eval_items(Numbers(0)))


_KILLED = """
  import sys
  from gansynth.data import pipeline
  from tests.data.test_pipeline import Numbers

  if __name__ == "__main__":
    import multiprocessing

    iterator = pipeline.train_iterator(
      Numbers(10), batch_size=2, seed=0, num_workers=1
    )
    next(iterator)
    print(*[p.pid for p in multiprocessing.active_children()], flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(
  not os.path.isdir("/proc/self"), reason="looks for processes in /proc"
)
@pytest.mark.parametrize("how", [signal.SIGKILL, None])
def test_workers_end_with_the_process(tmp_path, how):
  script = tmp_path / "program.py"
  script.write_text(textwrap.dedent(_KILLED))
  root = pathlib.Path(__file__).parents[2]
  with subprocess.Popen(
    [sys.executable, str(script)],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    env={**os.environ, "PYTHONPATH": str(root)},
    text=True,
  ) as process:
    workers = [int(pid) for pid in process.stdout.readline().split()]
    assert workers
    for pid in workers:  # A cluster's notice is not theirs to answer.
      os.kill(pid, signal.SIGTERM)
      os.kill(pid, signal.SIGINT)
    time.sleep(0.3)
    assert all(os.path.exists(f"/proc/{pid}") for pid in workers)
    if how is not None:
      process.send_signal(how)
    process.stdin.close()
    assert process.wait(20) == (0 if how is None else -how)
    end = time.monotonic() + 10
    while any(_runs(pid) for pid in workers):
      assert time.monotonic() < end, "a worker outlived its process"
      time.sleep(0.1)


def _runs(pid):
  try:
    status = pathlib.Path(f"/proc/{pid}/stat").read_text()
  except FileNotFoundError:
    return False
  return status.rsplit(")", 1)[1].split()[0] != "Z"
