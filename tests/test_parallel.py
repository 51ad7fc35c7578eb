"""Sharing a batch, joining hosts, noticing SIGTERM: what one process can."""

import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth import parallel


def test_there_are_four_devices():
  assert jax.device_count() == 4  # or nothing below proves anything


@pytest.mark.parametrize("batch_size", [0, -4, 1, 6, 7])
def test_unequal_shares_are_refused(batch_size):
  with pytest.raises(ValueError, match=f"batch_size {batch_size} .* 4 devices"):
    parallel.check_batch_size(batch_size)


def test_the_refusal_proposes_a_batch_that_works():
  with pytest.raises(ValueError, match=r"--config\.batch_size=4,"):
    parallel.check_batch_size(7)
  with pytest.raises(ValueError, match=r"--config\.batch_size=8,"):
    parallel.check_batch_size(11)
  parallel.check_batch_size(4)
  parallel.check_batch_size(8)


def test_split_keeps_the_order():
  batch = {"image": np.arange(24).reshape(8, 3)}
  split = parallel.split_batch(batch)["image"]
  assert split.shape == (4, 2, 3)
  np.testing.assert_array_equal(split.reshape(8, 3), batch["image"])


def step(state, batch):
  total = jax.lax.psum(batch["x"].sum(), parallel.AXIS_NAME)
  return {"count": state["count"] + total}, {"total": total}


def test_mapped_step_compiles_once_and_donates():
  compilations = []

  def count(name, *_, **__):
    if name == "/jax/core/compile/backend_compile_duration":
      compilations.append(name)

  state = parallel.replicate({"count": np.zeros(5, np.float32)})
  jax.block_until_ready(state)
  mapped = parallel.map_step(step)
  jax.monitoring.register_event_duration_secs_listener(count)
  try:
    for number in range(4):
      batch = parallel.split_batch({"x": np.full(8, number, np.float32)})
      before = state
      state, metrics = mapped(state, batch)
      assert before["count"].is_deleted()
  finally:
    jax.monitoring.unregister_event_duration_listener(count)
  assert float(metrics["total"]) == 24
  np.testing.assert_array_equal(jax.device_get(state["count"]), np.full(5, 48))
  assert len(compilations) == 1


def test_map_apply_is_the_function_of_the_whole_batch():
  def function(variables, x, y):
    return variables["w"] * x + y.sum(-1, keepdims=True)

  x = np.arange(16, dtype=np.float32).reshape(8, 2)
  y = np.arange(24, dtype=np.float32).reshape(8, 3)
  found = parallel.map_apply(function)({"w": jnp.float32(3)}, x, y)
  assert isinstance(found, np.ndarray)
  np.testing.assert_array_equal(found, 3 * x + y.sum(-1, keepdims=True))


def test_a_single_process_is_the_primary_and_waits_for_none():
  assert parallel.is_primary()
  done = []
  parallel.on_primary(lambda: done.append(1))
  assert done == [1]
  with pytest.raises(KeyError):
    parallel.on_primary(lambda: {}["missing"])
  tree = {"a": np.arange(3)}
  assert parallel.sum_over_hosts(tree) is tree


@pytest.mark.parametrize(
  "given", [("host:1", None, None), (None, 2, 0), ("host:1", 2, None)]
)
def test_half_given_hosts_are_refused(given):
  with pytest.raises(ValueError, match=r"go together.*give all or none"):
    parallel.initialize(*given)


@pytest.mark.parametrize(
  ("environment", "expected"),
  [
    ({"JAX_PLATFORMS": "cpu"}, False),
    ({"JAX_PLATFORMS": "cpu", "SLURM_NTASKS": "1"}, False),
    ({"JAX_PLATFORMS": "cpu", "SLURM_NTASKS": ""}, False),
    ({"JAX_PLATFORMS": "cpu", "SLURM_NTASKS": "4"}, True),
    ({"JAX_PLATFORMS": "cpu", "OMPI_COMM_WORLD_SIZE": "2"}, True),
    ({"JAX_COORDINATOR_ADDRESS": "host:1", "JAX_PLATFORMS": "cpu"}, True),
  ],
)
def test_clusters_are_recognised(environment, expected, monkeypatch):
  joined = []
  for name in (*parallel._CLUSTER_SIZES, "JAX_COORDINATOR_ADDRESS"):
    monkeypatch.delenv(name, raising=False)
  for name, value in environment.items():
    monkeypatch.setenv(name, value)
  monkeypatch.setattr(
    jax.distributed, "initialize", lambda *args: joined.append(args)
  )
  parallel.initialize()
  assert joined == ([()] if expected else [])


def test_sigterm_is_told_once_and_undone():
  before = signal.getsignal(signal.SIGTERM)
  with parallel.Preemption() as preemption:
    assert not preemption.reached(1)
    os.kill(os.getpid(), signal.SIGTERM)
    assert preemption.reached(2)
    # The second one is answered as if nobody listened.
    assert signal.getsignal(signal.SIGTERM) == before
  assert signal.getsignal(signal.SIGTERM) == before


def test_shares_are_joined_in_turns(monkeypatch):
  arrays = [np.arange(8.0).reshape(8, 1)[host::3] for host in range(3)]
  words = [list("abcdefgh")[host::3] for host in range(3)]
  monkeypatch.setattr(jax, "process_count", lambda: 3)
  for shares, expected in (
    (arrays, np.arange(8.0).reshape(8, 1)),
    (words, list("abcdefgh")),
  ):
    sent = []
    monkeypatch.setattr(
      parallel, "gather_over_hosts", lambda data, to=sent: to.append(data) or to
    )
    for share in shares[:-1]:
      parallel.join_shares(share)
    joined = parallel.join_shares(shares[-1])
    assert type(joined) is type(expected)
    np.testing.assert_array_equal(joined, expected)


def test_a_failure_anywhere_ends_every_host(monkeypatch):
  monkeypatch.setattr(jax, "process_count", lambda: 3)
  marks = [b"", b"", b"failed"]
  monkeypatch.setattr(parallel, "gather_over_hosts", lambda data: marks)
  with pytest.raises(ValueError, match="process 2 cannot go on; its log"):
    parallel.on_every_host(lambda: "done here")

  def fail():
    raise OSError("this host's own")

  with pytest.raises(OSError, match="this host's own"):
    parallel.on_every_host(fail)
  marks[2] = b""
  assert parallel.on_every_host(lambda: "done") == "done"
