"""What something was computed with: versions of libraries, devices."""

import collections
import importlib.metadata
import platform

import gansynth

_PACKAGES = ("jax", "jaxlib", "numpy", "pillow")


def versions() -> dict[str, str]:
  """Returns the versions that bytes of results may depend on."""
  return {
    "gansynth": gansynth.__version__,
    "python": platform.python_version(),
    **{package: importlib.metadata.version(package) for package in _PACKAGES},
  }


def describe() -> dict[str, str | int]:
  """Versions, and the devices that JAX computes on.

  Returns:
    Names and values that JSON has: those of `versions`, `flax`, `devices` of
    all hosts (such as `8 x NVIDIA H200`), `hosts`.
  """
  import jax  # Here, for processes that only compose pictures need none.

  devices = collections.Counter(each.device_kind for each in jax.devices())
  return {
    **versions(),
    "flax": importlib.metadata.version("flax"),
    "devices": ", ".join(f"{n} x {kind}" for kind, n in devices.items()),
    "hosts": jax.process_count(),
  }
