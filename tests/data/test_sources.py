"""What is read from disk or rendered, before any preprocessing."""

import pickle

import numpy as np
import pytest

from gansynth import images
from gansynth.data import sources


def write(path, value=0, size=(4, 6)):
  images.write(path, np.full((*size, 3), value, np.uint8))


def test_folder_gives_pictures_and_names(tmp_path):
  for i, name in enumerate(["b.png", "a/c.bmp", "a/b.png"]):
    write(tmp_path / name, i)
  source = pickle.loads(pickle.dumps(sources.FolderSource(tmp_path)))
  assert len(source) == 3
  items = [source[i] for i in range(3)]
  assert [item["name"] for item in items] == ["a/b.png", "a/c.bmp", "b.png"]
  assert [item["image"][0, 0, 0] for item in items] == [2, 1, 0]


@pytest.mark.parametrize(
  ("max_size", "expected"), [(0, 3), (None, 3), (2, 2), (9, 3)]
)
def test_max_size_takes_the_first(tmp_path, max_size, expected):
  for name in "abc":
    write(tmp_path / f"{name}.png")
  source = sources.FolderSource(tmp_path, max_size)
  assert [source[i]["name"] for i in range(len(source))] == [
    f"{name}.png" for name in "abc"[:expected]
  ]


def test_negative_max_size_is_refused(tmp_path):
  write(tmp_path / "a.png")
  with pytest.raises(ValueError, match="max_dataset_size is -1"):
    sources.FolderSource(tmp_path, -1)


@pytest.mark.parametrize("width", [2, 6, 7])
def test_split_gives_the_left_half_to_a(tmp_path, width):
  array = np.arange(3 * width * 3, dtype=np.uint8).reshape(3, width, 3)
  images.write(tmp_path / "x.png", array)
  item = sources.SplitSource(sources.FolderSource(tmp_path))[0]
  np.testing.assert_array_equal(item["image_a"], array[:, : width // 2])
  np.testing.assert_array_equal(item["image_b"], array[:, width // 2 :])
  assert item["name"] == "x.png"


def test_split_of_one_column_is_an_error(tmp_path):
  write(tmp_path / "thin.png", size=(5, 1))
  source = sources.SplitSource(sources.FolderSource(tmp_path))
  with pytest.raises(images.ImageError, match=r"thin\.png: is 1 pixel wide"):
    source[0]


def test_matched_folders(tmp_path):
  for i, name in enumerate(["x/1", "2"]):
    write(tmp_path / "a" / f"{name}.png", i)
    write(tmp_path / "b" / f"{name}.bmp", 10 + i)
  source = sources.MatchedFoldersSource(tmp_path / "a", tmp_path / "b")
  assert len(source) == 2
  for i in range(2):
    item = source[i]
    assert item["image_b"][0, 0, 0] == item["image_a"][0, 0, 0] + 10
  assert source[1]["name"] == "x/1.png"


@pytest.mark.parametrize("lacking", ["a", "b"])
def test_a_missing_partner_is_named(tmp_path, lacking):
  for side in "ab":
    write(tmp_path / side / "1.png")
    if side != lacking:
      write(tmp_path / side / "alone.png")
  with pytest.raises(images.ImageError, match=r"no partner for 1 of 2.*alone"):
    sources.MatchedFoldersSource(tmp_path / "a", tmp_path / "b")


def test_two_of_one_stem_are_refused(tmp_path):
  write(tmp_path / "a" / "1.png")
  write(tmp_path / "a" / "1.bmp")
  write(tmp_path / "b" / "1.png")
  with pytest.raises(images.ImageError, match="rename one"):
    sources.MatchedFoldersSource(tmp_path / "a", tmp_path / "b")


class Rendered:
  """Counts how often it is asked."""

  def __init__(self):
    self.calls = []

  def __call__(self, number):
    self.calls.append(number)
    return {"image": np.full((2, 2, 3), number, np.uint8)}


def test_rendered_numbers_and_names():
  source = sources.RenderedSource(Rendered(), range(1, 9, 2), "street")
  assert len(source) == 4
  assert source[3]["name"] == "street_000007.png"
  assert source[3]["image"][0, 0, 0] == 7


def test_cache_keeps_up_to_its_limit():
  render = Rendered()
  source = sources.CachedSource(
    sources.RenderedSource(render, range(4), "x"), max_bytes=30
  )
  assert len(source) == 4
  for _ in range(2):
    for i in range(4):
      assert source[i]["image"][0, 0, 0] == i
  # Two pictures of 12 bytes fit; the other two are made again.
  assert render.calls == [0, 1, 2, 3, 2, 3]


def test_cached_pictures_cannot_be_changed():
  source = sources.CachedSource(
    sources.RenderedSource(Rendered(), range(1), "x"), 100
  )
  with pytest.raises(ValueError, match="read-only"):
    source[0]["image"][0] = 9


def test_a_pickled_cache_starts_empty():
  source = sources.CachedSource(
    sources.RenderedSource(Rendered(), range(3), "x"), 10**9
  )
  assert source[2]["name"] == "x_000002.png"
  assert len(pickle.dumps(source)) < 1000
  copy = pickle.loads(pickle.dumps(source))
  assert copy[2]["image"][0, 0, 0] == 2
  assert copy.source.render.calls == [2, 2]
