"""The command line of tools/report.py."""

import importlib.util
import pathlib

import pytest

from gansynth.reports import evaluation_record
from gansynth.reports.evaluation_record import Evaluation

_PATH = pathlib.Path(__file__).parents[2] / "tools" / "report.py"


@pytest.fixture
def main():
  spec = importlib.util.spec_from_file_location("report", _PATH)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.main


def test_the_page_is_written_and_named(main, tmp_path, capsys):
  folder = tmp_path / "evaluations"
  evaluation_record.write(folder, Evaluation({"fid": 41.0}, 7))
  assert main([str(tmp_path)]) == 0
  assert capsys.readouterr().out == (
    f"the report is in {tmp_path / 'report.html'}\n"
  )
  assert "41.00" in (tmp_path / "report.html").read_text()
  other = tmp_path / "a" / "b.html"
  assert main([str(tmp_path), "--output", str(other)]) == 0
  assert other.exists()


def test_a_folder_without_anything_is_an_error(main, tmp_path, capsys):
  assert main([str(tmp_path)]) == 1
  assert "nothing was measured here" in capsys.readouterr().err
  (tmp_path / "evaluations").mkdir()
  (tmp_path / "evaluations" / "step_0000001.json").write_text("{")
  assert main([str(tmp_path)]) == 1
  assert "step_0000001.json" in capsys.readouterr().err
  assert not (tmp_path / "report.html").exists()
