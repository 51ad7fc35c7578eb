"""Options of composing are checked before any work."""

import json

import pytest

from gansynth.synthesis.rules import Rules


def test_json_gives_the_same_rules():
  rules = Rules(scale=(0.5, 2), use_real=("size", "place"), flip=True)
  text = json.dumps(rules.to_dict())
  assert Rules(**json.loads(text)) == rules
  assert hash(rules) == hash(Rules(**json.loads(text)))


def test_numpys_and_ints_of_scale_become_floats():
  assert Rules(scale=[1, 2]).scale == (1.0, 2.0)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"min_objects": -1}, "min_objects is -1; expected a whole number"),
    ({"max_objects": 2.0}, "max_objects is 2.0"),
    ({"max_objects": True}, "max_objects is True"),
    ({"min_objects": 4}, "min_objects is 4 and max_objects 3"),
    ({"min_distractors": 1}, "min_distractors is 1 and max_distractors 0"),
    ({"scale": (0, 1)}, r"scale is \(0, 1\)"),
    ({"scale": (2, 1)}, r"scale is \(2, 1\)"),
    ({"scale": 2}, "scale is 2; expected the least and the largest"),
    ({"scale": (1, float("nan"))}, "scale is"),
    ({"rotation": "free"}, "rotation is 'free'; expected one of auto, none"),
    ({"rotation": 90}, "rotation is 90"),
    ({"region": "alpha"}, "region is 'alpha'; expected one of auto, mask"),
    ({"color_match": "std"}, "color_match is 'std'; expected one of none, me"),
    ({"flip": 1}, "flip is 1; expected True or False"),
    ({"keep_colors": "no"}, "keep_colors is .no.; expected True or False"),
    ({"max_overlap": 1.5}, "max_overlap is 1.5; expected a number from 0"),
    ({"max_truncation": -0.1}, "max_truncation is -0.1"),
    ({"min_visible": "half"}, "min_visible is 'half'"),
    ({"color_strength": None}, "color_strength is None"),
    ({"attempts": 0}, "attempts is 0; expected a whole number of at least 1"),
    ({"spacing": -2}, "spacing is -2"),
    ({"blend_offset": 1.5}, "blend_offset is 1.5"),
    ({"use_real": "size"}, "use_real is 'size'; expected any of count"),
    ({"use_real": ["sizes"]}, r"use_real is \['sizes'\]"),
    ({"use_real": [["size"]]}, "use_real is"),
  ],
)
def test_bad_options_are_named(options, message):
  with pytest.raises(ValueError, match=message):
    Rules(**options)
