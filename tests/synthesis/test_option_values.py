"""Options come from nested dictionaries; what cannot be is named."""

import dataclasses

import pytest

from gansynth.synthesis import option_values


@dataclasses.dataclass(frozen=True)
class _Inner:
  share: float = 0.5
  labels: tuple[int, ...] | str = ()


@dataclasses.dataclass(frozen=True)
class _Outer:
  count: int = 3
  inner: _Inner = _Inner()


def test_lists_become_tuples_and_the_rest_stays_at_defaults():
  built = option_values.build(_Outer, {"inner": {"labels": [4, 5]}})
  assert built == _Outer(3, _Inner(0.5, (4, 5)))


@pytest.mark.parametrize("labels", ["rare", (4, 5)])
def test_a_union_takes_either_type(labels):
  built = option_values.build(_Outer, {"inner": {"labels": labels}})
  assert built.inner.labels == labels


def test_integers_count_as_floats():
  assert option_values.build(_Outer, {"inner": {"share": 1}}).inner.share == 1


@pytest.mark.parametrize(
  ("values", "message"),
  [
    ({"counts": 1}, "there is no option counts; known are count, inner"),
    (
      {"inner": {"size": 1}},
      r"there is no option inner\.size; known are inner\.share, inner\.labels",
    ),
    ({"count": 1.5}, "count is 1.5 of type float; expected int"),
    ({"count": True}, "count is True of type bool; expected int"),
    ({"inner": {"labels": 4}}, r"inner\.labels is 4 of type int; expected"),
  ],
)
def test_what_cannot_be_is_named(values, message):
  with pytest.raises(ValueError, match=message):
    option_values.build(_Outer, values)
