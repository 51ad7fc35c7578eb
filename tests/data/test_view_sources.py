"""Views: boxes, folders, procedural scenes."""

import numpy as np
import pytest
import tiny_gpgan

from gansynth import images
from gansynth.data import view_sources


def test_boxes_are_read(tmp_path):
  path = tmp_path / "boxes.txt"
  path.write_text("00000064:10,0,470,640\n\n my view : 1, 2, 3, 4 \n")
  assert view_sources.read_boxes(path) == {
    "00000064": (10, 0, 470, 640),
    "my view": (1, 2, 3, 4),
  }


@pytest.mark.parametrize(
  ("line", "message"),
  [
    ("view:1,2,3", r"line 2: 'view:1,2,3' is no box; expected folder:r0"),
    ("view:a,0,1,1", "line 2: .* is no box"),
    ("view:-1,0,1,1", "line 2: .* is no box"),
    ("view:5,0,5,9", "line 2: .* is an empty box; r1 must be above r0"),
    ("first:0,0,2,2", "line 2: .* gives folder 'first' a second box"),
  ],
)
def test_bad_boxes_are_named(tmp_path, line, message):
  path = tmp_path / "boxes.txt"
  path.write_text(f"first:0,0,1,1\n{line}\n")
  with pytest.raises(ValueError, match=message) as info:
    view_sources.read_boxes(path)
  assert str(path) in str(info.value)


@pytest.fixture
def root(tmp_path):
  return tiny_gpgan.write_views(tmp_path / "root", {"b": 3, "a": 2, "c": 4})


def test_folders_are_views(root):
  (root / ".hidden").mkdir()
  (root / "notes.txt").write_text("")
  folders = view_sources.view_folders(root)
  assert folders == ["a", "b", "c"]
  views = view_sources.FolderViews(root, folders[1:])
  assert views.counts == [3, 4]
  assert len(views) == 7
  assert views[3]["name"] == "c/0.png"
  assert views[3]["image"].shape == (24, 30, 3)


def test_boxes_cut_and_choose(root):
  boxes = {"a": (2, 3, 20, 25), "elsewhere": (0, 0, 1, 1)}
  folders = view_sources.view_folders(root, boxes)
  assert folders == ["a"]
  whole = view_sources.FolderViews(root, folders)
  cut = view_sources.FolderViews(root, folders, boxes)
  np.testing.assert_array_equal(cut[1]["image"], whole[1]["image"][2:20, 3:25])
  too_large = view_sources.FolderViews(root, ["a"], {"a": (0, 0, 25, 30)})
  with pytest.raises(images.ImageError, match=r"0\.png: is 24 x 30 .* 25 x 30"):
    too_large[0]


def test_a_single_picture_is_no_view(root, tmp_path):
  tiny_gpgan.write_views(root, {"d": 1})
  with pytest.raises(images.ImageError, match=r"d' holds one picture; .* two"):
    view_sources.FolderViews(root, ["a", "d"])


def test_roots_without_views_are_explained(tmp_path, root):
  with pytest.raises(images.ImageError, match=r"is no folder; .* data\.root"):
    view_sources.view_folders(tmp_path / "nowhere")
  with pytest.raises(images.ImageError, match="holds no view: 0 folders"):
    view_sources.view_folders(root / "a")
  with pytest.raises(images.ImageError, match="3 folders, none of the 1 in"):
    view_sources.view_folders(root, {"z": (0, 0, 1, 1)})


def test_procedural_views_show_one_scene():
  views = view_sources.ProceduralViews(0, (32, 48), range(5, 7))
  count = len(view_sources.PROCEDURAL_VIEWS)
  assert views.counts == [count, count]
  assert len(views) == 2 * count
  items = [views[i] for i in range(count)]
  assert {item["name"].split("/")[0] for item in items} == {"scene_000005"}
  assert views[count]["name"].startswith("scene_000006/clear")
  pictures = np.array([item["image"] for item in items], float)
  assert pictures.shape == (count, 32, 48, 3)
  for one in range(count):  # all differ, but show the same edges
    for other in range(one):
      assert np.abs(pictures[one] - pictures[other]).mean() > 3
