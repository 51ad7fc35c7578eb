"""Folders through a generator: names, resuming, refusals."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import tiny
from PIL import Image

from gansynth import checkpoints, images, models, synthesize
from gansynth import config as config_lib
from gansynth.synthesis import folders
from gansynth.translator import Translator

NETWORK = {
  "name": "resnet_1blocks",
  "features": 4,
  "output_channels": 3,
  "norm": "instance",
}


def variables(channels: int = 3, seed: int = 0):
  return tiny.random_variables(
    models.create(**NETWORK), (1, 16, 16, channels), seed
  )


@pytest.fixture(scope="module")
def translate():
  return Translator(models.create(**NETWORK), variables(), batch_size=4)


SIZES = {
  "a.png": (20, 30),
  "b.jpg": (20, 30),
  "b.png": (32, 32),
  "deep/er/c.JPG": (17, 23),
  "deep/a.png": (40, 9),
  "deep/d.bmp": (31, 8),
}
EXPECTED = [
  "a.png",
  "b.jpg.png",
  "b.png.png",
  "deep/a.png",
  "deep/d.png",
  "deep/er/c.png",
]


@pytest.fixture
def source(tmp_path):
  tiny.write_pictures(tmp_path / "in", SIZES)
  return tmp_path / "in"


def written(folder):
  return sorted(
    str(path.relative_to(folder))
    for path in folder.rglob("*")
    if path.is_file() and path.name != synthesize.RECORD
  )


def test_folder_keeps_names_sizes_and_every_picture(
  tmp_path, source, translate
):
  target = tmp_path / "out"
  result = synthesize.translate_folder(translate, source, target)
  assert result == synthesize.Result(6, 0, [])
  assert written(target) == EXPECTED
  names = folders.output_names(list(SIZES), "png")
  for name, (height, width) in SIZES.items():
    output = images.read(target / names[name])
    assert output.shape == (height, width, 3)
    alone = translate(images.read(source / name))
    np.testing.assert_array_equal(output, alone)


def test_interrupted_goes_on_without_redoing(tmp_path, source, translate):
  whole, target = tmp_path / "whole", tmp_path / "out"
  synthesize.translate_folder(translate, source, whole)
  synthesize.translate_folder(translate, source, target)
  missing = ["b.jpg.png", "deep/a.png"]
  for name in missing:
    (target / name).unlink()
  for name in set(EXPECTED) - set(missing):
    os.utime(target / name, (1000, 1000))
  result = synthesize.translate_folder(translate, source, target)
  assert result == synthesize.Result(2, 4, [])
  for name in EXPECTED:
    assert (target / name).read_bytes() == (whole / name).read_bytes()
    touched = (target / name).stat().st_mtime != 1000
    assert touched == (name in missing), name
  result = synthesize.translate_folder(translate, source, target)
  assert result == synthesize.Result(0, 6, [])


def test_other_weights_and_options_are_refused(tmp_path, source, translate):
  target = tmp_path / "out"
  synthesize.translate_folder(translate, source, target)
  before = {name: (target / name).read_bytes() for name in written(target)}
  other = Translator(models.create(**NETWORK), variables(seed=1), batch_size=4)
  for arguments, message in (
    ((other, {}), "made with weights"),
    ((translate, {"scale_width": 40}), "scale_width 0, now it is 40"),
    ((translate, {"file_format": "jpg"}), "format 'png', now it is 'jpg'"),
  ):
    made_by, options = arguments
    with pytest.raises(ValueError, match=message):
      synthesize.translate_folder(made_by, source, target, **options)
  assert before == {name: (target / name).read_bytes() for name in before}
  for data in (b"{", b"[1]", b"3", b"\xff"):
    (target / synthesize.RECORD).write_bytes(data)
    with pytest.raises(ValueError, match=r"translation.json is damaged"):
      synthesize.translate_folder(translate, source, target)


def test_a_folder_of_something_else_is_not_mixed_with_ours(
  tmp_path, source, translate
):
  target = tmp_path / "out"
  tiny.write_pictures(target, {"a.png": (8, 8)})
  before = (target / "a.png").read_bytes()
  with pytest.raises(ValueError, match=r"not made here.*choose another"):
    synthesize.translate_folder(translate, source, target)
  assert (target / "a.png").read_bytes() == before


@pytest.mark.parametrize("name", ["", "out", "deep/out", "../in/x"])
def test_output_inside_input_is_refused(source, translate, name):
  before = written(source)
  with pytest.raises(ValueError, match="lies in the input"):
    synthesize.translate_folder(translate, source, source / name)
  assert written(source) == before


def test_unknown_format_is_refused(tmp_path, source, translate):
  with pytest.raises(ValueError, match=r"'gif'; choose one of png, jpg"):
    synthesize.translate_folder(
      translate, source, tmp_path / "out", file_format="gif"
    )


def damage(source):
  """Puts a truncated picture in the middle and a tiny one at the end."""
  data = (source / "b.jpg").read_bytes()
  (source / "c.jpg").write_bytes(data[: len(data) // 2])
  tiny.write_pictures(source, {"z.png": (30, 7)})


def test_unreadable_pictures_stop_and_lose_nothing(tmp_path, source, translate):
  damage(source)
  target = tmp_path / "out"
  with pytest.raises(images.ImageError, match=r"c\.jpg: is truncated"):
    synthesize.translate_folder(translate, source, target)
  assert written(target) == ["a.png", "b.jpg.png", "b.png.png"]
  (source / "c.jpg").unlink()
  message = r"z\.png is 7 x 30 pixels; sides of at least 8"
  with pytest.raises(images.ImageError, match=message):
    synthesize.translate_folder(translate, source, target)
  assert written(target) == EXPECTED


def test_unreadable_pictures_can_be_skipped_and_are_told(
  tmp_path, source, translate
):
  damage(source)
  target = tmp_path / "out"
  result = synthesize.translate_folder(
    translate, source, target, skip_unreadable=True
  )
  assert result.translated == 6
  assert written(target) == EXPECTED
  first, second = result.skipped
  assert "c.jpg: is truncated" in first
  assert "z.png is 7 x 30 pixels" in second


def test_scale_width_keeps_the_aspect_ratio(tmp_path, translate):
  tiny.write_pictures(tmp_path / "in", {"a.png": (30, 40), "b.png": (7, 10)})
  synthesize.translate_folder(
    translate, tmp_path / "in", tmp_path / "out", scale_width=20
  )
  assert images.read(tmp_path / "out/a.png").shape == (15, 20, 3)
  assert images.read(tmp_path / "out/b.png").shape == (14, 20, 3)


def test_jpg_is_jpeg(tmp_path, translate):
  tiny.write_pictures(tmp_path / "in", {"a.png": (16, 16)})
  synthesize.translate_folder(
    translate, tmp_path / "in", tmp_path / "out", file_format="jpg"
  )
  with Image.open(tmp_path / "out/a.jpg") as picture:
    assert picture.format == "JPEG"


def test_gray_networks_read_colour_pictures(tmp_path):
  gray = Translator(models.create(**NETWORK), variables(1), batch_size=4)
  tiny.write_pictures(tmp_path / "in", {"a.png": (16, 20)})
  synthesize.translate_folder(gray, tmp_path / "in", tmp_path / "out")
  picture = images.to_gray(images.read(tmp_path / "in/a.png"))
  assert picture.shape == (16, 20, 1)
  np.testing.assert_array_equal(
    images.read(tmp_path / "out/a.png"), gray(picture)
  )


def test_one_output_channel_becomes_three_equal_ones(tmp_path):
  network = models.create(**{**NETWORK, "output_channels": 1})
  made = tiny.random_variables(network, (1, 16, 16, 3))
  translate = Translator(network, made, batch_size=4)
  tiny.write_pictures(tmp_path / "in", {"a.png": (16, 20)})
  synthesize.translate_folder(translate, tmp_path / "in", tmp_path / "out")
  picture = images.read(tmp_path / "out/a.png")
  assert picture.std() > 0
  np.testing.assert_array_equal(picture, np.repeat(picture[..., :1], 3, 2))


def test_a_killed_run_leaves_only_whole_pictures(tmp_path):
  source, target = tmp_path / "in", tmp_path / "out"
  tiny.write_pictures(source, {f"{i:03}.png": (64, 64) for i in range(300)})
  checkpoints.save_network(tmp_path / "net", variables(), {"network": NETWORK})
  program = textwrap.dedent(
    f"""
    from gansynth import Translator, synthesize
    synthesize.translate_folder(
      Translator.load({str(tmp_path / "net")!r}, batch_size=4),
      {str(source)!r},
      {str(target)!r},
    )
    """
  )
  process = subprocess.Popen([sys.executable, "-c", program], cwd=tiny.ROOT)
  try:
    deadline = time.monotonic() + 120
    while len(list(target.glob("*.png"))) < 20:
      assert process.poll() is None
      assert time.monotonic() < deadline
      time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
  finally:
    process.kill()
  done = sorted(target.glob("*.png"))
  assert 20 <= len(done) < 300
  for path in done:
    assert images.read(path).shape == (64, 64, 3)
  (target / ".001.abc.tmp").write_bytes(b"half a picture")
  subprocess.run([sys.executable, "-c", program], cwd=tiny.ROOT, check=True)
  # What the killed one had not finished is neither taken for a picture nor
  # left lying.
  assert len(list(target.iterdir())) == 300 + 1  # with the record
  assert len(images.list_images(target)) == 300


def synthesize_config(source, target, **changes):
  return tiny.config(
    **{
      "synthesize__input": str(source),
      "synthesize__output": str(target),
      "synthesize__batch_size": 4,
      **changes,
    }
  )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A work directory with a checkpoint of networks that differ."""
  from gansynth import systems

  workdir = tmp_path_factory.mktemp("run")
  config = tiny.config(ema_decay=0.5)
  state = tiny.random_state(systems.create(config, 1), tiny.batch(size=1))
  config_lib.record(config, workdir)
  with checkpoints.Checkpointer(workdir / "checkpoints") as checkpointer:
    checkpointer.save(3, state, {})
  return workdir, state


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_from_a_run_in_both_directions(tmp_path, run, direction, capsys):
  workdir, state = run
  tiny.write_pictures(tmp_path / "in", {"a.png": (16, 20)})
  config = synthesize_config(
    tmp_path / "in",
    tmp_path / "out",
    synthesize__direction=direction,
    ema_decay=0.5,
  )
  result = synthesize.synthesize(config, workdir)
  assert result.translated == 1
  assert "1 pictures translated, 0 were there already" in capsys.readouterr()[0]
  name = direction[0].lower()
  network = models.create(**{**NETWORK, "init_gain": 0.2})
  expected = Translator(
    network, {"params": state.ema[name], "batch_stats": {}}, batch_size=4
  )
  picture = images.read(tmp_path / "in/a.png")
  np.testing.assert_array_equal(
    images.read(tmp_path / "out/a.png"), expected(picture)
  )


def test_from_a_converted_network(tmp_path, translate):
  checkpoints.save_network(tmp_path / "net", variables(), {"network": NETWORK})
  tiny.write_pictures(tmp_path / "in", {"a.png": (16, 20)})
  config = synthesize_config(
    tmp_path / "in",
    tmp_path / "out",
    synthesize__checkpoint=str(tmp_path / "net"),
  )
  synthesize.synthesize(config, tmp_path / "no run is needed")
  np.testing.assert_array_equal(
    images.read(tmp_path / "out/a.png"),
    translate(images.read(tmp_path / "in/a.png")),
  )
  record = json.loads((tmp_path / "out" / synthesize.RECORD).read_text())
  assert record["weights"] == checkpoints.digest(translate.variables)


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"synthesize__input": ""}, r"--config\.synthesize\.input=FOLDER"),
    ({"synthesize__output": ""}, r"--config\.synthesize\.output=FOLDER"),
    ({"generator__features": 8}, "generator.features: 4 there, 8 now"),
    ({"synthesize__direction": "CtoD"}, "AtoB and BtoA, not 'CtoD'"),
    ({"synthesize__step": 9}, r"no checkpoint of step 9; there are \[3\]"),
    ({"synthesize__input": "/nowhere"}, "'/nowhere' does not exist"),
    (
      {"synthesize__checkpoint": "/nowhere"},
      "/nowhere does not exist; give a file",
    ),
    ({"synthesize__mode": "test"}, "unknown mode 'test'"),
  ],
)
def test_wrong_requests_are_explained(tmp_path, run, changes, message):
  tiny.write_pictures(tmp_path / "in", {"a.png": (16, 20)})
  config = synthesize_config(
    tmp_path / "in", tmp_path / "out", **{"ema_decay": 0.5, **changes}
  )
  with pytest.raises(ValueError, match=message):
    synthesize.synthesize(config, run[0])
  assert not (tmp_path / "out").exists()


def test_a_folder_without_a_run_is_explained(tmp_path):
  tiny.write_pictures(tmp_path / "in", {"a.png": (16, 20)})
  config = synthesize_config(tmp_path / "in", tmp_path / "out")
  with pytest.raises(ValueError, match="holds no run"):
    synthesize.synthesize(config, tmp_path)
