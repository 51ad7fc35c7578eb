"""Options come as nested dictionaries, and wrong ones are named."""

import json

import pytest

from gansynth import config
from gansynth.synthesis.detection_options import Options


def test_they_survive_json():
  options = Options.from_dict(
    {
      "images": 7,
      "domains": ["A", "B"],
      "rules": {"scale": [0.5, 2], "use_real": ["count"]},
      "real_labels": "real",
      "backgrounds": {"size": [48, 64]},
      "blending": {"color_weight": 2},
    }
  )
  assert options.backgrounds.size == (48, 64)
  flat = json.loads(json.dumps(config.flatten(options.to_dict())))
  assert Options.from_dict(config.unflatten(flat)) == options


@pytest.mark.parametrize(
  ("values", "message"),
  [
    ({"imagse": 3}, "there is no option imagse; known are mode, seed, images"),
    ({"objects": {"pat": ""}}, "there is no option objects.pat; known are obj"),
    ({"mode": "old"}, "mode is 'old'; expected one of fixed, original"),
    ({"pairs": "some"}, "pairs is 'some'; expected one of all, cross, within"),
    ({"images": "3"}, "images is '3' of type str; expected int"),
    ({"images": True}, "images is True of type bool; expected int"),
    ({"images": 0}, "images is 0; expected 1 or more"),
    ({"seed": -1}, "seed is -1; expected 0 or more"),
    ({"output": {"formats": ["yolo", "txt"]}}, "output.formats is 'txt'"),
    ({"output": {"picture": "gif"}}, "unknown format 'gif'"),
    ({"output": {"quality": 101}}, r"quality is 101; expected 1\.\.100"),
    (
      {"output": {"preview": 1}},
      "output.preview is 1 of type int; expected bool",
    ),
    ({"backgrounds": {"size": [3]}}, r"size is \(3,\); expected \(height"),
    ({"rules": {"use_real": ["size"]}}, "real_labels is not set"),
    ({"objects_percentile": 50.0}, "real_labels is not set"),
    (
      {"mode": "original", "rules": {"flip": True, "scale": (1, 2)}},
      "mode original has no scale, flip; leave out",
    ),
    (
      {"mode": "original", "rules": {"min_objects": 1}},
      "min_objects is 1 and max_objects 3; mode original has one number",
    ),
    (
      {"distractors": {"path": "x"}},
      "distractors.path is 'x', and there are to be 0 to 0 distractors",
    ),
    (
      {"rules": {"max_distractors": 2}},
      "distractors.path is '', and there are to be 0 to 2 distractors",
    ),
    ({"blending": {"batch_size": 0}}, "batch_size is 0; expected 1 or more"),
  ],
)
def test_what_cannot_be_is_named(values, message):
  with pytest.raises(ValueError, match=message):
    Options.from_dict(values)
