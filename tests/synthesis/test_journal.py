"""What a killed process leaves behind is cut off, and nothing else."""

import pathlib
import subprocess
import sys

import pytest

from gansynth.synthesis import journal

ROOT = pathlib.Path(__file__).parents[2]


def path(tmp_path, name="a.jsonl"):
  return tmp_path / journal.FOLDER / name


def test_lines_of_all_processes_are_read(tmp_path):
  for name in ("a.jsonl", "b.jsonl"):
    with journal.Journal(path(tmp_path, name)) as lines:
      lines.append({"name": name, "title": "Äpfel"})
  assert [line["name"] for line in journal.read(tmp_path)] == [
    "a.jsonl",
    "b.jsonl",
  ]
  assert "Äpfel" in path(tmp_path).read_text()


def test_a_line_can_be_read_as_soon_as_it_is_appended(tmp_path):
  with journal.Journal(path(tmp_path)) as lines:
    lines.append({"a": 1})
    assert list(journal.read(tmp_path)) == [{"a": 1}]


@pytest.mark.parametrize("rest", ["", '{"a"', "x" * 200_000])
def test_a_broken_last_line_is_passed_over_and_cut_off(tmp_path, rest):
  path(tmp_path).parent.mkdir()
  path(tmp_path).write_text('{"a":1}\n{"a":2}\n' + rest)
  assert list(journal.read(tmp_path)) == [{"a": 1}, {"a": 2}]
  with journal.Journal(path(tmp_path)) as lines:
    lines.append({"a": 3})
  assert path(tmp_path).read_text() == '{"a":1}\n{"a":2}\n{"a":3}\n'


def test_nothing_but_a_broken_line(tmp_path):
  path(tmp_path).parent.mkdir()
  path(tmp_path).write_text('{"a":')
  with journal.Journal(path(tmp_path)) as lines:
    lines.append({"a": 3})
  assert list(journal.read(tmp_path)) == [{"a": 3}]


def test_damage_in_the_middle_is_named(tmp_path):
  path(tmp_path).parent.mkdir()
  path(tmp_path).write_text('{"a":1}\n{"a"\n{"a":3}\n')
  with pytest.raises(ValueError, match=r"a\.jsonl, line 2: is damaged"):
    list(journal.read(tmp_path))


def test_one_process_at_a_time(tmp_path):
  program = (
    "import sys, pathlib\n"
    "from gansynth.synthesis import journal\n"
    "print('ready', flush=True)\n"
    "with journal.alone(pathlib.Path(sys.argv[1])): print('in', flush=True)\n"
  )
  with journal.alone(tmp_path):
    other = subprocess.Popen(
      [sys.executable, "-c", program, str(tmp_path)],
      stdout=subprocess.PIPE,
      cwd=ROOT,
    )
    assert other.stdout.readline() == b"ready\n"
    with pytest.raises(subprocess.TimeoutExpired):
      other.wait(timeout=0.5)
  assert other.communicate(timeout=60)[0] == b"in\n"
