"""What is kept of what was made, and put together over hosts."""

import json
import math

import jax
import numpy as np
import pytest

from gansynth import parallel
from gansynth.reports.evaluation_record import Shown
from gansynth.run_scores import made_pictures
from gansynth.run_scores.made_pictures import MadePictures


def picture(value):
  return np.full((2, 3, 3), value, np.uint8)


def test_directions_have_names_and_ends_of_their_own():
  made = MadePictures({"AtoB": 2, "BtoA": 3})
  for index in range(3):
    item = {
      "name": f"{index}.png",
      "name_a": f"{index % 2}.png",
      "name_b": f"{index}.png",
    }
    made("AtoB", item, picture(index), {"error_AtoB": index / 2})
    made("BtoA", item, picture(10 + index), {})
  assert [(each.index, each.name) for each in made["AtoB"]] == [
    (0, "AtoB/0.png"),
    (1, "AtoB/1.png"),
  ]
  assert [each.name for each in made["BtoA"]] == [
    "BtoA/0.png",
    "BtoA/1.png",
    "BtoA/2.png",
  ]
  assert made["BtoA"][2].picture[0, 0, 0] == 12
  assert made.scores() == {"error_AtoB": {"AtoB/0.png": 0, "AtoB/1.png": 0.5}}


def test_hosts_number_their_items_in_turns(monkeypatch):
  monkeypatch.setattr(jax, "process_index", lambda: 1)
  monkeypatch.setattr(jax, "process_count", lambda: 3)
  made = MadePictures({"": 5})
  for name in "bex":
    made("", {"name": name}, picture(0), {})
  assert [(each.index, each.name) for each in made[""]] == [(1, "b"), (4, "e")]


@pytest.mark.parametrize("best", [1, 3])
def test_only_the_best_and_the_worst_stay_in_memory(best):
  rng = np.random.default_rng(0)
  scores = {
    f"{number:03d}": {"error": float(error), "ssim": float(ssim)}
    for number, (error, ssim) in enumerate(rng.random((200, 2)))
  }
  scores["150"]["ssim"] = math.nan
  made = MadePictures({"": 200}, best=best)
  for name, each in scores.items():
    made("", {"name": name}, picture(int(name)), each)
  assert len(made[""]) == 200
  kept = {each.name: each for each in made[""] if each.picture is not None}
  assert len(kept) <= 4 * best + 200 % 64
  chosen = made_pictures.choose(made.scores(), scores, best)
  for name in chosen:
    assert kept[name].picture[0, 0, 0] == int(name)
  by_error = sorted(scores, key=lambda name: scores[name]["error"])
  assert set(by_error[:best] + by_error[-best:]) <= set(chosen)


def test_without_scores_the_first_are_shown():
  assert made_pictures.choose({}, iter("abcdef"), 2) == list("abcd")
  assert made_pictures.choose({"fid": {}}, iter("ab"), 2) == ["a", "b"]


def test_hosts_are_put_together(monkeypatch):
  mine = {"psnr": {"a": math.inf}, "error": {"a": 2.0}}
  other = {"psnr": {"b": 3.5}, "lpips": {"b": math.nan}}

  def gather(data):
    assert json.loads(data) == mine
    return [data, json.dumps(other).encode()]

  monkeypatch.setattr(parallel, "gather_over_hosts", gather)
  merged = made_pictures.merge_scores(mine)
  assert merged["psnr"] == {"a": math.inf, "b": 3.5}
  assert merged["error"] == {"a": 2.0}
  assert math.isnan(merged["lpips"]["b"])


def test_shown_pictures_travel_as_they_are(monkeypatch):
  shown = [
    Shown(
      f"sub/{index}.png",
      {
        "generated": picture(index),
        "labels": np.full((4, index + 1, 3), 9, np.uint8),
      },
      {"psnr": math.inf},
    )
    for index in range(12)
  ]
  monkeypatch.setattr(parallel, "gather_over_hosts", lambda data: [data, data])
  gathered = made_pictures.gather_shown(shown)
  assert [each.name for each in gathered] == [x.name for x in 2 * shown]
  for one, other in zip(2 * shown, gathered, strict=True):
    assert other.scores == one.scores
    assert list(other.pictures) == list(one.pictures)
    for kind, expected in one.pictures.items():
      np.testing.assert_array_equal(other.pictures[kind], expected)
  monkeypatch.undo()
  assert made_pictures.gather_shown([]) == []
