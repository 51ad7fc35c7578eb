"""Label maps through generators: sizes, styles, features, statistics."""

import functools
import logging

import jax
import label_networks_standin as standin
import numpy as np
import pytest
import tiny

import gansynth
from gansynth import checkpoints, images, models
from gansynth.label_translator import LabelTranslator
from gansynth.models import encoders, spectral
from gansynth.models.semantics import Conditioning
from gansynth.synthesis import instance_features

LABELS = Conditioning(3)
EDGES = Conditioning(3, dont_care=True, edges=True)
GLOBAL = {
  "name": "pix2pixhd_global",
  "features": 2,
  "num_downsampling": 1,
  "num_blocks": 1,
  "initial_kernel_size": 3,
  "norm": "spectralinstance",
}


def maps(*sizes, top=3, seed=0):
  """Labels in blocks of 4 pixels."""
  rng = np.random.default_rng(seed)
  return [
    rng.integers(top, size=(-(-height // 4), -(-width // 4)), dtype=np.uint8)
    .repeat(4, 0)
    .repeat(4, 1)[:height, :width]
    for height, width in sizes
  ]


def photographs(*sizes, seed=5):
  rng = np.random.default_rng(seed)
  return [
    images.resize(rng.integers(256, size=(2, 2, 3), dtype=np.uint8), size)
    for size in sizes
  ]


def plain(conditioning=LABELS, **options):
  network = models.create(**GLOBAL)
  shape = (1, 16, 16, conditioning.channels)
  variables = standin.variables(network, shape)
  return LabelTranslator(
    network, variables, conditioning, **{"batch_size": 4, **options}
  )


def styled(conditioning=EDGES, *, encoder=True, **options):
  generator = standin.Generator()
  shape = (1, 16, 32, conditioning.channels)
  networks = [
    generator,
    standin.variables(generator, shape, (1, 5)),
    conditioning,
  ]
  if encoder:
    network = standin.Encoder()
    networks += [network, standin.variables(network, (1, 16, 32, 3), seed=1)]
  return LabelTranslator(*networks, **{"batch_size": 4, **options})


FEATURES = Conditioning(3, edges=True, features="instance")


def featured(conditioning=FEATURES, *, encoder=True, **options):
  generator = models.create(**{**GLOBAL, "norm": "instance"})
  shape = (1, 16, 16, conditioning.channels)
  networks = [generator, standin.variables(generator, shape), conditioning]
  if encoder:
    network = models.create(
      "instance_encoder",
      features=2,
      num_downsampling=2,
      initial_kernel_size=3,
    )
    networks += [network, standin.variables(network, (1, 16, 16, 3), seed=1)]
  return LabelTranslator(*networks, **{"batch_size": 4, **options})


def applied(translate, labels, *arguments, instances=None, features=None):
  """What the network itself makes of one label map."""
  batches = [
    None if x is None else np.asarray(x)[None] for x in (instances, features)
  ]
  shown = translate.conditioning(np.asarray(labels)[None], *batches)
  network, variables = translate.generator, translate.variables
  apply = jax.jit(network.apply, compiler_options=tiny.FAST_COMPILE)
  return np.asarray(apply(variables, shown, *arguments))[0]


@pytest.fixture(scope="module")
def by_labels():
  return plain()


@pytest.fixture(scope="module")
def by_style():
  return styled()


def test_sizes_that_need_no_padding_are_the_networks_own(by_labels):
  given = maps((16, 16), (12, 20), (16, 16))
  found = by_labels.translate([by_labels.scenes.make(x) for x in given])
  for labels, picture in zip(given, found, strict=True):
    assert picture.dtype == np.float32
    assert picture.std() > 0.05  # not a blank
    expected = applied(by_labels, labels)
    # Spectral norms were divided out before.
    np.testing.assert_allclose(picture, expected, atol=2e-5)


def test_other_sizes_are_continued_by_their_edges(by_labels):
  (labels,) = maps((15, 19))
  assert by_labels.canvas(by_labels.scenes.make(labels)) == (16, 20)
  continued = np.pad(labels, ((0, 1), (0, 1)), mode="edge")
  expected = images.to_uint8(applied(by_labels, continued))[:15, :19]
  found = by_labels(labels).astype(int)
  assert np.abs(found - expected).max() <= 1


def test_form_order_and_number_do_not_matter(by_labels):
  given = maps((16, 16), (12, 20), (15, 19), (16, 16), (12, 20), (16, 16))
  found = by_labels(given)
  assert isinstance(found, list)
  for labels, picture in zip(given, found, strict=True):
    assert picture.dtype == np.uint8
    assert picture.shape == (*labels.shape, 3)
    np.testing.assert_array_equal(by_labels(labels), picture)
  batch = by_labels(np.stack([given[i] for i in (0, 3, 5)]))
  assert batch.shape == (3, 16, 16, 3)
  np.testing.assert_array_equal(batch, [found[i] for i in (0, 3, 5)])
  np.testing.assert_array_equal(by_labels(given[1].astype(np.int64)), found[1])


@pytest.mark.parametrize(
  ("labels", "message"),
  [
    (np.full((16, 16), 7), r"label map 1: holds 7 \(256 pixels\); .* 0 to 2"),
    (np.full((16, 16), 255), r"holds 255 \(256 pixels\).*dont_care=True"),
    (np.full((16, 16), -1), r"label map 1: holds -1"),
    (np.zeros((16, 16)), r"label map 1 is float64 \(16, 16\); .* integers"),
    (np.zeros((16, 16, 3), int), r"label map 1 is int64 \(16, 16, 3\)"),
    (np.zeros((0, 16), int), r"label map 1 is int64 \(0, 16\)"),
  ],
)
def test_wrong_label_maps_are_named(by_labels, labels, message):
  with pytest.raises(images.ImageError, match=message):
    by_labels([*maps((16, 16)), labels])


def test_dont_care_is_the_last_label(by_style):
  (labels,) = maps((16, 32), top=4)
  stored = np.where(labels == 3, 255, labels).astype(np.uint8)
  z = np.ones(5)
  instances = np.zeros((16, 32), int)
  np.testing.assert_array_equal(
    by_style(stored, instances, z), by_style(labels, instances, z)
  )


def test_colour_maps_of_networks_without_labels():
  translate = plain(Conditioning(0))
  batch = np.stack(photographs((16, 16), (16, 16)))
  found = translate(batch)
  assert found.shape == (2, 16, 16, 3)
  np.testing.assert_array_equal(translate(batch[1]), found[1])
  floats = translate(images.to_unit_range(batch[1])).astype(int)
  assert np.abs(floats - found[1]).max() <= 1
  with pytest.raises(images.ImageError, match=r"label map 0 is uint8"):
    translate([np.zeros((16, 16), np.uint8)])


def test_edges_of_instances_are_shown(by_style):
  (labels,) = maps((16, 32))
  instances = maps((16, 32), top=200, seed=1)[0].astype(int) * 1000
  latent = np.linspace(-1, 1, 5, dtype=np.float32)
  found = by_style.translate([by_style.scenes.make(labels, instances, latent)])
  expected = applied(by_style, labels, latent[None], instances=instances)
  np.testing.assert_allclose(found[0], expected, atol=1e-5)
  other = by_style(labels, np.zeros_like(instances), latent)
  assert np.abs(other - images.to_uint8(found[0]).astype(int)).max() > 3


def test_missing_and_misplaced_instances_are_refused(by_style):
  labels = maps((16, 32), (16, 32))
  with pytest.raises(images.ImageError, match="label map 0 has no instance"):
    by_style(labels)
  with pytest.raises(ValueError, match="2 label maps, and 1 instance maps"):
    by_style(labels, labels[:1])
  for wrong in (labels[0][:8], labels[0] / 2, labels[0][..., None]):
    with pytest.raises(images.ImageError, match="instance map of label map 1"):
      by_style(labels, [labels[0], wrong])


def test_labels_for_instances_are_an_option_that_is_said_once(caplog):
  with pytest.raises(ValueError, match=r"instances is 'x'; choose 'labels'"):
    styled(instances="x")
  translate = styled(instances="labels")
  labels = maps((16, 32), (16, 32))
  with caplog.at_level(logging.WARNING):
    found = translate(labels)
    translate(labels)
  assert sum("no instance maps" in x for x in caplog.messages) == 1
  np.testing.assert_array_equal(found, styled()(labels, labels))


def test_styles_are_drawn_by_seed_and_place(by_style):
  labels = maps((16, 32), (16, 32))
  labels[1] = labels[0]
  found = by_style(labels, labels, number=3)
  assert [x.shape for x in found] == [(3, 16, 32, 3)] * 2
  pictures = np.concatenate(found).reshape(6, -1)
  assert len(np.unique(pictures, axis=0)) == 6
  np.testing.assert_array_equal(by_style(labels, labels, number=3), found)
  # One style is the first of several, without their axis.
  np.testing.assert_array_equal(by_style(labels, labels)[1], found[1][0])
  other = styled(seed=1)(labels, labels, number=3)
  assert not np.array_equal(other, found)
  draws = [by_style.scenes.draw(("x", k)) for k in range(400)]
  assert np.abs(np.mean(draws)) < 0.1
  assert np.std(draws) == pytest.approx(1, abs=0.1)


def test_styles_may_be_given(by_style):
  labels = maps((16, 32), (9, 40))
  instances = [x.astype(int) for x in labels]
  latents = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
  found = by_style(labels, instances, latents)
  assert [x.shape for x in found] == [(2, 16, 32, 3)] * 2  # a fixed size
  for k, latent in enumerate(latents):
    one = by_style(labels, instances, latent)
    np.testing.assert_array_equal(one, [x[k] for x in found])
  for style, message in (
    (np.zeros(4), r"a style of shape \(4,\); expected \(5,\)"),
    (np.zeros((2, 4)), r"a style of shape \(4,\)"),
  ):
    with pytest.raises(ValueError, match=message):
      by_style(labels, instances, style)
  with pytest.raises(ValueError, match="number is 2, of styles that are drawn"):
    by_style(labels, instances, latents, number=2)
  with pytest.raises(ValueError, match="number is 0"):
    by_style(labels, instances, number=0)


def test_styles_of_pictures_are_the_encoders_means(by_style):
  given = photographs((16, 32), (40, 30), (16, 32), (9, 9), (16, 32))
  encoder = standin.Encoder()
  variables = standin.variables(encoder, (1, 16, 32, 3), seed=1)
  found = by_style.encode(given)
  assert found.shape == (5, 5)
  for picture, latent in zip(given, found, strict=True):
    resized = images.to_unit_range(images.resize(picture, (16, 32)))
    mean, log_variance = encoder.apply(variables, resized[None])
    np.testing.assert_allclose(latent, mean[0], atol=1e-5)
  keys = [("a", 0)] * 5
  drawn = by_style.encode(given, keys)
  noise = (drawn[4] - found[4]) / np.exp(np.asarray(log_variance[0]) / 2)
  np.testing.assert_allclose(noise, by_style.scenes.draw(keys[0]), atol=1e-4)
  assert by_style.encode([]).shape == (0, 5)


def test_pictures_for_styles(by_style):
  (labels,) = maps((16, 32))
  given = photographs((16, 32), (40, 30))
  latents = by_style.encode(given)
  np.testing.assert_array_equal(
    by_style(labels, labels, given), by_style(labels, labels, latents)
  )
  np.testing.assert_array_equal(
    by_style(labels, labels, [given[0], latents[1]]),
    by_style(labels, labels, latents),
  )
  one = by_style(labels, labels, given[1])
  assert one.shape == (16, 32, 3)
  np.testing.assert_array_equal(one, by_style(labels, labels, latents[1]))
  drawn = by_style(labels, labels, given, sample=True)
  assert not np.array_equal(drawn, by_style(labels, labels, given))
  np.testing.assert_array_equal(
    drawn, by_style(labels, labels, given, sample=True)
  )
  with pytest.raises(images.ImageError, match=r"shape \(8, 8, 1\)"):
    by_style(labels, labels, np.zeros((8, 8, 1), np.uint8))
  without = styled(encoder=False)
  assert without(labels, labels).shape == (16, 32, 3)
  with pytest.raises(ValueError, match="there is no encoder"):
    without(labels, labels, given)


def test_generators_of_one_picture_take_no_style(by_labels):
  (labels,) = maps((16, 16))
  assert by_labels(labels, number=1).shape == (1, 16, 16, 3)
  with pytest.raises(ValueError, match="makes one picture of a scene"):
    by_labels(labels, number=2)
  with pytest.raises(ValueError, match="takes no style"):
    by_labels(labels, style=labels)
  with pytest.raises(ValueError, match="no styles that could be encoded"):
    by_labels.encode(photographs((16, 16)))


@pytest.mark.parametrize("pooled_over", ["instance", "label"])
def test_features_are_those_of_the_true_picture(pooled_over):
  conditioning = Conditioning(3, edges=True, features=pooled_over)
  translate = featured(conditioning)
  sizes = (16, 16), (14, 13)
  labels = maps(*sizes)
  instances = [x.astype(np.int32) for x in maps(*sizes, top=99)]
  pictures = photographs(*sizes)
  found = translate(labels, instances, pictures)
  # The first fits; the second is padded to what the encoder needs.
  assert [x.shape[:2] for x in found] == [*sizes]
  encoder = models.create(
    "instance_encoder", features=2, num_downsampling=2, initial_kernel_size=3
  )
  variables = standin.variables(encoder, (1, 16, 16, 3), seed=1)
  ids = instances[0] if pooled_over == "instance" else labels[0]
  features = encoders.pool_instances(
    encoder.apply(variables, images.to_unit_range(pictures[0])[None]), ids[None]
  )[0]
  expected = applied(
    translate, labels[0], instances=instances[0], features=features
  )
  difference = found[0].astype(int) - images.to_uint8(expected)
  assert np.abs(difference).max() <= 1
  one = translate(labels[0], instances[0], pictures[0])
  np.testing.assert_array_equal(one, found[0])
  other = translate(labels[0], instances[0], pictures[0][::-1])
  assert not np.array_equal(other, found[0])

  table = instance_features.cluster(
    translate.collect_features(labels, pictures, instances)
  )
  assert set(table.centres) <= {0, 1, 2}
  if pooled_over == "label":
    # One instance for each label and picture: nothing is averaged.
    assert any(
      np.allclose(features[labels[0] == 1][0], centre, atol=1e-6)
      for centre in table.centres[1]
    )


def test_features_are_drawn_from_a_table(tmp_path):
  table = instance_features.FeatureTable(
    {k: np.eye(3, dtype=np.float32) * (k - 1) for k in range(3)}
  )
  table.save(tmp_path / "table.npz")
  translate = featured(encoder=False, features=tmp_path / "table.npz")
  (labels,) = maps((16, 16))
  (instances,) = maps((16, 16), top=90)
  found = translate(labels, instances, number=3)
  assert found.shape == (3, 16, 16, 3)
  assert len({x.tobytes() for x in found}) == 3
  np.testing.assert_array_equal(translate(labels, instances), found[0])
  drawn = table.draw(labels, instances, translate.scenes.rng(("0", 0)))
  expected = images.to_uint8(
    applied(translate, labels, instances=instances, features=drawn)
  )
  assert np.abs(found[0].astype(int) - expected).max() <= 1
  without = featured()
  np.testing.assert_array_equal(without(labels, instances, table), found[0])
  with pytest.raises(ValueError, match="give the true picture"):
    without(labels, instances)
  with pytest.raises(ValueError, match="there is no encoder"):
    translate(labels, instances, photographs((16, 16))[0])
  with pytest.raises(images.ImageError, match="16 x 16 pixels, its picture 8"):
    without(labels, instances, photographs((16, 8))[0])
  with pytest.raises(ValueError, match="1 label maps, and 2 pictures"):
    without([labels], [instances], photographs((16, 16), (16, 16)))
  with pytest.raises(ValueError, match=r"has 3 features, the networks .* 0"):
    plain(features=table)


def test_batch_mode_uses_each_pictures_own_statistics(by_style):
  with pytest.raises(ValueError, match=r"'train'; choose one of eval, batch"):
    styled(mode="train")
  by_itself = styled(mode="batch")
  labels = maps((16, 32), (16, 32), (16, 32))
  latent = np.zeros(5, np.float32)
  scenes = [by_itself.scenes.make(x, x, latent) for x in labels]
  together = by_itself.translate(scenes)
  generator = by_itself.generator.clone(norm="batch")
  folded = spectral.fold(by_itself.variables)
  for scene, picture in zip(scenes, together, strict=True):
    alone = by_itself.translate([scene])[0]
    np.testing.assert_allclose(picture, alone, atol=1e-5)
    shown = by_itself.conditioning(scene.labels[None], scene.instances[None])
    expected, _ = generator.apply(
      folded, shown, latent[None], train=True, mutable=["batch_stats"]
    )
    np.testing.assert_allclose(picture, expected[0], atol=1e-4)
  running = by_style.translate(scenes)
  assert np.abs(running[0] - together[0]).max() > 0.02


def test_recalibrated_statistics_are_those_of_all_label_maps():
  translate = styled()
  labels = maps(*[(16, 32)] * 12)
  scenes = [translate.scenes.make(x, x, np.zeros(5)) for x in labels]
  before = translate.variables
  translate.recalibrate(scenes)
  # What the norm sees: the first convolution of every map.
  stack = np.stack(labels)
  shown = translate.conditioning(stack, stack.astype(np.int32)).dense()
  kernel = spectral.fold(before)["params"]["first"]["kernel"]
  seen = jax.lax.conv_general_dilated(
    shown, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
  ) + before["params"]["first"]["bias"].reshape(1, 1, 1, -1)
  found = translate.variables["batch_stats"]["norm"]
  np.testing.assert_allclose(found["mean"], seen.mean((0, 1, 2)), rtol=1e-4)
  np.testing.assert_allclose(found["var"], seen.var((0, 1, 2)), rtol=5e-3)
  # All else is as it was, and the new statistics are used.
  tiny.assert_same(translate.variables["params"], before["params"])
  tiny.assert_same(
    translate.variables["batch_stats"]["last"], before["batch_stats"]["last"]
  )
  picture = translate.translate(scenes[:1])[0]
  expected = applied(
    translate, labels[0], np.zeros((1, 5), np.float32), instances=labels[0]
  )
  np.testing.assert_allclose(picture, expected, atol=1e-4)
  with pytest.raises(ValueError, match="no label maps to recalibrate with"):
    translate.recalibrate([])


def test_networks_without_batch_norm_have_nothing_to_recalibrate(by_labels):
  scenes = [by_labels.scenes.make(x) for x in maps((16, 16))]
  with pytest.raises(ValueError, match="no running statistics"):
    by_labels.recalibrate(scenes)


def test_a_fixed_size_may_be_changed_where_there_is_no_style():
  generator = standin.Generator(use_vae=False)
  variables = standin.variables(generator, (1, 16, 32, 3))
  make = functools.partial(
    LabelTranslator, generator, variables, LABELS, batch_size=4
  )
  (labels,) = maps((24, 16))
  assert make()(labels).shape == (16, 32, 3)
  assert make(size=(32, 8))(labels).shape == (32, 8, 3)
  own = make(size="labels")
  assert own(labels).shape == (24, 16, 3)
  assert own(labels[:21, :13]).shape == (21, 13, 3)
  with pytest.raises(ValueError, match=r"with styles makes .* 32 x 16"):
    styled(size="labels")
  with pytest.raises(ValueError, match="of its label maps' sizes"):
    plain(size=(16, 16))


def test_half_precision_is_close(by_style):
  (labels,) = maps((16, 32))
  half = styled(dtype="bfloat16")
  assert half.generator.dtype == "bfloat16"
  z = np.zeros(5)
  found, expected = half(labels, labels, z), by_style(labels, labels, z)
  difference = np.abs(found.astype(int) - expected)
  assert 0 < difference.max() < 10


def test_what_made_a_picture_is_recorded(by_style):
  made_by = by_style.made_by
  assert made_by == styled().made_by
  for other in (styled(seed=1), styled(mode="batch"), styled(encoder=False)):
    assert other.made_by != made_by
  with pytest.raises(ValueError, match="no modulation that could be sparse"):
    styled(sparse=True)


def test_weights_can_come_later_and_change(by_labels):
  network = models.create(**GLOBAL)
  translate = LabelTranslator(network, None, LABELS, batch_size=4)
  (labels,) = maps((16, 16))
  with pytest.raises(ValueError, match="no weights yet"):
    translate(labels)
  translate.set_variables(standin.variables(network, (1, 16, 16, 3), seed=9))
  other = translate(labels)
  translate.set_variables(by_labels.variables)
  np.testing.assert_array_equal(translate(labels), by_labels(labels))
  assert not np.array_equal(other, by_labels(labels))


def test_a_converted_network_in_a_notebook(tmp_path, by_labels):
  checkpoints.save_network(
    tmp_path / "net",
    by_labels.variables,
    {"network": GLOBAL, "conditioning": {"num_labels": 3}},
  )
  (labels,) = maps((16, 16))
  translate = gansynth.LabelTranslator.load(tmp_path / "net")
  np.testing.assert_array_equal(translate(labels), by_labels(labels))
