"""Folders of label maps to folders of pictures: names, styles, resuming."""

import json
import os

import label_networks_standin as standin
import numpy as np
import pytest
from PIL import Image

from gansynth import images, models
from gansynth.data.labels import palettes
from gansynth.data.labels.preprocess import LabelPreprocess
from gansynth.data.labels.reading import LabelReader
from gansynth.label_translator import LabelTranslator
from gansynth.models.semantics import Conditioning
from gansynth.synthesis import folders, label_folders
from gansynth.synthesis.folders import Result

EDGES = Conditioning(3, dont_care=True, edges=True)
SIZES = {
  "a.png": (16, 32),
  "b.png": (24, 24),
  "c_10.png": (16, 32),
  "c_9.png": (40, 20),
  "deep/a.png": (16, 32),
}


def write(folder, sizes, top=3, seed=0, dtype=np.uint8):
  rng = np.random.default_rng(seed)
  for name, (height, width) in sizes.items():
    blocks = rng.integers(top, size=(height // 4, width // 4)).astype(dtype)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(blocks.repeat(4, 0).repeat(4, 1)).save(path)


def write_pictures(folder, sizes, seed=7):
  rng = np.random.default_rng(seed)
  for name, size in sizes.items():
    blocks = rng.integers(256, size=(2, 2, 3), dtype=np.uint8)
    images.write(folder / name, images.resize(blocks, size))


def styled(encoder=True, **options):
  generator, network = standin.Generator(), standin.Encoder()
  return LabelTranslator(
    generator,
    standin.variables(generator, (1, 16, 32, 5), (1, 5)),
    EDGES,
    network if encoder else None,
    standin.variables(network, (1, 16, 32, 3), seed=1) if encoder else None,
    **{"batch_size": 4, **options},
  )


@pytest.fixture(scope="module")
def translate():
  return styled()


@pytest.fixture
def source(tmp_path):
  write(tmp_path / "labels", SIZES)
  write(tmp_path / "instances", SIZES, top=60000, dtype=np.uint16, seed=1)
  write_pictures(
    tmp_path / "styles", {"dusk.jpg": (20, 20), "x/fog.png": (9, 9)}
  )
  return tmp_path


def run(translate, source, output="out", **options):
  return label_folders.synthesize_labels(
    translate,
    source / "labels",
    source / output,
    **{"instances": source / "instances", **options},
  )


def written(folder):
  return sorted(
    path.relative_to(folder).as_posix()
    for path in folder.rglob("*")
    if path.is_file() and path.name != folders.RECORD
  )


def scene(translate, source, name, style=None, number=0):
  """What `synthesize_labels` is to make a picture of."""
  maps = {
    kind: images.resize(
      images.read_integers(source / kind / name), (16, 32), "nearest"
    )
    for kind in ("labels", "instances")
  }
  stem = os.path.splitext(name)[0]
  return translate.scenes.make(*maps.values(), style, key=(stem, number))


def expected(translate, *scenes):
  return [images.to_uint8(x) for x in translate.translate(scenes)]


def test_every_label_map_in_every_drawn_style(translate, source):
  assert run(translate, source, number=2) == Result(5, 0, [])
  names = [os.path.splitext(name)[0] for name in sorted(SIZES)]
  assert written(source / "out") == sorted(
    f"{name}_{k:03}.png" for name in names for k in (0, 1)
  )
  for name in names:
    made = [images.read(source / "out" / f"{name}_{k:03}.png") for k in (0, 1)]
    assert made[0].shape == (16, 32, 3)
    assert not np.array_equal(*made)
    scenes = [scene(translate, source, f"{name}.png", number=k) for k in (0, 1)]
    np.testing.assert_array_equal(made, expected(translate, *scenes))
  # More styles can be added; the first one alone has the map's own name.
  before = {
    name: (source / "out" / name).stat().st_mtime_ns
    for name in written(source / "out")
  }
  assert run(translate, source, number=3) == Result(5, 0, [])
  assert run(translate, source, number=3) == Result(0, 5, [])
  assert len(written(source / "out")) == 15
  for name, time in before.items():
    assert (source / "out" / name).stat().st_mtime_ns == time
  run(translate, source, "one")
  np.testing.assert_array_equal(
    images.read(source / "one/deep/a.png"),
    images.read(source / "out/deep/a_000.png"),
  )


def test_every_label_map_in_the_styles_of_pictures(translate, source):
  result = run(translate, source, styles=source / "styles")
  assert result == Result(5, 0, [])
  assert {name.split("_")[-1] for name in written(source / "out")} == {
    "dusk.png",
    "fog.png",
  }
  latents = translate.encode(
    [images.read(source / "styles" / x) for x in ("dusk.jpg", "x/fog.png")]
  )
  for name, latent in zip(("dusk", "fog"), latents, strict=True):
    (picture,) = expected(translate, scene(translate, source, "b.png", latent))
    np.testing.assert_array_equal(
      images.read(source / f"out/b_{name}.png"), picture
    )
  write_pictures(source / "styles", {"dusk.jpg": (20, 20)}, seed=8)
  with pytest.raises(ValueError, match="made with styles"):
    run(translate, source, styles=source / "styles")
  run(translate, source, "drawn", styles=source / "styles", sample=True)
  assert not np.array_equal(
    images.read(source / "drawn/b_fog.png"),
    images.read(source / "out/b_fog.png"),
  )


def test_every_label_map_in_the_style_of_its_own_picture(translate, source):
  write_pictures(source / "own", {"z.png": (8, 8), **SIZES})
  options = {"styles": source / "own", "style_pairing": "name"}
  assert run(translate, source, **options) == Result(5, 0, [])
  assert written(source / "out") == sorted(SIZES)
  # As the original's loader does: to the generator's size, then encoded.
  picture = images.read(source / "own/c_9.png")
  (latent,) = translate.encode([images.resize(picture, (16, 32))])
  (made,) = expected(translate, scene(translate, source, "c_9.png", latent))
  np.testing.assert_array_equal(images.read(source / "out/c_9.png"), made)
  run(translate, source, "drawn", sample=True, **options)
  keys = [("c_9", 0)]
  (latent,) = translate.encode([images.resize(picture, (16, 32))], keys)
  (made,) = expected(translate, scene(translate, source, "c_9.png", latent))
  np.testing.assert_array_equal(images.read(source / "drawn/c_9.png"), made)
  (source / "own/b.png").unlink()
  with pytest.raises(images.ImageError, match=r"b\.png: .*own.* no picture"):
    run(translate, source, **options)


def test_interrupted_goes_on_without_redoing(translate, source):
  run(translate, source, number=2)
  before = {
    name: (source / "out" / name).read_bytes()
    for name in written(source / "out")
  }
  for name in ("a_001.png", "deep/a_000.png", "deep/a_001.png"):
    (source / "out" / name).unlink()
  (source / "out/.a.x.tmp").write_bytes(b"half a picture")
  os.utime(source / "out/a_000.png", (1000, 1000))
  assert run(translate, source, number=2) == Result(2, 3, [])
  assert written(source / "out") == sorted(before)
  for name, data in before.items():
    assert (source / "out" / name).read_bytes() == data
  assert (source / "out/a_000.png").stat().st_mtime == 1000


def test_other_settings_are_refused(translate, source):
  run(translate, source)
  for made_by, options, message in (
    (styled(seed=1), {}, "seed 0, now it is 1"),
    (styled(mode="batch"), {}, "mode 'eval', now it is 'batch'"),
    (translate, {"file_format": "jpg"}, "format 'png', now it is 'jpg'"),
    (translate, {"reader": LabelReader(3)}, "made with reader"),
    (translate, {"preprocess": LabelPreprocess("none")}, "with preprocess"),
    (styled(instances="labels"), {"instances": "labels"}, "instance_maps True"),
  ):
    with pytest.raises(ValueError, match=message):
      run(made_by, source, **options)


def test_hosts_share_the_work_and_draw_the_same(translate, source, monkeypatch):
  run(translate, source, "whole", number=2)
  monkeypatch.setattr("jax.process_count", lambda: 2)
  monkeypatch.setattr("gansynth.parallel.on_primary", lambda action: action())
  for index, share in ((0, 3), (1, 2)):
    monkeypatch.setattr("jax.process_index", lambda index=index: index)
    assert run(translate, source, number=2) == Result(share, 0, [])
  assert written(source / "out") == written(source / "whole")
  for name in written(source / "out"):
    one, other = (source / x / name for x in ("out", "whole"))
    assert one.read_bytes() == other.read_bytes()


def test_the_originals_folders(translate, source):
  options = {
    "results": "original",
    "experiment": "coco",
    "phase": "val",
    "epoch": "50",
  }
  with pytest.raises(ValueError, match=r"would both be written to images/inp"):
    run(translate, source, **options)
  (source / "labels/deep/a.png").rename(source / "labels/deep/d.png")
  (source / "instances/deep/a.png").rename(source / "instances/deep/d.png")
  assert run(translate, source, **options) == Result(5, 0, [])
  folder = source / "out/coco/val_50"
  stems = ["a", "b", "c_10", "c_9", "d"]
  assert written(folder) == [
    *(f"images/input_label/{x}.png" for x in stems),
    *(f"images/synthesized_image/{x}.png" for x in stems),
    "index.html",
  ]
  shown = scene(translate, source, "b.png")
  np.testing.assert_array_equal(
    images.read(folder / "images/synthesized_image/b.png"),
    expected(translate, shown)[0],
  )
  colors = palettes.label_colors(3 + 2)
  np.testing.assert_array_equal(
    images.read(folder / "images/input_label/b.png"),
    palettes.colorize(shown.labels, colors),
  )
  page = (folder / "index.html").read_text()
  assert "<title>Experiment = coco, Phase = val, Epoch = 50</title>" in page
  places = [page.index(f"<h3>{x}</h3>") for x in ("a", "b", "c_9", "c_10", "d")]
  assert places == sorted(places)  # in natural order
  assert '<img src="images/input_label/c_9.png" style="width:256px">' in page
  run(translate, source, **options, number=2)
  assert (folder / "images/synthesized_image_001/b.png").exists()
  assert "synthesized_image_001/b.png" in (folder / "index.html").read_text()


def plain(conditioning, **options):
  network = models.create(
    "pix2pixhd_global",
    features=2,
    num_downsampling=1,
    num_blocks=1,
    initial_kernel_size=3,
  )
  shape = (1, 16, 16, conditioning.channels)
  return LabelTranslator(
    network,
    standin.variables(network, shape),
    conditioning,
    **{"batch_size": 4, **options},
  )


def test_own_sizes_palettes_and_colours_of_pix2pixhd(source):
  translate = plain(Conditioning(3))
  palette = source / "palette.txt"
  palette.write_text("0 0 255 sky\n0 255 0 tree\n255 0 0 car\n")
  labels = images.read_integers(source / "labels/a.png")[:15, :29]
  colors = palettes.load(palette)
  images.write(source / "coded/a.png", palettes.colorize(labels, colors))
  label_folders.synthesize_labels(
    translate,
    source / "coded",
    source / "out",
    reader=LabelReader(3, palette=str(palette)),
    results="original",
  )
  folder = source / "out/labels/test_latest/images"
  np.testing.assert_array_equal(
    images.read(folder / "synthesized_image/a.png"), translate(labels)
  )
  np.testing.assert_array_equal(
    images.read(folder / "input_label/a.png"),
    palettes.colorize(labels, palettes.label_colors(3, first=0)),
  )


def test_cityscapes_as_downloaded(source):
  folder = source / "gtFine/val"
  name = "ulm/ulm_000000_000019_gtFine"
  write(folder, {f"{name}_labelIds.png": (16, 16)})
  write(
    folder, {f"{name}_instanceIds.png": (16, 16)}, top=30000, dtype=np.uint16
  )
  write(folder, {f"{name}_color.png": (16, 16)})
  translate = plain(Conditioning(3, edges=True))
  options = {"instances": folder}
  for results, output in (
    ("plain", f"{name}_labelIds.png"),
    (
      "original",
      "labels/test_latest/images/synthesized_image/"
      "ulm_000000_000019_leftImg8bit.png",
    ),
  ):
    result = label_folders.synthesize_labels(
      translate, folder, source / results, results=results, **options
    )
    assert result == Result(1, 0, [])
    np.testing.assert_array_equal(
      images.read(source / results / output),
      translate(
        images.read_integers(folder / f"{name}_labelIds.png"),
        images.read_integers(folder / f"{name}_instanceIds.png"),
      ),
    )


def test_unusable_label_maps_stop_or_are_skipped(translate, source):
  write(source / "labels", {"b.png": (24, 24)}, top=9)
  with pytest.raises(images.ImageError, match=r"b\.png: holds 4 \(\d+ pixels"):
    run(translate, source)
  assert written(source / "out") == ["a.png"]
  result = run(translate, source, skip_unreadable=True)
  assert (result.translated, result.already_there) == (3, 1)
  assert "b.png: holds 4" in result.skipped[0]
  (source / "instances/c_9.png").unlink()
  with pytest.raises(
    images.ImageError, match=r"c_9\.png: .*instances' holds no instance map"
  ):
    run(translate, source)


def test_labels_for_instances(source):
  translate = styled(instances="labels")
  run(translate, source, instances="labels")
  labels = images.read_integers(source / "labels/a.png")
  latent = translate.scenes.draw(("a", 0))
  np.testing.assert_array_equal(
    images.read(source / "out/a.png"), translate(labels, labels, latent)
  )


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"instances": ""}, "no folder of instance maps"),
    ({"instances": "labels"}, "no folder of instance maps"),
    ({"results": "x"}, "unknown results 'x'; choose one of plain, original"),
    ({"style_pairing": "x"}, "unknown style_pairing 'x'; choose one of all"),
    ({"file_format": "gif"}, "unknown format 'gif'"),
    ({"number": 0}, "number is 0"),
    ({"styles": "styles", "number": 2}, "leave one of them out"),
  ],
)
def test_options_that_do_not_fit(translate, source, options, message):
  if options.get("styles"):
    options = {**options, "styles": source / options["styles"]}
  with pytest.raises(ValueError, match=message):
    run(translate, source, **options)
  assert not (source / "out").exists()


def test_styles_that_do_not_fit(translate, source):
  without = styled(encoder=False)
  with pytest.raises(ValueError, match="there is no encoder"):
    run(without, source, styles=source / "styles")
  network = plain(Conditioning(3))
  with pytest.raises(ValueError, match="one picture of a scene; leave styles"):
    run(network, source, styles=source / "styles")
  with pytest.raises(ValueError, match="number is 2"):
    run(network, source, number=2)
  write_pictures(source / "styles", {"deep/dusk.png": (8, 8)})
  with pytest.raises(ValueError, match="two pictures 'dusk'"):
    run(translate, source, styles=source / "styles")
  with pytest.raises(ValueError, match="lies in the input"):
    run(translate, source, "labels/out")


FEATURES = Conditioning(3, edges=True, features="instance")


def featured(**options):
  generator = plain(FEATURES)
  encoder = models.create(
    "instance_encoder", features=2, num_downsampling=1, initial_kernel_size=3
  )
  return LabelTranslator(
    generator.generator,
    generator.variables,
    FEATURES,
    encoder,
    standin.variables(encoder, (1, 16, 16, 3), seed=1),
    batch_size=4,
    **options,
  )


def test_features_of_true_pictures_and_of_clusters(source):
  translate = featured()
  sizes = {"a.png": (16, 16), "b.png": (16, 16)}
  for kind, top, dtype in (("l", 3, np.uint8), ("i", 900, np.uint16)):
    write(source / kind, sizes, top=top, dtype=dtype)
  write_pictures(source / "p", sizes)
  read = {
    kind: [images.read_integers(source / kind / name) for name in sizes]
    for kind in "lip"
  }
  options = {"instances": source / "i"}
  label_folders.synthesize_labels(
    translate, source / "l", source / "out", styles=source / "p", **options
  )
  made = [images.read(source / "out" / name) for name in sizes]
  np.testing.assert_array_equal(
    made, translate(read["l"], read["i"], read["p"])
  )

  table = label_folders.cluster_features(
    translate, source / "l", source / "p", number=2, **options
  )
  assert max(map(len, table.centres.values())) == 2
  table.save(source / "table.npz")
  label_folders.synthesize_labels(
    translate,
    source / "l",
    source / "drawn",
    styles=source / "table.npz",
    number=2,
    **options,
  )
  scene = translate.scenes.make(read["l"][1], read["i"][1], table, key=("b", 1))
  np.testing.assert_array_equal(
    images.read(source / "drawn/b_001.png"),
    images.to_uint8(translate.translate([scene])[0]),
  )
  own = featured(features=source / "table.npz")
  label_folders.synthesize_labels(
    own, source / "l", source / "own", number=2, **options
  )
  for name in written(source / "own"):
    assert (source / "own" / name).read_bytes() == (
      source / "drawn" / name
    ).read_bytes()


def test_statistics_of_a_folder(source):
  translate = styled()
  label_folders.recalibrate(
    translate, source / "labels", instances=source / "instances"
  )
  other = styled()
  other.recalibrate(
    [scene(other, source, name) for name in sorted(SIZES, key=len)]
  )
  found, wanted = (
    x.variables["batch_stats"]["norm"]["mean"] for x in (translate, other)
  )
  # The last batch is filled up with other label maps.
  np.testing.assert_allclose(found, wanted, rtol=0.3)
  before = styled().variables["batch_stats"]["norm"]["mean"]
  assert np.abs(found - before).max() > 0.05


def test_the_record_says_what_made_the_pictures(translate, source):
  run(translate, source)
  recorded = json.loads((source / "out" / folders.RECORD).read_text())
  assert recorded["conditioning"]["num_labels"] == 3
  assert recorded["styles"] == "drawn"
  assert recorded["weights"] == translate.made_by["weights"]
