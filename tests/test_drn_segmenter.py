"""DRN as a segmenter: one size or six, any picture, and where it is found."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
import tiny_drn
from PIL import Image

from gansynth import checkpoints, convert, models, published, segmenters
from gansynth.convert import drn as convert_drn
from gansynth.models import drn

ARCH = "drn_d_22"


@pytest.fixture(autouse=True)
def _shallow(monkeypatch):
  tiny_drn.shallow(monkeypatch, name=ARCH)


@pytest.fixture
def converted():
  """Description and variables of a network whose classes vary."""
  state = tiny_drn.draw(convert_drn.state_shapes(ARCH, 5))
  state["up.weight"] = np.tile(drn.fixed_kernel(), (5, 1, 1, 1))
  state["seg.weight"] -= state["seg.weight"].mean(1, keepdims=True)
  state["seg.bias"] *= 0
  return convert.convert_state_dict(state)


@pytest.fixture
def segment(converted):
  description, variables = converted
  network = models.create(**description)
  return segmenters.DrnSegmenter(network, variables, batch_size=3)


def pictures(*sizes):
  """Pictures of patches, which a network of few layers tells apart."""
  rng = np.random.default_rng(0)
  small = [rng.integers(0, 256, (4, 5, 3), np.uint8) for _ in sizes]
  return [
    np.array(Image.fromarray(x).resize((width, height)))
    for x, (height, width) in zip(small, sizes, strict=True)
  ]


def log_probabilities(converted, picture):
  description, variables = converted
  network = models.create(**description)
  forward = jax.jit(network.apply, compiler_options=tiny.FAST_COMPILE)
  found, _ = forward(variables, drn.normalise(picture[None]))
  return np.asarray(found[0])


def assert_most_likely(classes, scores):
  """Classes are those of the highest score, where that is clear."""
  ordered = np.sort(scores, -1)
  clear = ordered[..., -1] - ordered[..., -2] > 1e-3
  assert clear.mean() > 0.95
  np.testing.assert_array_equal(classes[clear], scores.argmax(-1)[clear])
  assert len(np.unique(classes)) > 1


def test_any_size_is_continued_by_reflection(converted, segment):
  assert segment.num_classes == 5
  assert segment.batch_size == 4  # as many as devices
  shown = pictures((32, 48), (27, 41), (32, 48))
  found = segment(shown)
  assert [x.shape for x in found] == [x.shape[:2] for x in shown]
  assert {x.dtype for x in found} == {np.dtype(np.uint8)}
  assert_most_likely(found[2], log_probabilities(converted, shown[2]))
  whole = np.pad(shown[1], [(0, 5), (0, 7), (0, 0)], mode="reflect")
  scores = log_probabilities(converted, whole)
  assert_most_likely(found[1], scores[:27, :41])


def test_floats_are_the_bytes_they_stand_for(segment):
  (shown,) = pictures((32, 48))
  one, other = segment([shown, (shown / 255).astype(np.float32)])
  np.testing.assert_array_equal(one, other)


class Linear(nn.Module):
  """Tells classes of each pixel's colour, up to multiples of 8 as `Drn`."""

  num_classes: int = 5

  @nn.compact
  def __call__(self, pictures):
    kernel = self.param("kernel", nn.initializers.normal(), (3, 5))
    filling = [(0, -side % 8) for side in pictures.shape[1:3]]
    x = jnp.pad(pictures, [(0, 0), *filling, (0, 0)], mode="edge")
    return nn.log_softmax(x @ kernel), None


def test_six_sizes_are_added_up():
  rng = np.random.default_rng(1)
  kernel = rng.normal(size=(3, 5)).astype(np.float32)
  variables = {"params": {"kernel": kernel}}
  network = Linear()
  segment = segmenters.DrnSegmenter(network, variables)
  (shown,) = pictures((30, 44))
  total = 0
  for scale in (1.0, 0.5, 0.75, 1.25, 1.5, 1.75):
    size = int(44 * scale), int(30 * scale)
    scaled = Image.fromarray(shown).resize(size, Image.Resampling.BICUBIC)
    normal = drn.normalise(np.array(scaled)[None])
    scores = np.asarray(network.apply(variables, normal)[0][0])
    planes = [
      Image.fromarray(plane).resize((44, 30), Image.Resampling.BILINEAR)
      for plane in np.moveaxis(scores, -1, 0)
    ]
    total = total + np.stack([np.array(plane) for plane in planes], -1)
  several = segment.at_scales(True)
  found = several.log_probabilities(np.stack([shown] * 4))
  np.testing.assert_allclose(found[3], total, rtol=1e-4, atol=1e-3)
  (classes,) = several([shown])
  assert_most_likely(classes, total)
  assert (classes != segment([shown])[0]).any()


def test_who_looks_at_six_sizes_is_another_maker(segment):
  several = segment.at_scales(True)
  assert several.made_by["multi_scale"]
  assert several.made_by == {**segment.made_by, "multi_scale": True}
  assert several.at_scales(False).made_by == segment.made_by
  assert not segment.made_by["multi_scale"]


def test_large_pictures_are_taken_fewer_at_a_time(segment):
  segment.batch_size = 64
  assert segment._most((256, 512)) == 64
  assert segment._most((512, 1024)) == 16
  assert segment._most((1024, 2048)) == 4
  assert segment._most((4096, 4096)) == 4


def test_a_rest_is_filled_and_few_pictures_hardly_are(segment):
  count = functools.partial(segment._count, most=64)
  assert count((64, 64), 1) == 4  # as many as devices
  assert count((64, 64), 9) == 16
  assert count((64, 64), 2) == 16  # there is a program for so many
  assert count((64, 64), 40) == 64
  assert count((64, 72), 5) == 8
  assert count((64, 80), 64) == 64


def test_tiny_pictures_are_refused(segment):
  with pytest.raises(segmenters.SegmenterError, match=r"picture 1 is 40 x 15"):
    segment([*pictures((32, 48)), np.zeros((15, 40, 3), np.uint8)])


def save(converted, folder):
  description, variables = converted
  checkpoints.save_network(folder, variables, {"network": description})


@pytest.mark.parametrize("name", [ARCH, "mine"])
def test_imported_networks_are_found(converted, segment, tmp_path, name):
  description, _ = converted
  save(converted, tmp_path / name)
  if name == ARCH:  # the published one tells 19 classes
    network = published.WEIGHTS[name].description
    assert network["arch"] == description["arch"]
  for kind in ("auto", "drn"):
    loaded = segmenters.load(tmp_path / name, kind, 5, batch_size=3)
    assert loaded.made_by == segment.made_by
  assert segmenters.load(tmp_path / name, multi_scale=True).made_by[
    "multi_scale"
  ]
  with pytest.raises(ValueError, match="tells 5 classes, and 19 are wanted"):
    segmenters.load(tmp_path / name, num_classes=19)


def test_original_files_are_told(converted, segment, tmp_path):
  torch = pytest.importorskip("torch")
  state = convert.to_state_dict(*converted)
  path = tmp_path / "drn.pth"
  torch.save({key: torch.tensor(value) for key, value in state.items()}, path)
  assert segmenters.load(path).made_by == segment.made_by


def test_missing_weights_are_named_with_the_command(tmp_path):
  with pytest.raises(
    published.MissingWeightsError,
    match=r"tools/convert_checkpoint\.py drn-d-105_ms_cityscapes\.pth --output",
  ):
    segmenters.load(tmp_path / "drn_d_105")


def test_random_weights_say_so(tmp_path):
  loaded = segmenters.load(tmp_path / ARCH, random_features=True)
  assert loaded.made_by["weights"] == "random_features"
  assert loaded.num_classes == 19
  (found,) = loaded(pictures((32, 32)))
  assert found.shape == (32, 32)


def test_other_segmenters_look_at_one_size():
  with pytest.raises(segmenters.SegmenterError, match="several scales are for"):
    segmenters.load(lambda x: x[..., 0].astype(int), multi_scale=True)


def test_other_networks_are_no_drn(tmp_path):
  description = {"name": "segmentation_unet", "num_classes": 3, "features": 2}
  network = models.create(**description)
  variables = tiny.random_variables(network, (1, 32, 32, 3))
  checkpoints.save_network(
    tmp_path / "unet", variables, {"network": description}
  )
  with pytest.raises(ValueError, match="which is no DRN"):
    segmenters.load(tmp_path / "unet", kind="drn")
