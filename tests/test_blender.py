import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth import blender as blender_lib
from gansynth import checkpoints, models
from gansynth.blender import Blender
from gansynth.blending.inputs import BlendError

GOLDENS = pathlib.Path(__file__).parent / "parity/goldens/gpgan"
CASE = GOLDENS / "pipeline_supervised_options"


def smooth_pictures(size, count=2, seed=0):
  """uint8 pictures of a few waves."""
  rng = np.random.default_rng(seed)
  rows, columns = (np.linspace(0, 3, n) for n in size)
  waves = rng.random((count, 3, 3)) * 2
  pictures = np.sin(
    waves[:, 0, None, None] * rows[:, None, None] * 2
    + waves[:, 1, None, None] * columns[:, None] * 2
    + 6 * waves[:, 2, None, None]
  )
  return ((pictures + 1) * 120 + 5).astype(np.uint8)


def square(size, first, last):
  mask = np.zeros(size, np.uint8)
  mask[first:last, first:last] = 255
  return mask


@pytest.fixture(scope="module")
def loaded():
  return Blender.load(
    CASE / "checkpoint.npz",
    color_weight=0.3,
    sigma=0.8,
    kernel="scharr",
    smooth_sigma=1.5,
    batch_size=4,
  )


def test_original_weights_give_the_recorded_picture(loaded):
  inputs = np.load(CASE / "inputs.npz")
  expected = np.load(CASE / "outputs.npz")["blended"]
  assert loaded.method == "gp_gan"
  assert loaded.options.image_size == 32
  picture = loaded(inputs["src"], inputs["dst"], inputs["mask"])
  difference = np.abs(picture.astype(int) - expected)
  assert difference.max() <= 1
  assert difference.mean() < 0.02
  assert "checkpoint.npz" in loaded.describe()


def test_batches_are_as_single_pictures_and_in_order():
  blend = Blender("gaussian_poisson", image_size=16, batch_size=4)
  triples = []
  for seed, size in enumerate([(20, 22), (18, 20), (20, 22), (20, 22)]):
    pair = smooth_pictures(size, seed=seed)
    triples.append(blend.prepare(*pair, square(size, 5, 9 + seed)))
  results = blend.blend(triples)
  for triple, result in zip(triples, results, strict=True):
    assert result.shape == triple.target.shape
    alone = blend.blend([triple])[0].astype(int)
    assert np.abs(alone - result).max() <= 1
  assert np.abs(results[0].astype(int) - results[2]).mean() > 3


def test_sizes_in_one_canvas_share_a_program():
  blend = Blender("gaussian_poisson", image_size=64)
  for size in ((73, 75), (75, 73), (74, 74)):
    blend(*smooth_pictures(size), square(size, 20, 40))
  assert blend._program._cache_size() == 1


def test_a_canvas_gives_what_the_exact_size_gives(monkeypatch):
  size = (71, 75)
  arguments = *smooth_pictures(size), square(size, 20, 40)
  blend = Blender("gaussian_poisson", image_size=64)
  in_canvas = blend(*arguments).astype(int)
  monkeypatch.setattr(
    blender_lib.buckets, "bucket", lambda height, width, *_: (height, width)
  )
  assert np.abs(in_canvas - blend(*arguments)).max() <= 1


def test_local_is_the_whole_solve_near_the_object_and_the_scene_elsewhere():
  """The bound of the margin: under half a grey level, and truncation."""
  size = (110, 128)
  source, target = smooth_pictures(size, seed=4)
  mask = np.zeros(size, np.uint8)
  mask[60:70, 30:42] = 1
  options = {"image_size": 64, "method": "gaussian_poisson"}
  whole = Blender(**options)(source, target, mask).astype(int)
  blend = Blender(**options, local=True, margin=40)
  local = blend(source, target, mask)
  near = np.s_[60 - 20 : 70 + 20, 30 - 20 : 42 + 20]
  assert np.abs(local[near] - whole[near]).max() <= 1
  assert (
    np.abs(local[62:68, 32:40].astype(int) - target[62:68, 32:40]).max() > 2
  )
  np.testing.assert_array_equal(local[:, 100:], target[:, 100:])
  # No seam: the fade's steps are as small as the scene's own.
  steps = np.abs(np.diff(local.astype(int), axis=1))
  assert steps.max() <= np.abs(np.diff(whole, axis=1)).max() + 4


def test_poisson_and_paste():
  size = (120, 130)
  source, target = smooth_pictures(size)
  mask = square(size, 60, 67)
  pasted = Blender("paste")(source, target, mask)
  np.testing.assert_array_equal(
    pasted, np.where(mask[..., None] > 0, source, target)
  )
  blend = Blender("poisson", batch_size=2)
  result = blend(source, target, mask)
  np.testing.assert_array_equal(result[:25], target[:25])
  assert np.abs(result.astype(int) - target)[61:66, 61:66].max() > 2
  same = blend(target, target, mask)
  np.testing.assert_array_equal(same, target)
  with pytest.raises(BlendError, match="3 x 3"):
    blend(source[:2, :2], target[:2, :2], np.ones((2, 2)))


def test_feather():
  size = (40, 42)
  source, target = smooth_pictures(size)
  mask = square(size, 8, 30)
  result = Blender("feather", feather=4)(source, target, mask)
  outside = mask == 0
  np.testing.assert_array_equal(result[outside], target[outside])
  np.testing.assert_array_equal(result[13:25, 13:25], source[13:25, 13:25])
  edge = np.abs(result.astype(int) - target)[8, 8:30]
  pasted = np.abs(source.astype(int) - target)[8, 8:30]
  assert edge.max() <= 0.05 * pasted.max() + 1
  hard = Blender("feather", feather=0)(source, target, mask)
  np.testing.assert_array_equal(hard, Blender("paste")(source, target, mask))


@pytest.mark.parametrize(
  "options",
  [
    {"method": "gaussian_poisson", "image_size": 16},
    {"method": "gaussian_poisson", "image_size": 16, "local": True},
    {"method": "poisson"},
    {"method": "feather"},
    {"method": "paste"},
    {"weights": CASE / "checkpoint.npz"},
    {"weights": GOLDENS / "pipeline_unsupervised/checkpoint.npz"},
  ],
  ids=lambda options: " ".join(map(str, options)),
)
def test_steady_pictures_do_not_depend_on_their_company(options):
  blend = Blender.load(
    **{"n_iteration": 3} | options, steady=True, batch_size=8
  )
  size = (40, 50)
  pictures = np.random.default_rng(0).integers(
    0, 256, (2, 8, *size, 3), np.uint8
  )
  masks = [square(size, 3 + i, 20 + i) for i in range(8)]
  triples = [
    blend.prepare(*arguments)
    for arguments in zip(*pictures, masks, strict=True)
  ]
  together = blend.blend(triples)
  alone = [blend.blend([triple])[0] for triple in triples]
  twos = [x for i in range(0, 8, 2) for x in blend.blend(triples[i : i + 2])]
  backwards = blend.blend(triples[::-1])[::-1]
  three = blend.blend(triples[4:7])
  for results in (alone, twos, backwards):
    np.testing.assert_array_equal(results, together)
  np.testing.assert_array_equal(three, together[4:7])


def test_what_makes_pictures_is_recorded():
  made_by = Blender("paste").made_by
  steady = Blender("paste", steady=True, batch_size=4).made_by
  assert {k for k in made_by if made_by[k] != steady[k]} == {"steady"}
  assert steady != Blender("paste", steady=True, batch_size=2).made_by
  soft = [Blender("feather", feather=x).made_by for x in (4, 8)]
  assert soft[0] != soft[1]


def test_position_and_kinds_of_pictures():
  target = smooth_pictures((40, 50))[0]
  thing = np.dstack(
    [smooth_pictures((8, 9))[0], np.full((8, 9), 255, np.uint8)]
  )
  result = Blender("paste")(thing, target / 255, position=(30, 45))
  np.testing.assert_array_equal(result[30:38, 45:], thing[:, :5, :3])
  np.testing.assert_array_equal(result[:30], target[:30])


def test_the_fit_of_a_generator():
  case = GOLDENS / "pipeline_unsupervised"
  blend = Blender.load(case / "checkpoint.npz", n_iteration=5, batch_size=2)
  assert blend.method == "gp_gan_unsupervised"
  assert blend.options.image_size == 32
  source, target, other = smooth_pictures((40, 50), 3)
  mask = square((40, 50), 10, 25)
  triples = [blend.prepare(source, each, mask) for each in (target, other)]
  first, second = blend.blend(triples)
  swapped = blend.blend(triples[::-1])
  np.testing.assert_array_equal(first, swapped[1])
  np.testing.assert_array_equal(second, swapped[0])
  # A generator of random weights gives no colours, but gradients are the
  # pictures'.
  inner = np.s_[30:38, 30:45]
  assert np.corrcoef(first[inner].ravel(), target[inner].ravel())[0, 1] > 0.5


def test_converted_networks(tmp_path, loaded):
  network = loaded.network
  description = {
    "name": "encoder_decoder",
    "image_size": 32,
    "encoder_features": network.encoder_features,
    "decoder_features": network.decoder_features,
    "bottleneck": network.bottleneck,
  }
  folder = tmp_path / "converted"
  checkpoints.save_network(
    folder, jax.device_get(loaded._variables), {"network": description}
  )
  again = Blender.load(folder)
  assert again.method == "gp_gan"
  assert again.network.bottleneck == network.bottleneck
  jax.tree.map(
    np.testing.assert_array_equal, again._variables, loaded._variables
  )
  critic = models.create("dcgan_critic", image_size=8, features=2)
  variables = critic.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
  folder = tmp_path / "critic"
  checkpoints.save_network(
    folder,
    variables,
    {"network": {"name": "dcgan_critic", "image_size": 8, "features": 2}},
  )
  with pytest.raises(ValueError, match="DcganCritic, which does not blend"):
    Blender.load(folder)


def test_without_weights():
  blend = Blender.load()
  assert blend.method == "gaussian_poisson"
  assert "no weights" in blend.describe()
  assert blend.made_by["weights"] is None
  with pytest.raises(ValueError, match="no_such_file does not exist"):
    Blender.load("no_such_file")
  # No network, so no numbers of the original's to keep, and no size.
  assert blend.options.behavior == "fixed"
  small = *smooth_pictures((20, 20)), square((20, 20), 5, 9)
  assert blend.prepare(*small).size == (20, 20)
  blend = Blender.load(behavior="exact")
  with pytest.raises(BlendError, match="network works at 64 x 64"):
    blend.prepare(*small)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"method": "magic"}, "unknown method 'magic'"),
    ({"method": "gp_gan"}, "needs weights of the network EncoderDecoder"),
    ({"method": "paste", "batch_size": 0}, "batch_size is 0"),
    ({"method": "poisson", "transfer": "best"}, "transfer is 'best'"),
    ({"method": "feather", "feather": -1}, "feather is -1"),
    ({"method": "feather", "feather": float("nan")}, "feather is nan"),
    ({"method": "gaussian_poisson", "margin": 0}, "margin is 0"),
    ({"method": "gaussian_poisson", "sigma": -1}, "sigma is -1"),
  ],
)
def test_options_that_do_not_fit(options, message):
  with pytest.raises(ValueError, match=message):
    Blender(**options)


def test_networks_that_do_not_fit(loaded):
  arguments = loaded.network, loaded._variables
  with pytest.raises(ValueError, match="takes the network DcganGenerator"):
    Blender("gp_gan_unsupervised", *arguments)
  with pytest.raises(ValueError, match=r"image_size is 64.*weights are for 32"):
    Blender("gp_gan", *arguments, image_size=64)


def test_one_call_keeps_what_it_compiled():
  size = (12, 14)
  source, target = smooth_pictures(size)
  mask = square(size, 3, 6)
  result = blender_lib.blend(source, target, mask, method="paste")
  again = blender_lib.blend(target, source, mask, method="paste")
  assert (result != again).any()
  info = blender_lib._loaded.cache_info()
  assert info.hits >= 1
