"""Image-mask pairs are the same however they are made."""

import json
import pathlib

import numpy as np
import pair_folders
import pytest

from gansynth import images
from gansynth.data.labels import layouts, palettes
from gansynth.evaluation import segmentation
from gansynth.synthesis import (
  generation,
  pair_masks,
  pair_run,
  run_folder,
)


@pytest.fixture(scope="module")
def masks(tmp_path_factory):
  root = tmp_path_factory.mktemp("masks")
  pair_folders.write(root)
  return root


@pytest.fixture(scope="module")
def made(masks, tmp_path_factory):
  """A run of all pairs, filtered."""
  root = tmp_path_factory.mktemp("made")
  result = generate(masks, root, segmenter=READER, filter=FILTER)
  assert (result.made + result.rejected, result.missing) == (10, 0)
  assert result.made > 2
  assert result.rejected > 2
  return root


READER = pair_folders.Reader(wrong=(3, 4))
FILTER = {"segmenter": "reader", "tau": 0.7}


def generate(
  masks, root, *, segmenter=None, shard=(0, 1), workers=0, **changes
):
  values = pair_folders.options(masks, **changes)
  run = pair_folders.create_run(values, root, segmenter)
  return generation.generate(run, shard=shard, workers=workers)


def contents(root):
  """All files of a run but its journal and record, by name."""
  return {
    str(path.relative_to(root)): path.read_bytes()
    for path in sorted(root.rglob("*"))
    if path.is_file()
    and "journal" not in path.parts
    and path.name != run_folder.RECORD
  }


def lines(root):
  text = (root / "manifest.jsonl").read_text()
  return [json.loads(line) for line in text.splitlines()]


def written(root):
  return [images.read_integers(root / line["mask"]) for line in lines(root)]


def test_picture_and_mask_belong_together(masks, tmp_path):
  generate(masks, tmp_path, output={"picture": "png"})
  for line in lines(tmp_path):
    mask = images.read_integers(tmp_path / line["mask"])
    picture = images.read(tmp_path / line["image"])
    assert mask.shape == (line["height"], line["width"]) == pair_folders.SIZE
    expected = images.to_uint8(mask[..., None] / np.float32(3) - 1)
    np.testing.assert_array_equal(picture, expected)
    assert line["pixels"] == [(mask == i).sum() for i in range(6)]
    assert line["source"] in [f"train/masks/t{i}.png" for i in range(4)]
    assert {"angle", "scale", "flip", "dilate", "erode"} <= set(line["changes"])
    assert line["generator"] == {"weights": "painted"}
    assert "iou" not in line
  assert [line["index"] for line in lines(tmp_path)] == list(range(10))


def test_batches_are_full(masks, tmp_path):
  run = pair_folders.create_run(pair_folders.options(masks), tmp_path)
  generation.generate(run)
  assert run.translate.batches == [3, 3, 3, 1]


def test_pairs_can_be_trained_with(masks, made):
  entries = layouts.image_masks(made)
  assert [entry.name for entry in entries] == [x["name"] for x in lines(made)]


@pytest.mark.parametrize(
  ("output", "names"),
  [
    ({}, ("images/pair_00000.jpg", "masks/pair_00000.png")),
    ({"naming": "original"}, ("pair_00000_img.jpg", "pair_00000_mask.png")),
    (
      {"naming": "original", "picture": "png", "masks": "colors"},
      ("pair_00000_img.png", "pair_00000_mask.png"),
    ),
  ],
)
def test_names_and_what_masks_hold(masks, tmp_path, output, names):
  generate(masks, tmp_path, pairs=1, output=output)
  line = lines(tmp_path)[0]
  assert (line["image"], line["mask"]) == names
  found = images.read_integers(tmp_path / names[1])
  assert images.size(tmp_path / names[0]) == pair_folders.SIZE
  if output.get("masks") == "colors":
    found = palettes.from_colors(found, pair_folders.COLORS)
  assert line["pixels"] == [(found == i).sum() for i in range(6)]


def test_a_filter_keeps_what_the_segmenter_agrees_with(masks, made, tmp_path):
  generate(masks, tmp_path)
  everything = contents(tmp_path)
  told = json.loads((made / "filter.json").read_text())
  kept = {line["name"] for line in lines(made)}
  for line in lines(tmp_path):
    mask = images.read_integers(tmp_path / line["mask"])
    read = np.where(np.isin(mask, (3, 4)), 0, mask)
    iou = segmentation.picture_iou(read, mask, 6)
    assert told["iou"][line["name"]] == iou
    assert (line["name"] in kept) == (iou >= 0.7)
    assert (made / line["image"]).exists() == (iou >= 0.7)
    if iou >= 0.7:
      assert contents(made)[line["image"]] == everything[line["image"]]
  assert (told["generated"], told["kept"]) == (10, len(kept))
  assert sum(told["histogram"]["counts"]) == 10
  assert all(line["filter"]["tau"] == 0.7 for line in lines(made))


def test_a_pair_at_the_threshold_is_kept(masks, tmp_path):
  exact = pair_folders.Reader()
  chosen = {"segmenter": "reader", "tau": 1.0}
  result = generate(masks, tmp_path, segmenter=exact, filter=chosen)
  assert (result.made, result.rejected) == (10, 0)


def test_classes_beside_those_of_the_training_masks(masks, made, tmp_path):
  generate(masks, tmp_path)
  classes = json.loads((made / "classes.json").read_text())
  maps = {
    "training": [pair_folders.draw(seed) for seed in range(4)],
    "generated": written(tmp_path),
    "kept": written(made),
  }
  for label, each in enumerate(classes):
    for kind, found in maps.items():
      where = np.array(found) == label
      assert each[f"{kind}_share"] == pytest.approx(where.mean())
      assert each[f"{kind}_masks"] == where.any(axis=(1, 2)).sum()
  assert classes[5]["name"] == "Seminatural Grassland"


@pytest.mark.parametrize("mode", ["fixed", "original"])
def test_shards_and_workers_make_the_same_bytes(masks, tmp_path, mode):
  chosen = {"segmenter": READER, "filter": FILTER, "mode": mode}
  generate(masks, tmp_path / "one", **chosen)
  for number in (2, 0, 1):
    result = generate(
      masks,
      tmp_path / "three",
      shard=(number, 3),
      workers=1 if number == 0 and mode == "original" else 0,
      **chosen,
    )
    assert (result.missing == 0) == (number == 1)
  assert contents(tmp_path / "three") == contents(tmp_path / "one")


class KilledError(Exception):
  """In place of a signal, at a place of the test's choice."""


def test_what_was_killed_goes_on_where_it_was(
  masks, made, tmp_path, monkeypatch
):
  writes = images.write

  def dies(path, *others):
    if pathlib.Path(path) == tmp_path / lines(made)[2]["image"]:
      raise KilledError
    writes(path, *others)

  monkeypatch.setattr(images, "write", dies)
  with pytest.raises(KilledError):
    generate(masks, tmp_path, segmenter=READER, filter=FILTER)
  monkeypatch.undo()
  assert not (tmp_path / "manifest.jsonl").exists()
  # Of the third, there is the mask and no picture.
  assert (tmp_path / lines(made)[2]["mask"]).exists()
  result = generate(masks, tmp_path, segmenter=READER, filter=FILTER)
  assert result.made > 0
  assert result.already_there > 0
  assert contents(tmp_path) == contents(made)


def test_rejected_pairs_are_not_made_again(masks, made, tmp_path):
  generate(masks, tmp_path, segmenter=READER, filter=FILTER, pairs=6)
  values = pair_folders.options(masks, filter=FILTER)
  run = pair_folders.create_run(values, tmp_path, READER)
  result = generation.generate(run)
  assert result.already_there == 6
  assert sum(run.translate.batches) == 4
  assert contents(tmp_path) == contents(made)


@pytest.mark.parametrize(
  "changes",
  [
    {"filter": {"segmenter": "reader", "tau": 0.6}},
    {"seed": 4},
    {"changes": {"rotation": 5}},
    {"segmenter": pair_folders.Reader(wrong=(2,))},
  ],
)
def test_another_run_does_not_go_on_in_its_folder(masks, made, changes):
  before = contents(made)
  chosen = {"segmenter": READER, "filter": FILTER, **changes}
  with pytest.raises(ValueError, match="holds pictures made with"):
    generate(masks, made, **chosen)
  assert contents(made) == before


def test_a_mask_that_breaks_later_keeps_no_other_from_it(tmp_path, monkeypatch):
  pair_folders.write(tmp_path / "masks")
  values = pair_folders.options(tmp_path / "masks")
  monkeypatch.setattr(pair_masks, "_KEPT", 1)  # bytes: every mask is read anew
  run = pair_folders.create_run(values, tmp_path / "out")
  run.folder.check_inputs()
  (tmp_path / "masks" / "train" / "masks" / "t2.png").write_bytes(b"x")
  result = generation.generate(run)
  assert result.problems
  assert all("t2.png" in each for each in result.problems)
  assert result.made == 10 - len(result.problems)


def test_output_in_the_input_is_refused(masks):
  inside = masks / "train" / "masks" / "out"
  with pytest.raises(ValueError, match="lies in the input"):
    generate(masks, inside)
  assert not inside.exists()


@pytest.mark.parametrize(
  ("num_labels", "dont_care", "classes", "message"),
  [
    (5, False, 6, "masks have 6 labels, and the generator is shown 5 labels"),
    (6, True, 6, 'the generator is shown 6 labels and "don\'t care"'),
    (6, False, 7, "tells 7 classes apart, and masks have 6 labels"),
  ],
)
def test_networks_of_other_labels_are_refused(
  masks, tmp_path, num_labels, dont_care, classes, message
):
  folder = pair_run.PairRun  # the class that is tried
  painter = pair_folders.Painter(num_labels, dont_care)
  reader = pair_folders.Reader()
  reader.num_classes = classes
  values = pair_folders.options(masks)
  with pytest.raises(ValueError, match=message):
    folder(pair_folders.create_folder(values, tmp_path), painter, reader)


def test_dont_care_is_255_in_files_and_no_error_of_the_segmenter(tmp_path):
  mask = pair_folders.draw(0)
  mask[:5] = 255
  images.write(tmp_path / "masks" / "a.png", mask)
  masks = {"dont_care": True, "palette": ""}
  chosen = {"segmenter": "reader", "tau": 1.0}
  values = pair_folders.options(
    tmp_path / "masks", pairs=2, masks=masks, filter=chosen
  )
  folder = pair_folders.create_folder(values, tmp_path / "out")
  reader = pair_folders.Reader(wrong=(6,))
  run = pair_run.PairRun(folder, pair_folders.Painter(6, True), reader)
  assert generation.generate(run).made == 2
  for line in lines(tmp_path / "out"):
    found = images.read_integers(tmp_path / "out" / line["mask"])
    assert line["pixels"][6] == (found == 255).sum() > 0


def test_a_smaller_prediction_is_enlarged(masks, tmp_path):
  values = pair_folders.options(
    masks, pairs=2, filter={"segmenter": "reader", "tau": 0.0}
  )
  reader = pair_folders.Reader(shrink=2)
  run = pair_folders.create_run(values, tmp_path, reader)
  generation.generate(run)
  for line in lines(tmp_path):
    mask = images.read_integers(tmp_path / line["mask"])
    coarse = mask[::2, ::2].repeat(2, 0).repeat(2, 1)
    assert line["iou"] == segmentation.picture_iou(coarse, mask, 6) < 1


@pytest.mark.parametrize("values", ["ids", "colors"])
def test_a_contact_sheet_shows_pairs_and_the_histogram(masks, tmp_path, values):
  result = generate(
    masks,
    tmp_path,
    segmenter=READER,
    filter=FILTER,
    output={"preview": True, "masks": values},
  )
  assert result.sheets == [tmp_path / "preview.html"]
  sheet = result.sheets[0].read_text()
  for line in lines(tmp_path):
    assert line["name"] in sheet
  assert f"10 pairs generated · {result.made} kept" in sheet
  assert "Forest land" in sheet


def test_a_run_of_which_nothing_is_kept_ends_well(masks, tmp_path):
  result = generate(
    masks,
    tmp_path,
    segmenter=pair_folders.Reader(wrong=range(6)),
    filter={"segmenter": "reader", "tau": 1.0},
    output={"preview": True},
  )
  assert (result.made, result.rejected) == (0, 10)
  assert lines(tmp_path) == []
  assert json.loads((tmp_path / "filter.json").read_text())["kept"] == 0
