"""What is imported, and when."""

import subprocess
import sys

import pytest
import tiny

FOREIGN = ("tensorflow", "torch", "chainer", "cv2")


def modules_after(code: str) -> set[str]:
  """Top names of the modules of a fresh interpreter that ran `code`."""
  output = subprocess.run(
    [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
    cwd=tiny.ROOT,
    check=True,
    capture_output=True,
    text=True,
  ).stdout
  return {name.split(".")[0] for name in output.splitlines()[-1].split()}


def test_the_package_adds_next_to_nothing():
  bare = modules_after("import jax, flax")
  added = modules_after("import jax, flax, gansynth") - bare
  assert added == {"gansynth"}


@pytest.mark.parametrize(
  "code",
  [
    "import gansynth; gansynth.Translator",
    "import gansynth.data, gansynth.systems, gansynth.synthesize",
  ],
)
def test_what_a_notebook_uses_is_light(code):
  found = modules_after(code)
  heavy = {*FOREIGN, "grain", "tensorflow_datasets", "tensorboardX", "scipy"}
  bare = modules_after("import jax, flax, optax, orbax.checkpoint")
  assert not (heavy & (found - bare))


def test_training_needs_no_other_framework():
  # tensorboardX takes PyTorch's arrays where PyTorch is installed; here it is
  # hidden, and training must not miss it.
  hidden = f"import sys; sys.modules.update(dict.fromkeys({FOREIGN}))"
  modules_after(f"{hidden}\nimport gansynth.train, gansynth.data.pipeline")


def test_unknown_names_are_attribute_errors():
  import gansynth

  with pytest.raises(AttributeError, match="no attribute 'Translater'"):
    gansynth.Translater  # noqa: B018
  assert isinstance(gansynth.__version__, str)
