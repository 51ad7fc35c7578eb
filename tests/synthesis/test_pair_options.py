"""Options of image-mask pairs: kept by JSON, wrong ones named."""

import json

import pytest

from gansynth import config
from gansynth.synthesis.pair_options import Options


def test_they_survive_json():
  options = Options.from_dict(
    {
      "pairs": 7,
      "masks": {"size": [48, 64], "oversample": [4, 5]},
      "changes": {"scale": [0.8, 1.25], "paste": 1},
      "filter": {"segmenter": "runs/segmenter", "tau": 1},
    }
  )
  assert options.masks.size == (48, 64)
  flat = json.loads(json.dumps(config.flatten(options.to_dict())))
  assert Options.from_dict(config.unflatten(flat)) == options


@pytest.mark.parametrize(
  ("values", "message"),
  [
    ({"images": 3}, "there is no option images; known are mode, seed, pairs"),
    ({"masks": {"root": ""}}, r"no option masks\.root; known are masks\.path"),
    ({"mode": "old"}, "mode is 'old'; expected one of fixed, original"),
    ({"pairs": 0}, "pairs is 0; expected 1 or more"),
    ({"filter": {"tau": 1.5}}, r"filter\.tau is 1\.5; a mean IoU is 0\.\.1"),
    ({"filter": {"tau": -0.1}}, r"filter\.tau is -0\.1"),
    ({"masks": {"size": [3]}}, r"masks\.size is \(3,\); expected \(height"),
    ({"filter": {"size": [3, 0]}}, r"filter\.size is \(3, 0\)"),
    ({"masks": {"oversample": "few"}}, "oversample is 'few'; expected labels"),
    (
      {"output": {"masks": "rgb"}},
      "output.masks is 'rgb'; expected one of ids",
    ),
    ({"output": {"picture": "gif"}}, "unknown format 'gif'"),
    ({"output": {"quality": 101}}, r"quality is 101; expected 1\.\.100"),
    ({"changes": {"rotation": -1.0}}, "rotation is -1"),
    (
      {"mode": "original", "changes": {"rotation": 9.0, "flip": False}},
      r"mode original has no changes\.rotation, changes\.flip; leave it out",
    ),
    (
      {"mode": "original", "masks": {"oversample": "rare"}},
      r"mode original has no masks\.oversample",
    ),
    (
      {"jitter": {"max_dilate": 4}},
      r"mode fixed has no jitter\.max_dilate; .* choose mode original",
    ),
  ],
)
def test_what_cannot_be_is_named(values, message):
  with pytest.raises(ValueError, match=message):
    Options.from_dict(values)
