"""Options as frozen dataclasses, built from nested dictionaries and checked."""

import dataclasses
import types
import typing
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

Options = TypeVar("Options")


class Recorded:
  """What options of a whole run can, beside being a dataclass."""

  def to_dict(self) -> dict[str, Any]:
    """Returns them as nested dictionaries; tuples stay tuples."""
    return dataclasses.asdict(self)

  @classmethod
  def from_dict(cls, values: Mapping[str, Any]) -> typing.Self:
    """Makes options of nested dictionaries, missing names at their defaults.

    Raises:
      ValueError: an unknown name, or a value that cannot be.
    """
    return build(cls, values)


def build(
  kind: type[Options], values: Mapping[str, Any], prefix: str = ""
) -> Options:
  """Makes options of nested dictionaries, missing names at their defaults.

  Args:
    kind: a dataclass, whose fields may be dataclasses.
    values: by the names of its fields; lists become tuples.
    prefix: of names in errors, such as `output.`.

  Raises:
    ValueError: an unknown name, or a value that cannot be.
  """
  fields = {each.name: each for each in dataclasses.fields(kind)}
  types_ = typing.get_type_hints(kind)
  unknown = sorted(set(values) - set(fields))
  if unknown:
    raise ValueError(
      f"there is no option {prefix}{unknown[0]}; known are "
      + ", ".join(prefix + name for name in fields)
    )
  built = {}
  for name, value in values.items():
    expected = types_[name]
    if dataclasses.is_dataclass(expected):
      value = build(expected, value, f"{prefix}{name}.")
    elif isinstance(value, list):
      value = tuple(value)
    _check_type(prefix + name, value, expected)
    built[name] = value
  return kind(**built)


def choose(name: str, value: Any, known: Collection[str]) -> None:
  """Raises ValueError unless an option is one of `known`."""
  if value not in known:
    raise ValueError(f"{name} is {value!r}; expected one of {', '.join(known)}")


def at_least(name: str, value: float, least: float) -> None:
  """Raises ValueError if an option is below `least`."""
  if value < least:
    raise ValueError(f"{name} is {value}; expected {least} or more")


def _check_type(name, value, expected):
  """Refuses a value of another type, which would fail far from here."""
  origin = typing.get_origin(expected)
  if origin in (typing.Union, types.UnionType):
    plain = tuple(
      typing.get_origin(each) or each for each in typing.get_args(expected)
    )
  else:
    plain = (origin or expected,)
  if float in plain:
    plain += (int,)
  good = isinstance(value, plain) and (
    bool in plain or not isinstance(value, bool)
  )
  if not good:
    text = (
      getattr(expected, "__name__", str(expected))
      if not origin
      else str(expected)
    )
    raise ValueError(
      f"{name} is {value!r} of type {type(value).__name__}; expected {text}"
    )
