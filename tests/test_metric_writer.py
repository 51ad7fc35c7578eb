"""Event files that TensorBoard reads, and lines that survive a kill."""

import io
import json
import pathlib
import struct

import numpy as np
import pytest
from PIL import Image
from tensorboardX.proto.event_pb2 import Event

from gansynth.metric_writer import MetricWriter, read_json_lines


def events(folder: pathlib.Path) -> list[Event]:
  """Reads event files as the format defines them: length, CRC, data, CRC."""
  found = []
  for path in sorted(folder.glob("events.out.tfevents.*")):
    data = path.read_bytes()
    while data:
      (length,) = struct.unpack("<Q", data[:8])
      found.append(Event.FromString(data[12 : 12 + length]))
      data = data[16 + length :]
  return found


def lines(folder: pathlib.Path) -> list[dict]:
  text = (folder / "metrics.jsonl").read_text()
  return [json.loads(line) for line in text.splitlines()]


def test_scalars_images_and_texts_are_there(tmp_path):
  picture = np.random.default_rng(0).integers(256, size=(4, 6, 3), dtype="u1")
  with MetricWriter(tmp_path / "run") as writer:
    writer.write_scalars(1, {"loss": np.float32(0.5), "rate": 2})
    writer.write_scalars(2, {"loss": 0.25})
    writer.write_images(2, {"sheet": picture})
    writer.write_texts(2, {"note": "hello"})
  assert lines(tmp_path / "run") == [
    {"step": 1, "loss": 0.5, "rate": 2.0},
    {"step": 2, "loss": 0.25},
  ]
  values = {}
  for event in events(tmp_path / "run"):
    for value in event.summary.value:
      values[event.step, value.tag] = value
  assert values[1, "loss"].simple_value == 0.5
  assert values[1, "rate"].simple_value == 2
  assert values[2, "loss"].simple_value == 0.25
  shown = Image.open(io.BytesIO(values[2, "sheet"].image.encoded_image_string))
  np.testing.assert_array_equal(np.asarray(shown), picture)
  texts = [value for (_, tag), value in values.items() if "note" in tag]
  assert texts[0].tensor.string_val == [b"hello"]


def test_what_is_not_a_number_is_null_in_json(tmp_path):
  with MetricWriter(tmp_path) as writer:
    writer.write_scalars(3, {"a": np.nan, "b": np.inf, "c": 1})
  text = (tmp_path / "metrics.jsonl").read_text()
  assert text == '{"step": 3, "a": null, "b": null, "c": 1.0}\n'


def test_flush_hands_the_lines_over(tmp_path):
  with MetricWriter(tmp_path) as writer:
    writer.write_scalars(1, {"loss": 1.0})
    writer.flush()
    assert lines(tmp_path) == [{"step": 1, "loss": 1.0}]


def test_resuming_drops_what_comes_after_the_checkpoint(tmp_path):
  with MetricWriter(tmp_path) as writer:
    for step in (1, 2, 3, 4):
      writer.write_scalars(step, {"loss": step})
  path = tmp_path / "metrics.jsonl"
  path.write_text(path.read_text()[:-9])  # killed while it wrote step 4
  with MetricWriter(tmp_path, resume_step=2) as writer:
    writer.write_scalars(3, {"loss": 30})
  assert lines(tmp_path) == [
    {"step": 1, "loss": 1.0},
    {"step": 2, "loss": 2.0},
    {"step": 3, "loss": 30.0},
  ]
  # TensorBoard forgets from this event's step on.
  starts = [e.step for e in events(tmp_path) if e.session_log.status == 1]
  assert starts == [3]
  assert {p.name for p in tmp_path.iterdir() if "tfevents" not in p.name} == {
    "metrics.jsonl"
  }


def test_a_line_cut_off_by_a_kill_is_left_out(tmp_path):
  path = tmp_path / "metrics.jsonl"
  path.write_text('{"step": 1, "loss": 1.0}\n{"step": 2, "lo')
  assert read_json_lines(path) == [{"step": 1, "loss": 1.0}]
  with MetricWriter(tmp_path, resume_step=5) as writer:
    writer.write_scalars(6, {"loss": 2.0})
  assert [line["step"] for line in lines(tmp_path)] == [1, 6]


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
  path = tmp_path / "metrics.jsonl"
  path.write_text('{"step": 1}\nrubbish\n{"step": 2}\n')
  with pytest.raises(ValueError, match=r"metrics.jsonl: line 2 .*'rubbish'"):
    MetricWriter(tmp_path)
  assert "rubbish" in path.read_text()  # nothing was lost


def test_other_hosts_write_nothing(tmp_path):
  with MetricWriter(tmp_path / "run", write=False) as writer:
    writer.write_scalars(1, {"loss": 1.0})
    writer.write_images(1, {"x": np.zeros((2, 2, 3), np.uint8)})
    writer.write_texts(1, {"x": "y"})
    writer.flush()
  assert not (tmp_path / "run").exists()
