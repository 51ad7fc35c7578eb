"""Key tables of GP-GAN, and its trainer's snapshots.

Parity with recorded outputs is tested in tests/parity; here, that every
variant is recognised by its keys and that nothing is passed over.
"""

import json
import os
import pathlib

import jax
import numpy as np
import pytest
from flax import traverse_util

from gansynth import convert, models
from gansynth.convert import (
  CheckpointError,
  KeyMismatchError,
  UnsafeCheckpointError,
  from_original,
  to_state_dict,
)
from gansynth.convert import gpgan as gpgan_keys

SHARED = os.environ.get("GANSYNTH_GOLDENS")
SNAPSHOT = (
  pathlib.Path(__file__).parents[1]
  / "parity/goldens/gpgan/trainer_snapshot/snapshot_epoch_1.npz"
)


def encoder_decoder(**others):
  return {
    "name": "encoder_decoder",
    "image_size": 32,
    "encoder_features": 3,
    "decoder_features": 4,
    "output_channels": 2,
    "bottleneck": 7,
    **others,
  }


def generator(**others):
  return {
    "name": "dcgan_generator",
    "image_size": 32,
    "features": 4,
    "output_channels": 3,
    "latent_size": 5,
    **others,
  }


def critic(**others):
  return {
    "name": "dcgan_critic",
    "image_size": 32,
    "features": 3,
    "outputs": 1,
    **others,
  }


VARIANTS = {
  "encoder_decoder": encoder_decoder(),
  "encoder_decoder_8": encoder_decoder(image_size=8),
  "encoder_decoder_256": encoder_decoder(image_size=256),
  "generator": generator(),
  "generator_8": generator(image_size=8, output_channels=1),
  "generator_64": generator(image_size=64, latent_size=100),
  "critic": critic(),
  "critic_8": critic(image_size=8),
  "critic_of_4_scores": critic(image_size=16, outputs=4),
}


def variable_shapes(description, channels=3):
  network = models.create(**description)
  if description["name"] == "dcgan_generator":
    x = np.zeros((1, description["latent_size"]), np.float32)
  else:
    size = description["image_size"]
    x = np.zeros((1, size, size, channels), np.float32)
  return jax.eval_shape(network.init, jax.random.key(0), x)


def random_variables(description, channels=3):
  """Variables of a network, every number different from its neighbours."""
  rng = np.random.default_rng(0)
  return jax.tree.map(
    lambda x: rng.standard_normal(x.shape).astype(np.float32),
    variable_shapes(description, channels),
  )


def original_state(description, channels=3):
  return dict(
    to_state_dict(description, random_variables(description, channels))
  )


def assert_same(found, expected):
  found = traverse_util.flatten_dict(found)
  expected = traverse_util.flatten_dict(expected)
  assert found.keys() == expected.keys()
  for path, array in expected.items():
    np.testing.assert_array_equal(found[path], array, err_msg=str(path))


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("counters", [True, False])
def test_recognises_what_it_writes(tmp_path, name, counters):
  description = VARIANTS[name]
  channels = 1 if counters else 3
  variables = random_variables(description, channels)
  state = to_state_dict(description, variables)
  if not counters:
    state = {key: x for key, x in state.items() if not key.endswith("/N")}
  path = tmp_path / "net.npz"
  np.savez(path, **state)
  found, converted = from_original(path)
  assert found == description
  assert_same(converted, variables)
  assert_same(convert.convert_state_dict(state)[1], variables)


def test_all_keys_of_the_published_networks():
  """Chainer's names: a list's places, activations counted."""
  published = encoder_decoder(image_size=64, bottleneck=4000)
  state = variable_shapes(published)
  state = to_state_dict(
    published, jax.tree.map(lambda x: np.zeros(x.shape, np.float32), state)
  )
  norm = ("gamma", "beta", "avg_mean", "avg_var", "N")
  assert state.keys() == {
    *(f"encoder/{i}/W" for i in (0, 2, 5, 8, 11)),
    *(f"encoder/{i}/{part}" for i in (3, 6, 9) for part in norm),
    *(f"bn/{part}" for part in norm),
    *(f"decoder/{i}/W" for i in (0, 3, 6, 9, 12)),
    *(f"decoder/{i}/{part}" for i in (1, 4, 7, 10) for part in norm),
  }
  keys = set(original_state(generator(image_size=64)))
  assert keys == {
    key.removeprefix("decoder/") for key in state if key.startswith("decoder/")
  }
  keys = set(original_state(critic(image_size=64)))
  assert keys == {
    key.removeprefix("encoder/") for key in state if key.startswith("encoder/")
  }


@pytest.mark.parametrize(
  ("name", "count"),
  [
    ("encoder_decoder", 71_070_600),
    ("dcgan_generator", 3_578_628),
    ("dcgan_critic", 2_767_363),
  ],
)
def test_sizes_of_the_published_networks(name, count):
  description = {"name": name, "image_size": 64, "latent_size": 100}
  if name != "dcgan_generator":
    del description["latent_size"]
  shapes = traverse_util.flatten_dict(variable_shapes(description))
  entries = gpgan_keys.key_table(description)
  assert {entry.path for entry in entries} == shapes.keys()
  counters = sum(entry.key.endswith("avg_var") for entry in entries)
  assert count == counters + sum(shape.size for shape in shapes.values())


def test_layout_of_kernels():
  """Chainer: (out, in, h, w), transposed (in, out, h, w); ours: (h, w, ...)."""
  state = original_state(encoder_decoder())
  assert state["encoder/2/W"].shape == (6, 3, 4, 4)
  assert state["decoder/0/W"].shape == (7, 16, 4, 4)
  _, variables = convert.convert_state_dict(state)
  params = variables["params"]
  np.testing.assert_array_equal(
    params["encoder"]["conv_1"]["kernel"][2, 3, 1, 5],
    state["encoder/2/W"][5, 1, 2, 3],
  )
  np.testing.assert_array_equal(
    params["decoder"]["up_0"]["kernel"][2, 1, 9, 6],
    state["decoder/0/W"][6, 9, 2, 1],
  )


def test_gradients_have_no_counters():
  description = critic()
  params = random_variables(description)["params"]
  keys = set(to_state_dict(description, {"params": params}))
  assert keys == {
    *(f"{i}/W" for i in (0, 2, 5, 8)),
    *(f"{i}/{part}" for i in (3, 6) for part in ("gamma", "beta")),
  }


def test_dtype(tmp_path):
  path = tmp_path / "net.npz"
  state = original_state(critic())
  np.savez(path, **{key: x.astype(np.float64) for key, x in state.items()})
  for dtype, expected in ((np.float32, np.float32), (None, np.float64)):
    _, variables = from_original(path, dtype=dtype)
    assert {x.dtype for x in jax.tree.leaves(variables)} == {np.dtype(expected)}


@pytest.mark.parametrize(
  ("key", "name"),
  [
    ("generator", "encoder_decoder"),
    ("model:main", "encoder_decoder"),
    ("updater/model:main/", "encoder_decoder"),
    ("critic", "dcgan_critic"),
    ("D", "dcgan_critic"),
  ],
)
def test_networks_of_a_snapshot(key, name):
  description, variables = from_original(SNAPSHOT, key=key)
  assert description["name"] == name
  alone = "d" if key in ("critic", "D") else "g"
  expected = from_original(SNAPSHOT.with_name(f"{alone}_epoch_1.npz"))
  assert description == expected[0]
  assert_same(variables, expected[1])


def test_a_snapshot_is_told_apart():
  assert list(gpgan_keys.networks_of(SNAPSHOT)) == ["generator", "critic"]
  with pytest.raises(CheckpointError) as caught:
    from_original(SNAPSHOT)
  for part in (
    "snapshot_epoch_1.npz: this is a snapshot of the whole trainer",
    "'generator' (model:main) and 'critic' (model:D)",
    "key='generator'",
  ):
    assert part in str(caught.value)
  with pytest.raises(CheckpointError, match=r"no network 'E' .* 'generator'"):
    from_original(SNAPSHOT, key="E")


def test_other_snapshots(tmp_path):
  """RMSprop's state, one network alone, old slashes, pickled extras."""
  state = original_state(generator())
  path = tmp_path / "snapshot.npz"
  content = {f"/updater/model:main//{key}": x for key, x in state.items()}
  content["/updater/optimizer:main//0/W/ms"] = state["0/W"]
  content["/extensions/LogReport/_log"] = np.array([None])
  np.savez(path, **content)
  assert gpgan_keys.networks_of(path) == {"generator": "updater/model:main/"}
  found, variables = from_original(path, key="generator")
  assert found == generator()
  assert_same(variables, random_variables(generator()))
  with pytest.raises(CheckpointError, match="no network 'critic' in"):
    from_original(path, key="critic")
  np.savez(path, **{"updater/iteration": 3})
  with pytest.raises(CheckpointError, match="a trainer without a network"):
    from_original(path, key="generator")


def test_a_single_network_has_no_key():
  path = SNAPSHOT.with_name("g_epoch_1.npz")
  assert gpgan_keys.networks_of(path) == {}
  with pytest.raises(CheckpointError, match="a single network and no snapshot"):
    from_original(path, key="generator")


def test_options_of_the_other_format_are_refused():
  path = SNAPSHOT.with_name("g_epoch_1.npz")
  assert from_original(path, norm=None)[0]["image_size"] == 32
  with pytest.raises(CheckpointError, match=r"npz: norm cannot be given"):
    from_original(path, norm="batch", use_dropout=None)


@pytest.mark.parametrize("name", ["encoder_decoder", "generator", "critic"])
def test_any_missing_key_is_named(name):
  description = VARIANTS[name]
  state = original_state(description)
  for key in state:
    if key.endswith("/N"):
      continue
    rest = {other: x for other, x in state.items() if other != key}
    with pytest.raises(KeyMismatchError) as caught:
      convert.convert_state_dict(rest)
    assert key in caught.value.missing


def test_missing_and_extra_keys_are_both_listed(tmp_path):
  path = tmp_path / "net.npz"
  state = original_state(encoder_decoder())
  del state["bn/beta"], state["encoder/3/avg_var"]
  state["bn/betas"] = state["encoder/4/W"] = np.zeros(1)
  np.savez(path, **state)
  with pytest.raises(KeyMismatchError, match=r"net\.npz") as caught:
    from_original(path)
  assert caught.value.missing == ["encoder/3/avg_var", "bn/beta"]
  assert caught.value.extra == ["bn/betas", "encoder/4/W"]
  for key in caught.value.missing + caught.value.extra:
    assert key in str(caught.value)


def test_wrong_shapes_are_listed():
  state = original_state(critic())
  state["5/W"] = state["5/W"][:, :2]
  state["6/gamma"] = np.zeros(())
  with pytest.raises(KeyMismatchError) as caught:
    convert.convert_state_dict(state)
  assert caught.value.wrong_shapes == [
    "5/W: found (12, 2, 4, 4), expected (12, 6, 4, 4)",
    "6/gamma: found (), expected (12,)",
  ]
  assert caught.value.missing == caught.value.extra == []


@pytest.mark.parametrize(
  ("state", "message"),
  [
    ({"predictor/W": np.zeros((3, 4))}, r"no network of GP-GAN.*'predictor/W'"),
    ({"-1/W": np.zeros((3, 4))}, r"no network of GP-GAN"),
    ({"999999999999/W": np.zeros((3, 3, 4, 4))}, "no network of GP-GAN"),
    ({"0/W": np.zeros((3, 3, 4, 4))}, "Missing keys: 2/W"),
    (
      {"3/W": np.zeros((1, 3, 4, 4)), "1/gamma": np.zeros(3)},
      "features is 1; the generator needs at least 2",
    ),
  ],
)
def test_other_networks_are_refused(state, message):
  with pytest.raises(CheckpointError, match=rf"x\.npz: .*{message}"):
    convert.convert_state_dict(state, "x.npz")


def test_files_that_cannot_be_read(tmp_path):
  path = tmp_path / "blending_gan.npz"
  with pytest.raises(CheckpointError, match=r"checkpoints/README\.md says"):
    from_original(path)
  state = original_state(critic())
  np.savez(path, **(state | {"2/W": np.array([None])}))
  with pytest.raises(UnsafeCheckpointError, match="2/W holds pickled objects"):
    from_original(path)
  np.savez_compressed(path, **state)
  path.write_bytes(path.read_bytes()[:-900])
  with pytest.raises(CheckpointError, match=r"gan\.npz: .*cut short"):
    from_original(path)


@pytest.mark.skipif(not SHARED, reason="GANSYNTH_GOLDENS is not set")
def test_all_keys_at_full_size():
  path = pathlib.Path(SHARED or "", "gpgan/manifest_full.json")
  files = json.loads(path.read_text())["files"]
  assert files
  for name, keys in files.items():
    state = {key: np.zeros(*entry) for key, entry in keys.items()}
    description, variables = convert.convert_state_dict(state, name)
    assert description["image_size"] == 64
    written = to_state_dict(description, variables)
    assert {key: x.shape for key, x in written.items()} == {
      key: x.shape for key, x in state.items()
    }
