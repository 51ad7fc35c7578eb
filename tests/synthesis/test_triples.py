"""Lists, folders and names of triples."""

import pathlib

import pytest

from gansynth import images
from gansynth.synthesis import triples

FILES = ("s.png", "t.jpg", "m.png", "deep/s.png")


@pytest.fixture
def folder(tmp_path):
  for name in FILES:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
  return tmp_path


def write_list(folder, *lines, end="\n"):
  path = folder / "list.txt"
  path.write_bytes(end.join(lines).encode())
  return path


def test_lists_are_read_as_the_original_writes_them(folder):
  path = write_list(
    folder,
    "# a comment",
    "s.png;t.jpg;m.png",
    "",
    "  deep/s.png ; t.jpg;m.png ; -3, 14",
    f"{folder / 's.png'};t.jpg;;",
    end="\r\n",
  )
  found, problems = triples.read_list(path)
  assert not problems
  assert [each.number for each in found] == [2, 4, 5]
  assert found[0].label == "line 2"
  assert [each.source for each in found] == [
    folder / "s.png",
    folder / "deep/s.png",
    folder / "s.png",
  ]
  assert {each.target for each in found} == {folder / "t.jpg"}
  assert [each.mask for each in found] == [*[folder / "m.png"] * 2, None]
  assert [each.position for each in found] == [None, (-3, 14), None]


def test_the_working_directory_comes_before_the_list(folder, monkeypatch):
  here = folder / "deep"
  for name in ("t.jpg", "m.png"):
    (here / name).write_bytes(b"")
  (folder / "only.png").write_bytes(b"")
  monkeypatch.chdir(here)
  path = write_list(folder, "s.png;t.jpg;only.png")
  (found,), problems = triples.read_list(path)
  assert not problems
  assert found.source == pathlib.Path("s.png")
  assert found.absolute().source == here / "s.png"
  assert found.mask == folder / "only.png"
  assert str(found) == f"s.png;t.jpg;{folder / 'only.png'}"


@pytest.mark.parametrize(
  ("line", "reason"),
  [
    ("s.png;t.jpg", r"has 2 fields, not 3 or 4 \(source;destination;mask"),
    ("s.png", "has 1 fields"),
    ("s.png;t.jpg;m.png;1,2;x", "has 5 fields"),
    ("none.png;t.jpg;m.png", "the source 'none.png' does not exist; looked in"),
    ("s.png;deep;m.png", "the destination 'deep' does not exist"),
    ("s.png;t.jpg;x", "the mask 'x' does not exist"),
    (";t.jpg;m.png", "the source is empty"),
    ("s.png;;m.png", "the destination is empty"),
    ("s.png;t.jpg;m.png;1", "position '1' is not two whole numbers row,column"),
    ("s.png;t.jpg;m.png;1,x", "position '1,x' is not two"),
    ("s.png;t.jpg;m.png;1.5,2", "position '1.5,2' is not two"),
  ],
)
def test_bad_lines_are_told_apart_from_good_ones(folder, line, reason):
  good = "s.png;t.jpg;m.png"
  found, problems = triples.read_list(write_list(folder, good, "", line, good))
  assert [each.number for each in found] == [1, 4]
  assert [problem.number for problem in problems] == [3]
  with pytest.raises(AssertionError, match=f"^line 3: .*{reason}"):
    raise AssertionError(str(problems[0]))


@pytest.mark.parametrize("content", [b"", b"\n \n# nothing\n"])
def test_empty_lists_are_refused(folder, content):
  path = folder / "list.txt"
  path.write_bytes(content)
  with pytest.raises(ValueError, match=r"list\.txt holds no line to blend"):
    triples.read_list(path)


def test_lists_that_are_no_text_or_missing_are_refused(folder):
  path = folder / "list.txt"
  path.write_bytes(b"\xff\xd8\xff")
  with pytest.raises(ValueError, match=r"list\.txt is not text in UTF-8"):
    triples.read_list(path)
  with pytest.raises(FileNotFoundError, match=r"none\.txt"):
    triples.read_list(folder / "none.txt")


def make(folder, *names):
  for name in names:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
  return folder


def test_folders_are_matched_by_name(tmp_path):
  sources = make(tmp_path / "s", "a.jpg", "b.png", "deep/c.png", "lone.png")
  targets = make(tmp_path / "t", "a.png", "b.png", "deep/c.jpg", "z.png")
  masks = make(tmp_path / "m", "a.png", "b.png", "b.bmp", "deep/c.png")
  found, problems = triples.pair_folders(sources, targets, masks, (1, 2))
  assert [each.label for each in found] == ["a", "deep/c"]
  assert found[1].source == sources / "deep/c.png"
  assert found[1].target == targets / "deep/c.jpg"
  assert found[1].mask == masks / "deep/c.png"
  assert found[1].position == (1, 2)
  twice, lone = problems
  assert str(twice).startswith(f"b: expected one mask of this name in {masks}")
  assert "b.bmp, " in str(twice)
  assert str(lone).endswith(f"target of this name in {targets}, found none")


def test_one_file_serves_for_all(tmp_path):
  sources = make(tmp_path / "s", "a.jpg", "b.png")
  make(tmp_path, "t.png", "m.png")
  found, problems = triples.pair_folders(
    sources, tmp_path / "t.png", tmp_path / "m.png"
  )
  assert not problems
  assert [each.source.name for each in found] == ["a.jpg", "b.png"]
  assert {each.target for each in found} == {tmp_path / "t.png"}
  assert {each.mask for each in found} == {tmp_path / "m.png"}
  found, _ = triples.pair_folders(tmp_path / "t.png", sources)
  assert [each.target.name for each in found] == ["a.jpg", "b.png"]
  assert [each.mask for each in found] == [None, None]


def test_missing_and_empty_folders_are_explained(tmp_path):
  sources = make(tmp_path / "s", "a.jpg")
  with pytest.raises(images.ImageError, match="does not exist"):
    triples.pair_folders(sources, tmp_path / "none")
  (tmp_path / "empty").mkdir()
  with pytest.raises(images.ImageError, match="holds no picture"):
    triples.pair_folders(sources, tmp_path / "empty")
  with pytest.raises(ValueError, match="is a folder"):
    triples.pair_folders(sources / "a.jpg", sources / "a.jpg")


def triple(number, source, target="x/t.jpg", mask="m.png"):
  mask = mask and pathlib.Path(mask)
  return triples.FileTriple(
    number,
    f"line {number}",
    pathlib.Path(source),
    pathlib.Path(target),
    mask,
  )


def test_names_are_the_originals():
  files = [triple(1, "x/s.v2.jpg"), triple(2, "y/u.png", mask=None)]
  names, problems = triples.output_names(files, "original", "png")
  assert list(names.values()) == [
    "obj_s.v2_bg_t_mask_m.png",
    "obj_u_bg_t.png",
  ]
  names, _ = triples.output_names(files, "source", "jpg")
  assert list(names.values()) == ["s.v2.jpg", "u.jpg"]
  assert not problems


def test_names_that_would_meet_are_told_apart():
  files = [triple(3, "x/s.jpg"), triple(7, "y/s.jpg"), triple(8, "a.png")]
  names, _ = triples.output_names(files, "source", "png")
  assert list(names.values()) == ["s_3.png", "s_7.png", "a.png"]
  # The same names whatever else the list holds, so that it can be gone on with.
  assert triples.output_names(files[1::-1], "source", "png")[0].items() <= (
    names.items()
  )
  meeting = [*files, triple(9, "s_3.jpg")]
  with pytest.raises(ValueError, match=r"line 3 and line 9 .* s_3\.png"):
    triples.output_names(meeting, "source", "png")


def test_names_that_no_disk_takes_are_problems():
  files = [triple(1, "s.jpg"), triple(2, "s" * 120 + ".jpg", "t" * 130)]
  names, problems = triples.output_names(files, "original", "png")
  assert list(names) == files[:1]
  assert "line 2: its result's name obj_sss" in str(problems[0])


def test_unknown_naming_is_refused():
  with pytest.raises(ValueError, match="'x'; choose one of original, source"):
    triples.output_names([], "x", "png")
