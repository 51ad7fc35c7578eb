"""Pictures before blending: functions of the plan and their number alone."""

import pathlib
import pickle

import detection_folders
import numpy as np
import pytest

from gansynth import images
from gansynth.synthesis import original
from gansynth.synthesis.composer import Composer
from gansynth.synthesis.detection_options import Options
from gansynth.synthesis.detection_plan import Plan


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
  return detection_folders.write(tmp_path_factory.mktemp("sources"))


def composer(values, **changes):
  merged = dict(values)
  for name, value in changes.items():
    merged[name] = (
      {**merged.get(name, {}), **value} if isinstance(value, dict) else value
    )
  return Composer(Plan(Options.from_dict(merged)))


def equal(one, other):
  assert one.name == other.name
  assert one.made_of == other.made_of
  assert one.objects == other.objects
  for name in ("canvas", "background", "mask"):
    np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_picture_is_a_function_of_its_number(folders):
  values = {**folders, "images": 6}
  rules = {"scale": (0.6, 1.2), "flip": True, "rotation": "any"}
  made = composer(values, rules=rules)
  plan = made.plan
  first = [made(plan.item(position)) for position in range(12)]
  assert any(composed.mask.any() for composed in first)
  again = pickle.loads(pickle.dumps(composer(values, rules=rules)))
  for position in (11, 3, 0, 7):
    equal(again(plan.item(position)), first[position])
  canvases = {composed.canvas.tobytes() for composed in first}
  assert len(canvases) == 12


def test_a_window_is_cut_and_noted(folders):
  made = composer(folders, backgrounds={"size": (40, 48)})
  windows = set()
  for position in range(8):
    composed = made(made.plan.item(position))
    top, left = composed.made_of["window"]
    windows.add((top, left))
    tile = pathlib.Path(folders["backgrounds"]["path"]) / "north"
    if composed.made_of["target"] == "south":
      tile = tile.parent / "south"
    whole = images.read(tile / f"{composed.made_of['background']}.png")
    np.testing.assert_array_equal(
      composed.background, whole[top : top + 40, left : left + 48]
    )
    assert composed.mask.shape == composed.size == (40, 48)
  assert len(windows) > 4


def test_distractors_have_no_label(folders):
  rules = {"min_objects": 0, "max_objects": 0, "min_distractors": 2}
  made = composer(
    folders,
    distractors={"path": folders["objects"]["path"]},
    rules={**rules, "max_distractors": 2},
  )
  composed = made(made.plan.item(0))
  assert composed.objects == ()
  assert composed.mask.any()
  assert all(each["distractor"] for each in composed.made_of["placements"])


def test_mode_original_is_the_original(tmp_path):
  """Canvas, mask and labels to the last digit, the canvas's JPEG included."""
  folders = detection_folders.write(tmp_path)
  square = {"size": (64, 64)}
  root = pathlib.Path(folders["objects"]["path"])
  tiles = pathlib.Path(folders["backgrounds"]["path"])
  for path in tiles.rglob("*.png"):
    images.write(path, images.read(path)[:64, :64])
  made = composer(
    folders,
    mode="original",
    seed=29,
    backgrounds=square,
    rules={"min_objects": 3, "max_objects": 3, "blend_offset": 4},
  )
  plan = made.plan
  placed = 0
  for position in range(len(plan)):
    item = plan.item(position)
    source = plan.pairs[item.pair].source
    names = [f"c{number}" for number in range(3)]
    expected = original.augment_image(
      [images.read(root / f"images/{source}/{name}.png") for name in names],
      [
        tuple(
          map(float, (root / f"labels/{source}/{name}.txt").read_text().split())
        )
        for name in names
      ],
      64,
      29 + position + 1,
      3,
      9,
      4,
    )
    composed = made(item)
    assert composed.label_text == expected.label_text
    assert composed.canvas_file == images.encode(expected.canvas, "jpg", 75)
    np.testing.assert_array_equal(
      composed.canvas, images.read(composed.canvas_file)
    )
    np.testing.assert_array_equal(composed.mask, 255 * expected.mask)
    assert composed.made_of["canvas_seed"] == 30 + position
    for each, placement in zip(
      composed.made_of["placements"], expected.placements, strict=True
    ):
      assert each == {**placement, "cutout": names[placement["crop"]]}
    for each, (_, x, y, width, height) in zip(
      composed.objects, expected.labels, strict=True
    ):
      np.testing.assert_allclose(
        each.box,
        np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
        * 64,
      )
      placed += 1
  assert placed > len(plan)


def test_damaged_files_are_named(tmp_path):
  values = detection_folders.write(tmp_path, ("north",))
  path = tmp_path / "tiles/north/t2.png"
  path.write_bytes(path.read_bytes()[:500])
  made = composer(values)
  wrong = 0
  for position in range(4):
    item = made.plan.item(position)
    if made.plan.background(item) == 2:
      with pytest.raises(images.ImageError, match=r"t2\.png: is truncated"):
        made(item)
      wrong += 1
    else:
      made(item)
  assert wrong == 1
