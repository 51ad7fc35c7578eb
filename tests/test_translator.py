"""Arrays through a generator: any sizes, one compilation, both modes."""

import jax
import numpy as np
import pytest
import tiny

import gansynth
from gansynth import checkpoints, images, models
from gansynth.translator import Translator

RESNET = {"name": "resnet_1blocks", "features": 4}
UNET = {"name": "unet_8", "features": 4, "use_dropout": False}


def pictures(*sizes, channels=3, seed=0):
  rng = np.random.default_rng(seed)
  return [
    rng.integers(256, size=(*size, channels), dtype=np.uint8) for size in sizes
  ]


def make(description, shape=(1, 32, 32, 3), **options):
  network = models.create(**description)
  variables = tiny.random_variables(network, shape)
  options = {"batch_size": 4, **options}
  return Translator(network, variables, **options)


@pytest.fixture(scope="module")
def compilations():
  """Counts what the backend compiles."""
  found = []

  def listen(name, *_, **__):
    if name == "/jax/core/compile/backend_compile_duration":
      found.append(name)

  jax.monitoring.register_event_duration_secs_listener(listen)
  yield found
  jax.monitoring.unregister_event_duration_listener(listen)


@pytest.fixture(scope="module")
def resnet():
  return make(RESNET)


ODD = [(29, 31), (32, 32), (30, 18), (9, 32), (8, 8), (17, 23), (31, 30)]


@pytest.mark.parametrize(
  ("norm", "upsample"),
  [
    ("instance", "transpose"),
    ("instance", "resize"),
    ("batch", "resize"),
    ("none", "transpose"),
  ],
)
def test_a_canvas_changes_nothing(norm, upsample):
  translate = make({**RESNET, "norm": norm, "upsample": upsample})
  given = pictures(*ODD[:4])
  found = translate.translate(given)
  apply = jax.jit(translate.network.apply, compiler_options=tiny.FAST_COMPILE)
  for picture, output in zip(given, found, strict=True):
    alone = apply(translate.variables, images.to_unit_range(picture)[None])[0]
    height, width = picture.shape[:2]
    assert output.shape == (height, width, 3)
    assert output.std() > 0.05  # not a blank
    np.testing.assert_allclose(output, alone[:height, :width], atol=1e-4)


def test_many_sizes_compile_once(resnet, compilations):
  resnet.translate(pictures((32, 32)))  # fills its canvas: no extents
  resnet.translate(pictures((31, 32)))
  before = len(compilations)
  for number, size in enumerate([*ODD, (25, 11), (12, 28)]):
    resnet.translate(pictures(size, seed=number))
  assert len(compilations) == before
  # A second canvas is one more; other weights are none.
  resnet.translate(pictures((33, 20)))
  assert len(compilations) == before + 1
  resnet.variables = jax.tree.map(lambda x: x + 0.01, resnet.variables)
  before = len(compilations)
  resnet.translate(pictures((31, 20)))
  assert len(compilations) == before


def test_order_and_number_do_not_matter(resnet):
  given = pictures(*ODD)
  together = resnet(given)
  assert [x.shape[:2] for x in together] == ODD
  for picture, output in zip(given, together, strict=True):
    assert output.dtype == np.uint8
    # Rounding that differs with the company may cross from a byte to the next.
    difference = np.abs(resnet(picture).astype(int) - output)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


def test_arrays_lists_and_floats(resnet):
  batch = np.stack(pictures(*[(16, 20)] * 5))
  outputs = resnet(batch)
  assert isinstance(outputs, np.ndarray)
  assert outputs.shape == (5, 16, 20, 3)
  as_list = resnet(list(batch))
  assert isinstance(as_list, list)
  np.testing.assert_array_equal(np.stack(as_list), outputs)
  floats = [images.to_unit_range(picture) for picture in batch]
  difference = np.abs(np.stack(resnet(floats)).astype(int) - outputs)
  assert difference.max() <= 1
  raw = resnet.translate(batch)
  assert raw[0].dtype == np.float32
  assert resnet([]) == []


def test_unet_takes_any_size():
  translate = make(UNET, (1, 8, 8, 3))
  given = pictures(*ODD)
  outputs = translate.translate(given)
  assert [x.shape for x in outputs] == [(*size, 3) for size in ODD]
  exact = translate.network.apply(
    translate.variables, images.to_unit_range(given[1])[None]
  )
  np.testing.assert_allclose(outputs[1], exact[0], atol=1e-5)
  # What was padded is a continuation: outputs are those of the padded one.
  padded = np.pad(given[0], [(0, 3), (0, 1), (0, 0)], mode="reflect")
  expected = translate.translate([padded])[0][:29, :31]
  np.testing.assert_allclose(outputs[0], expected, atol=1e-5)


def test_train_mode_uses_each_pictures_own_statistics():
  description = {**RESNET, "norm": "batch"}
  by_itself, running = (
    make(description, mode=mode, bucket=1) for mode in ("train", "eval")
  )
  given = pictures((16, 16), (16, 16), (16, 16))
  together = by_itself.translate(given)
  for picture, output in zip(given, together, strict=True):
    alone = by_itself.translate([picture])[0]
    np.testing.assert_allclose(output, alone, atol=1e-5)
    expected, _ = by_itself.network.apply(
      by_itself.variables,
      images.to_unit_range(picture)[None],
      train=True,
      mutable=["batch_stats"],
    )
    np.testing.assert_allclose(output, expected[0], atol=1e-4)
  difference = np.abs(running.translate(given)[0] - together[0])
  assert difference.max() > 0.01


def test_train_mode_drops_by_its_seed():
  description = {**RESNET, "use_dropout": True}
  given = pictures((16, 16))
  first, again, other = (
    make(description, mode="train", seed=seed).translate(given)[0]
    for seed in (0, 0, 1)
  )
  np.testing.assert_array_equal(first, again)
  assert np.abs(first - other).max() > 0.01
  kept = make(description).translate(given)[0]
  plain = make(RESNET).translate(given)[0]
  np.testing.assert_allclose(kept, plain, atol=1e-6)  # eval drops nothing


@pytest.mark.parametrize(
  ("shape", "message"),
  [
    ((7, 20, 3), r"picture 1 is 7 x 20 pixels .* at least 8"),
    ((20, 20, 1), r"picture 1 has shape \(20, 20, 1\); give .* 3\)"),
    ((20, 20, 4), r"picture 1 has shape \(20, 20, 4\)"),
    ((20, 20), r"picture 1 has shape \(20, 20\)"),
  ],
)
def test_wrong_pictures_are_named(resnet, shape, message):
  given = [*pictures((16, 16)), np.zeros(shape, np.uint8)]
  with pytest.raises(images.ImageError, match=message):
    resnet(given)


def test_unknown_mode_is_refused():
  with pytest.raises(ValueError, match=r"'test'; choose one of eval, train"):
    make(RESNET, mode="test")


def test_five_lines_of_a_notebook(tmp_path):
  network = models.create(**RESNET)
  checkpoints.save_network(
    tmp_path / "net",
    tiny.random_variables(network, (1, 16, 16, 3)),
    {"network": RESNET},
  )
  picture = pictures((20, 25))[0]
  translate = gansynth.Translator.load(tmp_path / "net")
  assert translate(picture).shape == (20, 25, 3)
  np.testing.assert_array_equal(translate(picture), make(RESNET)(picture))
