"""Networks, configs, pictures and runs that are small enough for tests."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import ml_collections
import numpy as np
from PIL import Image

from gansynth import checkpoints, config_defaults, parallel

ROOT = pathlib.Path(__file__).parents[1]

LOSSES = {
  "cyclegan": {
    "gan_mode": "lsgan",
    "lambda_a": 10.0,
    "lambda_b": 5.0,
    "lambda_identity": 0.5,
    "gradient_penalty": 0.0,
    "pool_size": 3,
  },
  "pix2pix": {
    "gan_mode": "vanilla",
    "lambda_l1": 100.0,
    "gradient_penalty": 0.0,
  },
}


def config(system: str = "cyclegan", /, **changes) -> ml_collections.ConfigDict:
  """A config of tiny networks; `changes` by dotted name, dots as `__`."""
  made = config_defaults.image_to_image()
  made.system = system
  made.loss = LOSSES[system]
  made.generator.name = "resnet_1blocks"
  made.generator.features = 4
  made.generator.init_gain = 0.2  # visible outputs
  made.discriminator.name = "patch_1layers"
  made.discriminator.features = 4
  made.discriminator.init_gain = 0.2
  made.data.load_size = 18
  made.data.crop_size = 16
  return changed(made, **changes)


def changed(config, **changes) -> ml_collections.ConfigDict:
  """A copy of a config with other values."""
  made = ml_collections.ConfigDict(config.to_dict())
  with made.unlocked():
    made.update_from_flattened_dict(
      {name.replace("__", "."): value for name, value in changes.items()}
    )
  return made


def batch(seed: int = 0, size: int = 4, side: int = 16, channels=(3, 3)):
  """A batch of uint8 noise."""
  rng = np.random.default_rng(seed)
  return {
    f"image_{name}": rng.integers(
      256, size=(size, side, side, count), dtype=np.uint8
    )
    for name, count in zip("ab", channels, strict=True)
  }


def write_pictures(folder: pathlib.Path, sizes, seed: int = 0) -> None:
  """Writes noise; `sizes` maps names to (height, width)."""
  rng = np.random.default_rng(seed)
  for name, (height, width) in sizes.items():
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = rng.integers(256, size=(4, 4, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((width, height)).save(path)


def write_folders(root: pathlib.Path, count: int = 6) -> pathlib.Path:
  """Writes trainA, trainB, testA and testB."""
  for seed, name in enumerate(("trainA", "trainB", "testA", "testB")):
    number = count + seed if name.startswith("train") else 2
    write_pictures(
      root / name, {f"{i}.png": (20, 24) for i in range(number)}, seed
    )
  return root


# The same networks as `config`, as overrides of configs/cyclegan.py:folders.
FLAGS = {
  "generator.name": "resnet_1blocks",
  "generator.features": 4,
  "generator.init_gain": 0.2,
  "generator.use_dropout": True,
  "discriminator.name": "patch_1layers",
  "discriminator.features": 4,
  "loss.pool_size": 3,
  "ema_decay": 0.9,
  "batch_size": 2,
  "data.load_size": 18,
  "data.crop_size": 16,
  "log_every": 1,
  "sample_every": 1000,
  "num_samples": 1,
  "checkpoint_every": 4,
  "optimizer.num_epochs": 3,
  "optimizer.num_epochs_decay": 30,
}


def command(workdir, data_root=None, *arguments, **changes) -> list[str]:
  """The command line of a tiny run; `changes` as of `config`."""
  values = dict(FLAGS)
  if data_root is not None:
    values["data.root"] = data_root
  values.update({k.replace("__", "."): v for k, v in changes.items()})
  return [
    sys.executable,
    "-m",
    "gansynth.main",
    f"--config={ROOT / 'configs/cyclegan.py'}:folders",
    f"--workdir={workdir}",
    *(f"--config.{name}={value}" for name, value in values.items()),
    *arguments,
  ]


def start(
  arguments: list[str],
  log: pathlib.Path,
  devices: int = 1,
  optimize: bool = True,
):
  """Starts a run as a process, output to `log`.

  Without `optimize` it compiles in a quarter of the time; it may round
  differently.
  """
  # XLA takes the last of two equal flags.
  flags = [
    os.environ["XLA_FLAGS"],
    f"--xla_force_host_platform_device_count={devices}",
  ]
  if not optimize:
    flags += [f"--{k}={str(v).lower()}" for k, v in FAST_COMPILE.items()]
  with open(log, "ab") as output:
    return subprocess.Popen(
      arguments,
      cwd=ROOT,
      env={**os.environ, "XLA_FLAGS": " ".join(flags)},
      stdout=output,
      stderr=subprocess.STDOUT,
    )


def finish(arguments: list[str], log: pathlib.Path, **options) -> str:
  """Runs to a good end, options as of `start`; returns what was printed."""
  process = start(arguments, log, **options)
  status = process.wait(timeout=300)
  text = log.read_text()
  assert status == 0, f"exit status {status}\n{text}"
  return text


def final_state(workdir: pathlib.Path, step: int | None = None):
  """(state, data position) of a checkpoint, as nested dicts of numpy."""
  with checkpoints.Checkpointer(
    workdir / checkpoints.FOLDER, read_only=True
  ) as checkpointer:
    return checkpointer.restore(step=step)


def metrics(workdir: pathlib.Path) -> list[dict]:
  """Lines of metrics.jsonl without the rates, which are never the same."""
  lines = (workdir / "metrics.jsonl").read_text().splitlines()
  return [
    {k: v for k, v in json.loads(line).items() if "per_second" not in k}
    for line in lines
  ]


def assert_same(first, second) -> None:
  """Asserts that two trees are equal bit by bit."""
  one, other = (
    {
      jax.tree_util.keystr(path): np.asarray(leaf)
      for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }
    for tree in (first, second)
  )
  assert list(one) == list(other)
  assert one  # two empty trees would prove nothing
  differing = [k for k in one if one[k].tobytes() != other[k].tobytes()]
  assert not differing, differing


def assert_close(first, second, tolerance: float) -> None:
  """Asserts that leaves differ by at most `tolerance` times their largest.

  A leaf that is next to nothing beside the others, as the gradient of a bias
  in front of a norm is, is measured by a hundredth of those.
  """
  pairs = [
    (jax.tree_util.keystr(path), np.asarray(one), np.asarray(other))
    for (path, one), other in zip(
      jax.tree_util.tree_leaves_with_path(first),
      jax.tree.leaves(second),
      strict=True,
    )
  ]
  assert pairs
  largest = [float(np.abs(one).max(initial=0)) for _, one, _ in pairs]
  for (name, one, other), scale in zip(pairs, largest, strict=True):
    assert one.shape == other.shape, name
    scale = max(scale, 1e-2 * max(largest))
    error = float(np.abs(one - other).max(initial=0))
    assert error <= tolerance * scale, f"{name}: {error:g} of {scale:g}"


# A quarter of the compile time; the numbers differ by rounding at most.
FAST_COMPILE = {"xla_backend_optimization_level": 0}
if jax.__version_info__ < (0, 11):  # Later ones have no other emitters.
  FAST_COMPILE["xla_cpu_use_fusion_emitters"] = False


def on_devices(step, state, *arrays):
  """A step mapped over the devices: what each of them returned, stacked.

  Args:
    step: a function of the state, which all devices have, and their shares.
    state: what all have.
    *arrays: trees with an axis for the devices.
  """
  mapped = jax.pmap(
    step,
    axis_name=parallel.AXIS_NAME,
    in_axes=(None, *(0 for _ in arrays)),
  ).lower(state, *arrays)
  return mapped.compile(compiler_options=FAST_COMPILE)(state, *arrays)


def random_state(system, example, seed: int = 0, step: int = 0):
  """A state with random parameters and fresh everything else.

  Made in NumPy, because `system.init` takes longer to compile than to run.
  """
  shapes = jax.eval_shape(
    system.init, jax.random.PRNGKey(0), jax.tree.map(np.asarray, example)
  )
  rng = np.random.default_rng(seed)

  def fill(path, leaf):
    name = jax.tree_util.keystr(path)
    if ".params" in name:
      drawn = rng.normal(scale=0.2, size=leaf.shape)
      return (drawn + name.endswith("['scale']")).astype(leaf.dtype)
    return np.full(leaf.shape, name.endswith("['var']"), leaf.dtype)

  state = jax.tree_util.tree_map_with_path(fill, shapes)
  ema = state.params["generator"] if state.ema else {}
  return state.replace(
    rng=np.array([0, seed], np.uint32), step=np.int32(step), ema=ema
  )


def random_variables(network, shape, seed: int = 0):
  """Variables of a network for inputs of `shape`, made in NumPy."""
  variables = jax.eval_shape(
    network.init, jax.random.PRNGKey(0), np.zeros(shape, np.float32)
  )
  rng = np.random.default_rng(seed)

  def fill(path, leaf):
    name = jax.tree_util.keystr(path)
    drawn = rng.normal(scale=0.1, size=leaf.shape).astype(np.float32)
    if name.endswith("['var']"):
      return np.abs(drawn) + 0.5
    return drawn + name.endswith("['scale']")

  return jax.tree_util.tree_map_with_path(fill, dict(variables))
