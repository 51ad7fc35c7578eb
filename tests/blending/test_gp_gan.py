import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.blending import gp_gan, solver, standin
from gansynth.blending.gp_gan import Options

CASE = (
  pathlib.Path(__file__).parents[1]
  / "parity/goldens/gpgan/pipeline_supervised_options"
)


def destination_colors(source, destination, mask):
  return destination


def blended(colorize, source, destination, mask, options, plan=None):
  """`gp_gan.gp_gan`, compiled: one by one its operations take longer."""

  @jax.jit
  def run(source, destination, mask, plan):
    return gp_gan.gp_gan(colorize, source, destination, mask, options, plan)

  plan = plan or options.plan(source.shape[-2:])
  return run(source, destination, mask, plan)


def planes(size, seed=0):
  rng = np.random.default_rng(seed)
  source, destination = rng.random((2, 1, 3, *size)).astype(np.float32)
  mask = np.zeros((1, 1, *size), np.float32)
  mask[..., size[0] // 4 : size[0] // 2, size[1] // 3 : size[1] // 2] = 1
  return source, destination, mask


def test_matches_the_original_in_a_canvas():
  """Own masks, recorded colours, and the picture in the corner of zeros."""
  inputs, outputs = (
    np.load(CASE / f"{name}.npz") for name in ("inputs", "outputs")
  )
  stated = json.loads((CASE / "case.json").read_text())["options"]
  stated["kernel"] = stated.pop("gradient_kernel")
  options = Options(**stated)
  size, canvas = inputs["mask"].shape, (256, 256)

  def place(name):
    array = np.atleast_3d(inputs[name]).astype(np.float32)
    array = np.moveaxis(array, -1, 0)[None] / (255 if name != "mask" else 1)
    room = [(0, 0)] * 2 + [(0, canvas[i] - size[i]) for i in range(2)]
    return np.pad(array, room)

  color = jnp.asarray(np.moveaxis(outputs["gan0"], -1, 0)[None], jnp.float32)
  y, details = blended(
    lambda *_: color,
    *map(place, ("src", "dst", "mask")),
    options,
    options.plan(size, canvas),
  )
  expected = np.moveaxis(outputs["out3"], -1, 0)
  error = np.abs(y[0, :, : size[0], : size[1]] - expected).max()
  assert error < 1e-4  # color_weight 0.3 leaves 1e-5 of the canvas's border
  assert float(jnp.abs(y[0, :, size[0] :]).max()) == 0
  below = np.moveaxis(outputs["out2"], -1, 0)
  np.testing.assert_allclose(details["out2"][0], below, atol=1e-5)


def test_one_level_is_the_solver():
  source, destination, mask = planes((8, 8))
  y, details = blended(
    destination_colors, source, destination, mask, Options(image_size=8)
  )
  np.testing.assert_allclose(
    y, solver.solve(source, destination, mask, destination), atol=1e-6
  )
  composite = np.where(mask > 0, source, destination)
  np.testing.assert_array_equal(details["composite0"], composite)
  np.testing.assert_array_equal(details["gan0"], destination)


def test_fixed_has_no_dark_frame():
  scene = np.full((1, 3, 12, 14), 0.5, np.float32)
  scene[..., 5:8, 5:8] = 0  # or all would be clipped to the one value
  mask = np.zeros((1, 1, 12, 14), np.float32)
  corners = {}
  for behavior in ("exact", "fixed"):
    options = Options(image_size=8, sigma=0.1, behavior=behavior)
    y = blended(destination_colors, scene, scene, mask, options)[0]
    corners[behavior] = float(y[0, 0, 0, 0])
  assert abs(corners["fixed"] - 0.5) < 0.02
  assert corners["exact"] < 0.45


def test_fixed_takes_pictures_smaller_than_the_network():
  source, destination, mask = planes((6, 11))
  y, details = blended(
    destination_colors,
    source,
    destination,
    mask,
    Options(image_size=16, behavior="fixed"),
  )
  assert y.shape == (1, 3, 6, 11)
  assert details["gan0"].shape == (1, 3, 16, 16)


def test_full_and_fractional_masks():
  """All is the source's where the mask is one and colours are its own."""
  source, destination, mask = planes((8, 8), 1)
  options = Options(image_size=8, sigma=0.1)
  y, _ = blended(
    lambda source, *_: source, source, destination, mask * 0 + 1, options
  )
  np.testing.assert_allclose(y, source, atol=1e-5)
  half, whole = (
    blended(destination_colors, source, destination, m, options)[0]
    for m in (mask / 2, mask)
  )
  assert float(jnp.abs(half - whole).max()) > 0.01


def test_the_standin_gives_an_object_the_light_of_its_place():
  """A textured dark object on a bright scene keeps its contrast only."""
  rng = np.random.default_rng(2)
  texture = rng.random((1, 3, 32, 32)).astype(np.float32) * 0.2
  scene = np.full((1, 3, 32, 32), 0.7, np.float32)
  mask = np.zeros((1, 1, 32, 32), np.float32)
  mask[..., 8:24, 8:24] = 1
  y = np.asarray(standin.colorize(texture, scene, mask))
  inside = np.s_[:, :, 9:23, 9:23]
  assert abs(y[inside].mean() - 0.7) < 0.1
  assert np.corrcoef(y[inside].ravel(), texture[inside].ravel())[0, 1] > 0.8
  assert np.abs(y[..., :4] - 0.7).max() < 0.05


def test_bytes_are_truncated_or_rounded():
  x = jnp.asarray([-0.1, 0.0, 0.999, 1.2]).reshape(1, 1, 4)
  assert gp_gan.to_uint8(x).ravel().tolist() == [0, 0, 254, 255]
  assert gp_gan.to_uint8(x, "fixed").ravel().tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"kernel": "canny"}, "kernel is 'canny'"),
    ({"border": "wrap"}, "border is 'wrap'"),
    ({"behavior": "better"}, "behavior is 'better'"),
    ({"image_size": 1}, "image_size is 1"),
    ({"color_weight": 0}, "color_weight is 0"),
    ({"color_weight": float("nan")}, "color_weight is nan"),
    ({"sigma": 0}, "sigma is 0"),
    ({"smooth_sigma": 1e9}, "smooth_sigma is 1"),
  ],
)
def test_options_that_cannot_be_used(options, message):
  with pytest.raises(ValueError, match=message):
    Options(**options)


def test_gradients_flow_through_all_levels():
  source, destination, mask = planes((10, 12), 3)

  def brightness(color):
    y, _ = gp_gan.gp_gan(
      lambda *_: color, source, destination, mask, Options(image_size=8)
    )
    return y.mean()

  color = jnp.full((1, 3, 8, 8), 0.5)
  gradient = jax.jit(jax.grad(brightness))(color)
  assert float(gradient.min()) > 0
