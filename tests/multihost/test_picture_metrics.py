"""Two processes measure two folders as one does."""

import json
import pathlib
import socket
import sys

import process_pair
import pytest
import tiny

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "evaluate.py"


def command(folder, output, *arguments):
  return [
    *(sys.executable, str(TOOL), str(folder / "real"), str(folder / "made")),
    *("--random-features", "--dims=64", "--batch-size=4", "--neighbors=2"),
    *("--metrics=fid,kid,coverage,psnr", f"--output={output}", *arguments),
  ]


def start_pair(folder, output, logs):
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
  return [
    tiny.start(
      command(
        folder,
        output,
        f"--coordinator={address}",
        "--num-processes=2",
        f"--process-id={number}",
      ),
      logs[number],
      devices=2,
      optimize=False,
    )
    for number in range(2)
  ]


@pytest.fixture
def folder(tmp_path):
  """Numbers of pictures that two hosts with two devices cannot share evenly."""
  for name, count, seed in (("real", 9, 0), ("made", 7, 1)):
    sizes = {f"{name}/{i}.png": (16, 20) for i in range(count)}
    tiny.write_pictures(tmp_path, sizes, seed)
  return tmp_path


@pytest.fixture
def logs(tmp_path):
  return [tmp_path / f"{number}.log" for number in range(2)]


@pytest.mark.slow
def test_two_processes_find_what_one_does(folder, logs):
  texts = process_pair.wait(
    start_pair(folder, folder / "pair.json", logs), logs
  )
  assert "FID (random features):" in texts[0]
  assert "FID (random features):" not in texts[1]  # said once
  output = folder / "single.json"
  log = folder / "single.log"
  tiny.finish(command(folder, output), log, devices=4, optimize=False)
  pair, single = (
    json.loads((folder / name).read_text())
    for name in ("pair.json", "single.json")
  )
  assert pair["scores"] == pytest.approx(single["scores"], rel=1e-5, abs=1e-7)
  assert pair["per_picture"].keys() == single["per_picture"].keys()
  for name, expected in single["per_picture"].items():
    found = pair["per_picture"][name]
    assert list(found) == list(expected)  # in the order of the pictures
    assert found == pytest.approx(expected, rel=1e-5)
  assert pair["about"]["pictures"] == single["about"]["pictures"]
  assert pair["about"]["environment"]["hosts"] == 2


@pytest.mark.slow
def test_a_picture_that_one_cannot_read_ends_both(folder, logs):
  path = folder / "made" / "3.png"  # which the second process reads
  path.write_bytes(path.read_bytes()[:60])
  texts = process_pair.wait(
    start_pair(folder, folder / "pair.json", logs), logs, expected=1
  )
  assert "3.png: is truncated" in texts[1]
  assert "error: process 1 cannot go on; its log says why" in texts[0]
  assert "Traceback" not in texts[0] + texts[1]
