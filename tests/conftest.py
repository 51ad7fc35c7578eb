"""Four fake CPU devices, strict ranks, one compilation cache for all tests."""

import os
import pathlib

_CACHE = pathlib.Path(__file__).parents[1] / ".jax_cache"

# Before JAX is imported; subprocesses that tests start inherit it.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = " ".join(
  [
    os.environ.get("XLA_FLAGS", ""),
    "--xla_force_host_platform_device_count=4",
    # XLA aborts the process when devices wait 40 s for one another, which on
    # two busy cores they do.
    "--xla_cpu_collective_call_terminate_timeout_seconds=900",
    "--xla_cpu_collective_call_warn_stuck_timeout_seconds=300",
  ]
).strip()
# XLA has as many threads as there are devices. Where all but one wait for the
# last, which wants helpers for a convolution, they wait for ever; so it has
# more.
os.environ.setdefault("NPROC", "8")
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
