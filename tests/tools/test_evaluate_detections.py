"""The command line of tools/evaluate_detections.py."""

import importlib.util
import json
import pathlib

import detections
import pytest

pytest.importorskip("pycocotools")
_PATH = pathlib.Path(__file__).parents[2] / "tools" / "evaluate_detections.py"


@pytest.fixture
def main():
  spec = importlib.util.spec_from_file_location("evaluate_detections", _PATH)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.main


@pytest.fixture
def root(tmp_path):
  pictures = detections.labelled()
  detections.write(tmp_path, pictures, detections.detected(pictures))
  return tmp_path


def test_scores_are_printed_and_written(main, root, capsys):
  labels, output = root / "yolo/data.yaml", root / "scores.json"
  flags = [f"--labels={labels}", f"--predictions={root / 'predicted'}"]
  assert main([*flags, f"--output={output}"]) == 0
  printed = capsys.readouterr().out
  ap50 = json.loads(output.read_text())["scores"]["ap50"]
  assert f"| ap50      | {ap50:.4f} | at an overlap of 0.50" in printed
  assert main([*flags, "--rule=voc"]) == 0
  assert "| voc_ap50 |" in capsys.readouterr().out


def test_classes_are_names_or_a_file_of_names(main, root, capsys):
  (root / "names.txt").write_text("\n".join(detections.NAMES))
  flags = [f"--labels={root / 'voc'}", f"--predictions={root / 'predicted'}"]
  printed = []
  for names in ([root / "names.txt"], detections.NAMES):
    assert main([*flags, "--classes", *map(str, names)]) == 0
    printed.append(capsys.readouterr().out)
  assert printed[0] == printed[1]
  assert "| dog   | 0 " in printed[0]


def test_what_is_wrong_is_one_message(main, root, capsys):
  flags = [f"--labels={root / 'coco/labels.json'}"]
  assert main([*flags, f"--predictions={root / 'gone'}"]) == 1
  assert capsys.readouterr().err == (
    f"error: {root / 'gone'}: does not exist; expected COCO's results (.json), "
    "or a folder of YOLO's text files. Correct the path\n"
  )
  found = f"--predictions={root / 'predicted'}"
  assert main([*flags, found, "--classes=none.txt"]) == 1
  assert "No such file or directory: 'none.txt'" in capsys.readouterr().err
  (root / "taken").write_text("")
  flags.append(f"--predictions={root / 'coco/results.json'}")
  assert main([*flags, f"--output={root / 'taken/scores.json'}"]) == 1
  error = capsys.readouterr().err
  assert "taken is a file, expected a folder" in error
  assert "taken/scores.json" in error
