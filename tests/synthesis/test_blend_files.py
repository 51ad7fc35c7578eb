"""Triples of files into a folder, with a blender that is plain NumPy."""

import json
import os
import types

import numpy as np
import pytest
import tiny
from PIL import Image

from gansynth import images
from gansynth.blending import BlendError
from gansynth.synthesis import blend_files, triples

NAMES = ["obj_a_bg_t_mask_m", "obj_b_bg_t_mask_m", "obj_c_bg_u_mask_n"]


class Paster:
  """Pastes; has the attributes and methods of a Blender that are used."""

  batch_size = 2

  def __init__(self, **made_by):
    self.made_by = {"method": "paste", **made_by}
    self.batches = []

  def prepare(self, source, target, mask, position=None):
    if mask is None:
      source, mask = source[..., :3], source[..., 3]
    if mask.max() == 0:
      raise BlendError("the mask is empty")
    if source.shape != target.shape and position is None:
      raise BlendError("sizes differ")
    mask = mask.reshape(mask.shape[:2])
    canvas, inside = np.zeros_like(target), np.zeros(target.shape[:2], bool)
    top, left = position or (0, 0)
    place = np.s_[top : top + mask.shape[0], left : left + mask.shape[1]]
    canvas[place], inside[place] = source, mask > 0
    return types.SimpleNamespace(source=canvas, target=target, mask=inside)

  def group(self, triple):
    return triple.target.shape

  def blend(self, prepared):
    assert len({self.group(triple) for triple in prepared}) == 1
    self.batches.append(len(prepared))
    return [np.where(x.mask[..., None], x.source, x.target) for x in prepared]


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """Five sound triples in two sizes, and everything that can be wrong."""
  monkeypatch.chdir(tmp_path)
  sizes = {f"{name}.png": (20, 30) for name in "abt"}
  sizes.update({f"{name}.png": (24, 16) for name in "cdu"})
  tiny.write_pictures(tmp_path, {**sizes, "small.png": (4, 5)})
  for name, size in (("m", (20, 30)), ("n", (24, 16)), ("s", (4, 5))):
    mask = np.zeros(size, np.uint8)
    mask[1:3, 2:4] = 1
    Image.fromarray(mask).save(tmp_path / f"{name}.png")
  Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "empty.png")
  data = (tmp_path / "a.png").read_bytes()
  (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
  return tmp_path


GOOD = ["a.png;t.png;m.png", "b.png;t.png;m.png", "c.png;u.png;n.png"]


def run(folder, lines, blender=None, **options):
  (folder / "list.txt").write_text("\n".join(lines))
  files, problems = triples.read_list(folder / "list.txt")
  blender = blender or Paster()
  result = blend_files.blend_files(blender, files, folder / "out", **options)
  return result, problems


def written(folder):
  found = {path.name for path in (folder / "out").iterdir()}
  return sorted(found - {blend_files.RECORD})


def test_every_line_is_blended_in_batches_of_one_size(folder):
  blender = Paster()
  lines = [*GOOD, "d.png;u.png;n.png", "small.png;t.png;s.png;7,9"]
  result, _ = run(folder, lines, blender)
  assert result == blend_files.Result(5, 0, [])
  assert sorted(blender.batches) == [1, 2, 2]
  picture = images.read(folder / "out/obj_a_bg_t_mask_m.png")
  expected = images.read(folder / "t.png")
  expected[1:3, 2:4] = images.read(folder / "a.png")[1:3, 2:4]
  np.testing.assert_array_equal(picture, expected)
  picture = images.read(folder / "out/obj_small_bg_t_mask_s.png")
  expected = images.read(folder / "t.png")
  expected[8:10, 11:13] = images.read(folder / "small.png")[1:3, 2:4]
  np.testing.assert_array_equal(picture, expected)


def test_transparency_serves_where_no_mask_is_given(folder):
  rgba = np.full((20, 30, 4), 255, np.uint8)
  rgba[:5, ..., 3] = 0
  Image.fromarray(rgba).save(folder / "alpha.png")
  result, _ = run(folder, ["alpha.png;t.png;", "a.png;t.png;"])
  assert result.blended == 1
  assert str(result.problems[0]).endswith(
    "a.png has no transparency to take for the mask; give a mask"
  )
  picture = images.read(folder / "out/obj_alpha_bg_t.png")
  np.testing.assert_array_equal(picture[:5], images.read(folder / "t.png")[:5])
  assert (picture[5:] == 255).all()


def test_bad_lines_do_not_keep_good_ones(folder):
  lines = [
    GOOD[0],
    "a.png;t.png;empty.png",
    "a.png;u.png;m.png",
    GOOD[1],
    "cut.png;t.png;m.png",
    "list.txt;t.png;m.png",
    "none.png;t.png;m.png",
    "a.png;t.png",
    GOOD[2],
  ]
  result, problems = run(folder, lines)
  assert (result.blended, result.already_there) == (3, 0)
  assert written(folder) == [f"{name}.png" for name in NAMES]
  assert [str(x).split(" (")[0] for x in result.problems[:2]] == [
    "line 2: the mask is empty",
    "line 3: sizes differ",
  ]
  assert str(result.problems[1]).endswith("(a.png;u.png;m.png)")
  assert str(result.problems[2]).startswith("line 5: cut.png: is truncated")
  assert str(result.problems[3]).startswith("line 6: list.txt: is not a pict")
  assert [problem.number for problem in problems] == [7, 8]


def test_only_bad_lines(folder):
  result, _ = run(folder, ["cut.png;t.png;m.png", "a.png;t.png;empty.png"])
  assert (result.blended, len(result.problems)) == (0, 2)
  assert written(folder) == []


def test_what_is_there_is_not_made_again(folder):
  run(folder, GOOD)
  (folder / "out" / f"{NAMES[1]}.png").unlink()
  (folder / "out/.a.x.tmp").write_bytes(b"half a picture")
  for name in (NAMES[0], NAMES[2]):
    os.utime(folder / "out" / f"{name}.png", (1000, 1000))
  blender = Paster()
  result, _ = run(folder, [*GOOD, "d.png;u.png;n.png"], blender)
  assert result == blend_files.Result(2, 2, [])
  assert written(folder) == [
    *(f"{name}.png" for name in NAMES),
    "obj_d_bg_u_mask_n.png",
  ]
  times = [(folder / "out" / f"{x}.png").stat().st_mtime for x in NAMES]
  assert times[0] == times[2] == 1000 != times[1]
  result, _ = run(folder, GOOD)
  assert result == blend_files.Result(0, 3, [])


def test_other_options_and_other_files_are_refused(folder):
  run(folder, GOOD)
  with pytest.raises(ValueError, match="made with sigma None, now it is 1"):
    run(folder, GOOD, Paster(sigma=1))
  with pytest.raises(ValueError, match="format 'png', now it is 'jpg'"):
    run(folder, GOOD, file_format="jpg")
  with pytest.raises(
    ValueError, match=r"obj_a_bg_t_mask_m\.png was made from .*, now it is .*;2"
  ):
    run(folder, [GOOD[0] + ";2,2"])
  # Where it is gone, nothing is in the way of another.
  (folder / "out" / f"{NAMES[0]}.png").unlink()
  result, _ = run(folder, [GOOD[0] + ";0,0"])
  assert result.blended == 1
  record = json.loads((folder / "out" / blend_files.RECORD).read_text())
  assert record["pictures"][f"{NAMES[0]}.png"].endswith("m.png;0,0")
  assert len(record["pictures"]) == 3


def test_pictures_of_others_are_not_taken_for_its_own(folder):
  tiny.write_pictures(folder / "out", {f"{NAMES[0]}.png": (8, 8)})
  with pytest.raises(ValueError, match=r"not made here.*choose another"):
    run(folder, GOOD)


def test_formats(folder):
  run(folder, GOOD, file_format="jpg", naming="source")
  assert written(folder) == ["a.jpg", "b.jpg", "c.jpg"]
  with Image.open(folder / "out/a.jpg") as picture:
    assert picture.format == "JPEG"
  with pytest.raises(ValueError, match=r"'gif'; choose one of png, jpg"):
    run(folder, GOOD, file_format="gif")


def test_a_full_disk_ends_the_run(folder, monkeypatch):
  def write(path, picture):
    raise OSError(28, "picture not written", str(path))

  monkeypatch.setattr(images, "write", write)
  with pytest.raises(OSError, match="picture not written"):
    run(folder, GOOD)
