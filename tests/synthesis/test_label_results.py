"""The folders of the originals' tests, with the true pictures in them."""

import types

import label_networks_standin as standin
import numpy as np
import pytest
import tiny
from PIL import Image

from gansynth import config_defaults, images, synthesize
from gansynth.data.labels.preprocess import LabelPreprocess
from gansynth.label_translator import LabelTranslator
from gansynth.models.semantics import Conditioning
from gansynth.synthesis import folders, label_files, label_folders
from gansynth.synthesis.folders import Result

LABELS = {"a.png": (20, 40), "b.png": (16, 32), "deep/c.png": (16, 32)}
PICTURES = {"a.jpg": (20, 40), "b.png": (33, 50), "deep/c.png": (16, 32)}
FOLDER = "out/night/test_latest"
SCENES = ("a", "b", "c")


@pytest.fixture(scope="module")
def translate():
  """Pictures of 16 x 32, whatever the label maps."""
  generator = standin.Generator(use_vae=False)
  variables = standin.variables(generator, (1, 16, 32, 3))
  return LabelTranslator(generator, variables, Conditioning(3), batch_size=4)


@pytest.fixture
def source(tmp_path):
  rng = np.random.default_rng(0)
  for name, size in LABELS.items():
    path = tmp_path / "labels" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(3, size=size).astype(np.uint8)).save(path)
  for name, size in PICTURES.items():
    picture = rng.integers(256, size=(*size, 3), dtype=np.uint8)
    images.write(tmp_path / "pictures" / name, picture)
  return tmp_path


def run(translate, source, **options):
  return label_folders.synthesize_labels(
    translate,
    source / "labels",
    source / "out",
    **{
      "results": "original",
      "experiment": "night",
      "pictures": source / "pictures",
      **options,
    },
  )


def written(folder):
  return sorted(
    path.relative_to(folder).as_posix()
    for path in folder.rglob("*")
    if path.is_file() and path.name != folders.RECORD
  )


def as_the_original(path, size):
  """Pillow's bicubic, to a tensor in [-1, 1] and back, cut to bytes."""
  with Image.open(path) as picture:
    resized = picture.resize(size[::-1], Image.Resampling.BICUBIC)
  tensor = (np.float32(resized) / np.float32(255) - np.float32(0.5)) / 0.5
  return np.clip((tensor + 1) / 2 * 255, 0, 255).astype(np.uint8)


def test_true_pictures_lie_beside_the_ones_made(translate, source):
  assert run(translate, source) == Result(3, 0, [])
  kinds = ("GT_image", "input_label", "synthesized_image")
  assert written(source / FOLDER) == [
    *(f"images/{kind}/{x}.png" for kind in kinds for x in SCENES),
    "index.html",
  ]
  for path, scene in zip(sorted(PICTURES), SCENES, strict=True):
    found = images.read(source / FOLDER / f"images/GT_image/{scene}.png")
    expected = as_the_original(source / "pictures" / path, (16, 32))
    np.testing.assert_array_equal(found, expected)
  # Bytes are cut, not copied.
  assert (found != images.read(source / "pictures/deep/c.png")).any()
  page = (source / FOLDER / "index.html").read_text()
  shown = [
    page.index(f'<img src="images/{kind}/a.png"')
    for kind in ("input_label", "GT_image", "synthesized_image")
  ]
  assert shown == sorted(shown)  # in the original's order


def test_true_pictures_can_come_later_and_are_resumed(translate, source):
  assert run(translate, source, pictures="") == Result(3, 0, [])
  assert not (source / FOLDER / "images/GT_image").exists()
  assert "GT_image" not in (source / FOLDER / "index.html").read_text()
  made = source / FOLDER / "images/synthesized_image/a.png"
  before = made.stat().st_mtime_ns
  assert run(translate, source) == Result(3, 0, [])
  assert run(translate, source) == Result(0, 3, [])
  (source / FOLDER / "images/GT_image/b.png").unlink()
  assert run(translate, source) == Result(1, 2, [])
  assert (source / FOLDER / "images/GT_image/b.png").exists()
  assert made.stat().st_mtime_ns == before


def test_hosts_share_the_true_pictures(translate, source, monkeypatch):
  monkeypatch.setattr("jax.process_count", lambda: 2)
  monkeypatch.setattr("gansynth.parallel.on_primary", lambda action: action())
  monkeypatch.setattr("jax.process_index", lambda: 1)
  assert run(translate, source) == Result(1, 0, [])
  assert written(source / FOLDER / "images/GT_image") == ["b.png"]


def test_what_is_missing_is_said_before_the_work(translate, source):
  (source / "pictures/deep/c.png").unlink()
  with pytest.raises(images.ImageError, match=r"c\.png: .*pictures' holds no"):
    run(translate, source)
  with pytest.raises(images.ImageError, match="nowhere' does not exist"):
    run(translate, source, pictures=source / "nowhere")
  with pytest.raises(ValueError, match="plain results do not show them"):
    run(translate, source, results="plain")
  assert not (source / "out").exists()


def test_true_pictures_have_the_size_of_what_the_network_is_shown(source):
  def read(preprocess, name):
    reader = label_files.Reader(lambda path: labels, preprocess)
    labels = images.read_integers(source / "labels" / name)
    stem = name.removesuffix(".png")
    (picture,) = source.joinpath("pictures").glob(f"{stem}.*")
    return reader(label_files.LabelFile(name, name, truth=str(picture)))

  kept = read(None, "b.png")
  np.testing.assert_array_equal(
    kept["truth"],
    images.resize(images.read(source / "pictures/b.png"), (16, 32)),
  )
  fixed = LabelPreprocess("fixed", crop_size=8, aspect_ratio=2.0)
  for name in ("a.png", "b.png"):
    found = read(fixed, name)
    assert found["label"].shape == (4, 8)
    assert found["truth"].shape == (4, 8, 3)
  with pytest.raises(images.ImageError, match="truth 50 x 33"):
    read(LabelPreprocess("none"), "b.png")


def test_cityscapes_pairs_by_city_sequence_and_frame(tmp_path):
  label = tmp_path / "gtFine/ulm/ulm_000000_000019_gtFine_labelIds.png"
  picture = tmp_path / "leftImg8bit/ulm/ulm_000000_000019_leftImg8bit.png"
  images.write(label, np.zeros((4, 8), np.uint8))
  images.write(picture, np.zeros((4, 8, 3), np.uint8))
  (found,) = label_files.find(
    tmp_path / "gtFine", truths=tmp_path / "leftImg8bit"
  )
  assert found == label_files.LabelFile(
    "ulm/ulm_000000_000019_gtFine_labelIds.png", str(label), truth=str(picture)
  )
  assert found.original_name == "ulm_000000_000019_leftImg8bit"


def test_sizes_of_the_config(source, monkeypatch):
  """`size` says what label maps are resized to."""
  translate = types.SimpleNamespace(size=None, conditioning=Conditioning(3))
  asked = []
  monkeypatch.setattr(
    synthesize.LabelTranslator, "load", lambda *_, **options: translate
  )
  monkeypatch.setattr(
    label_folders,
    "synthesize_labels",
    lambda *_, **options: asked.append(options) or Result(0, 0, []),
  )
  config = config_defaults.label_to_image()
  for size in ("trained", "data"):
    changed = tiny.changed(
      config,
      synthesize__size=size,
      synthesize__input="labels",
      synthesize__output="out",
      synthesize__checkpoint="networks",
      synthesize__images="pictures",
      data__preprocess="fixed",
      data__crop_size=64,
      data__aspect_ratio=2.0,
    )
    synthesize.synthesize(changed, source)
  assert [options["pictures"] for options in asked] == ["pictures"] * 2
  assert asked[0]["preprocess"] is None
  labels = {"label": np.zeros((99, 77), np.uint8)}
  assert asked[1]["preprocess"].evaluate(labels)["label"].shape == (32, 64)
  translate.size = (16, 32)  # of a network that has one
  synthesize.synthesize(changed, source)
  assert asked[2]["preprocess"] is None
  wrong = tiny.changed(changed, synthesize__size="big")
  with pytest.raises(ValueError, match="choose one of trained, labels, data"):
    synthesize.synthesize(wrong, source)
