"""What every kind of run shares, by one that makes small files."""

import itertools
import json

import pytest

from gansynth import files
from gansynth.synthesis import generation, journal, run_folder, run_report


class Numbers(run_folder.RunFolder):
  """A file for each position; those that a filter wants."""

  free = ("options.count", "options.note")

  def __init__(self, root, **options):
    super().__init__(root)
    self.options = {"count": 12, "seed": 0, "note": ""} | options

  def __len__(self):
    return self.options["count"]

  def position(self, line):
    if line["index"] >= len(self):
      raise run_folder.BeyondRunError(self.root, line["index"], len(self))
    return line["index"]

  def path(self, position):
    return self.root / "files" / f"{position:03d}.txt"

  def is_there(self, position):
    return self.path(position).exists()

  def described(self):
    return {"options": self.options}

  def outputs(self):
    return ["files"]

  def check_inputs(self):
    if self.options["seed"] < 0:
      raise ValueError("seed is below 0")

  def check_output(self):
    if self.root.is_file():
      raise ValueError(f"{self.root} is a file")

  def complete(self, lines, rejected):
    text = "".join(map(journal.dump, lines))
    (self.root / files.MANIFEST).write_text(text)
    text = json.dumps([line["index"] for line in rejected])
    (self.root / "rejected.json").write_text(text)

  def sheets(self):
    return [self.root / "rejected.json"]


class Composer:
  """Picklable: what worker processes get."""

  def __init__(self, seed, broken):
    self.seed = seed
    self.broken = broken

  def __call__(self, position):
    if position in self.broken:
      raise ValueError("is broken")
    return position, self.seed + position**2


class NumbersRun(generation.Run):
  """Every third value is rejected; even and odd ones go apart."""

  def __init__(self, folder, batch_size=4, broken=(), threshold=3):
    super().__init__(folder, batch_size)
    self.broken = broken
    self.threshold = threshold
    self.batches = []

  @property
  def composer(self):
    return Composer(self.folder.options["seed"], self.broken)

  def described(self):
    return {"filter": {"threshold": self.threshold}}

  def prepare(self, composed, again=False):
    position, value = composed
    if not again and self.folder.is_there(position):
      return generation.Prepared(composed, None, None)
    return generation.Prepared(composed, float(value), value % 2)

  def make(self, batch):
    self.batches.append([prepared.composed[0] for prepared in batch])
    return [str(prepared.payload) for prepared in batch]

  def write(self, composed, result):
    position, value = composed
    line = {"name": f"{position:03d}", "index": position, "value": value}
    if value % self.threshold == 0:
      return line | {"rejected": True}
    if result is not None:
      path = self.folder.path(position)
      path.parent.mkdir(exist_ok=True)
      path.write_text(result)
    return line

  def problem(self, position, error):
    return {"index": position, "problem": f"{position:03d}: {error}"}


def make(root, shard=(0, 1), workers=0, broken=(), threshold=3, **options):
  run = NumbersRun(Numbers(root, **options), 4, broken, threshold)
  return generation.generate(run, shard=shard, workers=workers), run


def contents(root):
  return {
    str(path.relative_to(root)): path.read_bytes()
    for path in sorted(root.rglob("*"))
    if path.is_file() and path.parent.name != journal.FOLDER
  }


def test_pictures_are_made_in_batches_of_one_group(tmp_path):
  result, run = make(tmp_path)
  # 0, 3, 6 and 9 are rejected, because their squares are multiples of 3.
  sheets = [tmp_path / "rejected.json"]
  assert result == run_report.Result(8, 0, [], 0, sheets, 4)
  assert sorted(itertools.chain(*run.batches)) == list(range(12))
  for batch in run.batches:
    assert len(batch) <= 4
    assert len({position % 2 for position in batch}) == 1
  text = (tmp_path / files.MANIFEST).read_text().splitlines()
  kept = [1, 2, 4, 5, 7, 8, 10, 11]
  assert [json.loads(line)["index"] for line in text] == kept
  assert json.loads(sheets[0].read_text()) == [0, 3, 6, 9]
  assert sorted(path.stem for path in (tmp_path / "files").iterdir()) == [
    f"{position:03d}" for position in kept
  ]
  assert (tmp_path / "files/005.txt").read_text() == "25.0"


def test_shards_and_workers_make_the_same_files(tmp_path):
  make(tmp_path / "one")
  for number, missing in ((2, 8), (0, 4), (1, 0)):
    result, _ = make(tmp_path / "three", (number, 3), workers=number % 2)
    assert result.missing == missing
    assert bool(result.sheets) == (missing == 0)
  assert contents(tmp_path / "one") == contents(tmp_path / "three")


def test_what_was_rejected_is_not_made_again(tmp_path):
  make(tmp_path)
  result, run = make(tmp_path)
  assert (result.made, result.already_there, result.rejected) == (0, 12, 0)
  assert run.batches == []


def test_what_was_removed_or_not_noted_is_found_out(tmp_path):
  make(tmp_path)
  before = contents(tmp_path)
  (tmp_path / "files/004.txt").unlink()
  result, run = make(tmp_path)
  assert (result.made, run.batches) == (1, [[4]])
  (path,) = (tmp_path / journal.FOLDER).glob("*.jsonl")
  path.unlink()
  result, run = make(tmp_path)
  # Files tell of what was kept, nothing of what was rejected.
  assert (result.made, result.already_there, result.rejected) == (0, 8, 4)
  assert sorted(itertools.chain(*run.batches)) == [0, 3, 6, 9]
  assert contents(tmp_path) == before


def test_problems_are_told_and_tried_again(tmp_path):
  result, _ = make(tmp_path, broken=(2, 3))
  assert result.problems == ["002: is broken", "003: is broken"]
  assert (result.made, result.rejected, result.missing) == (7, 3, 0)
  again, run = make(tmp_path, broken=(3,))
  assert (again.made, again.already_there, again.rejected) == (1, 10, 0)
  assert again.problems == ["003: is broken"]
  assert run.batches == [[2]]
  assert "003: is broken" not in (tmp_path / files.MANIFEST).read_text()


def test_the_record_holds_what_must_not_change(tmp_path):
  make(tmp_path, note="a")
  assert run_folder.recorded(tmp_path) == {
    "options": {"count": 12, "seed": 0, "note": "a"},
    "filter": {"threshold": 3},
  }
  with pytest.raises(ValueError, match=r"options\.seed 0, now it is 1"):
    make(tmp_path, seed=1)
  with pytest.raises(ValueError, match=r"filter\.threshold 3, now it is 4"):
    make(tmp_path, threshold=4)
  Numbers(tmp_path).check()  # who makes nothing need not know the filter
  with pytest.raises(ValueError, match=r"options\.seed"):
    Numbers(tmp_path, seed=1).check()
  _, run = make(tmp_path, note="b", count=14)
  assert run_folder.recorded(tmp_path)["options"]["note"] == "b"
  run.compare()
  with pytest.raises(ValueError, match=r"options\.note 'b', now it is 'c'"):
    NumbersRun(Numbers(tmp_path, note="c", count=14)).compare()
  with pytest.raises(ValueError, match=r"picture 12 of .* is to have 12; ask"):
    make(tmp_path)


def test_nothing_is_written_where_the_run_cannot_be(tmp_path):
  with pytest.raises(ValueError, match="seed is below 0"):
    make(tmp_path / "new", seed=-1)
  with pytest.raises(ValueError, match=r"the shard is 3/3; expected i/n"):
    make(tmp_path / "new", shard=(3, 3))
  with pytest.raises(ValueError, match="workers is -1; expected 0"):
    make(tmp_path / "new", workers=-1)
  assert not (tmp_path / "new").exists()
  (tmp_path / "files").mkdir()
  with pytest.raises(ValueError, match="pictures that were not made here"):
    make(tmp_path)
  with pytest.raises(ValueError, match="pictures that were not made here"):
    Numbers(tmp_path).check()


def test_one_picture_is_found_and_made_again(tmp_path):
  _, run = make(tmp_path)
  line = run_folder.find(tmp_path, "005.txt")
  assert run.again(run.folder.position(line)) == "25.0"
  with pytest.raises(ValueError, match="has no picture 'x'; the names are in"):
    run_folder.find(tmp_path, "files/x.txt")
  with pytest.raises(ValueError, match=r"generation\.json is missing"):
    run_folder.recorded(tmp_path / "nowhere")


def test_what_cannot_be_written_ends_the_run(tmp_path):
  run = NumbersRun(Numbers(tmp_path))
  (tmp_path / journal.FOLDER).mkdir()
  run.start()
  (tmp_path / "files").write_text("in the way")
  with pytest.raises(OSError, match="files"):
    generation.generate(run)


def test_the_report_groups_problems():
  result = run_report.Result(
    3, 2, [f"p{n}: is dark" for n in range(5)], 4, ["a.html"], 1
  )
  assert run_report.report(result, "out").splitlines() == [
    "could not be made: p0, p1, p2 and 2 more: is dark",
    "3 pictures made, 2 were there already, 1 were rejected, "
    "5 could not be made; look in out",
    "4 pictures of other shards are still to come; the last shard to end "
    "writes the files about all of them",
    "contact sheet: a.html",
  ]
