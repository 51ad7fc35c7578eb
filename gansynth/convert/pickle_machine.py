"""A pickle reader that can build data and nothing else.

Python's own unpickler calls whatever a file names. This one interprets the
opcodes itself, never imports anything, and knows only plain containers,
numbers, strings and what the caller lists as `constructors`, so a stranger's
file cannot run code, whatever it contains.
"""

import collections
import dataclasses
import pickletools
from collections.abc import Callable, Collection, Mapping
from typing import Any, BinaryIO

from gansynth.convert.errors import CheckpointError, UnsafeCheckpointError

_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
# fmt: off
_VALUES = frozenset((
  "INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2",
  "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING",
  "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
  "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
))
# fmt: on
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_HASHABLE = (str, bytes, int, float, type(None))


@dataclasses.dataclass(frozen=True)
class Name:
  """Something importable that a pickle mentions; it is never imported."""

  full: str  # "module.attribute"


class Attributes(dict):
  """The attributes of an object whose class the caller allowed, by name."""


class Buildable:
  """What a constructor of the caller made, and the pickle fills later."""

  def set_state(self, state: Any) -> None:
    """Takes the state; raises ValueError or TypeError if it is none."""
    raise NotImplementedError


class _Machine:
  """The stack machine of one pickle."""

  def __init__(
    self, source, constructors, values, persistent, objects, expected
  ):
    self.source = source
    self.constructors = constructors
    self.values = values
    self.persistent = persistent
    self.objects = objects
    self.expected = expected
    self.stack = []
    self.memo = {}

  def run(self, stream):
    try:
      for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "STOP":
          return self.stack.pop()
        self.step(opcode.name, argument)
    except CheckpointError:
      raise
    except (
      ArithmeticError,
      AttributeError,
      LookupError,
      TypeError,
      ValueError,
    ) as e:
      raise CheckpointError(
        f"{self.source}: the pickle inside is damaged or cut short ({e}); get "
        "the file again"
      ) from e
    raise CheckpointError(f"{self.source}: the pickle inside has no end")

  def step(self, name, argument):
    stack = self.stack
    if name in _VALUES:
      stack.append(argument)
    elif name in _CONSTANTS:
      stack.append(_CONSTANTS[name])
    elif name in _EMPTY:
      stack.append(_EMPTY[name]())
    elif name in ("PROTO", "FRAME"):
      pass
    elif name == "MARK":
      stack.append(_MARK)
    elif name == "POP":
      stack.pop()
    elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
      self.memo[argument] = stack[-1]
    elif name == "MEMOIZE":
      self.memo[len(self.memo)] = stack[-1]
    elif name in ("GET", "BINGET", "LONG_BINGET"):
      stack.append(self.memo[argument])
    elif name == "TUPLE":
      stack.append(tuple(self.pop_to_mark()))
    elif name in _TUPLES:
      count = _TUPLES[name]
      stack[-count:] = [tuple(stack[-count:])]
    elif name == "LIST":
      stack.append(self.pop_to_mark())
    elif name == "DICT":
      items = self.pop_to_mark()
      stack.append({})
      self.set_items(items)
    elif name == "APPEND":
      item = stack.pop()
      self.append([item])
    elif name == "APPENDS":
      self.append(self.pop_to_mark())
    elif name == "SETITEM":
      value = stack.pop()
      key = stack.pop()
      self.set_items([key, value])
    elif name == "SETITEMS":
      self.set_items(self.pop_to_mark())
    elif name == "GLOBAL":
      self.push_name(*argument.split(" ", 1))
    elif name == "STACK_GLOBAL":
      attribute = stack.pop()
      self.push_name(stack.pop(), attribute)
    elif name == "PERSID":
      raise ValueError("a persistent id in text, which torch.save never writes")
    elif name == "BINPERSID":
      stack.append(self.persistent(stack.pop()))
    elif name == "REDUCE":
      arguments = stack.pop()
      stack.append(self.construct(stack.pop(), arguments))
    elif name == "NEWOBJ":
      arguments = stack.pop()
      made = stack.pop()
      if (
        not isinstance(made, Name)
        or made.full not in self.objects
        or arguments != ()
      ):
        self.refuse(f"uses the opcode {name}")
      stack.append(Attributes())
    elif name == "BUILD":
      self.set_state(stack.pop())
    else:
      self.refuse(f"uses the opcode {name}")

  def pop_to_mark(self):
    for i in range(len(self.stack) - 1, -1, -1):
      if self.stack[i] is _MARK:
        items = self.stack[i + 1 :]
        del self.stack[i:]
        return items
    raise IndexError("no mark on the stack")

  def append(self, items):
    if not isinstance(self.stack[-1], list):
      raise TypeError("appends to what is no list")
    self.stack[-1].extend(items)

  def set_items(self, items):
    target = self.stack[-1]
    if not isinstance(target, dict) or len(items) % 2:
      raise TypeError("sets items of what is no dict")
    for key, value in zip(items[::2], items[1::2], strict=True):
      if not isinstance(key, _HASHABLE):
        raise TypeError(f"a dict key is a {type(key).__name__}")
      target[key] = value

  def set_state(self, state):
    target = self.stack[-1]
    if isinstance(target, Buildable):
      target.set_state(state)
      return
    known = isinstance(target, Attributes | collections.OrderedDict)
    if not known or not isinstance(state, dict):
      self.refuse(f"sets the state of a {type(target).__name__}")
    # State dicts carry their modules' versions as an attribute; nothing here
    # needs it.
    if isinstance(target, Attributes):
      target.update(state)

  def push_name(self, module, attribute):
    full = f"{module}.{attribute}"
    known = (self.constructors, self.values, self.objects)
    if not any(full in names for names in known):
      self.refuse(f"asks for {full!r}")
    self.stack.append(self.values.get(full, Name(full)))

  def construct(self, name, arguments):
    if not isinstance(name, Name) or not isinstance(arguments, tuple):
      self.refuse(f"calls a {type(name).__name__}")
    if name.full not in self.constructors:
      self.refuse(f"calls {name.full}")
    return self.constructors[name.full](*arguments)

  def refuse(self, what):
    raise UnsafeCheckpointError(
      f"{self.source}: refused, the pickle inside {what}, and "
      f"{self.expected}; nothing of it was run"
    )


def load(
  stream: BinaryIO,
  source: str,
  *,
  constructors: Mapping[str, Callable[..., Any]],
  values: Mapping[str, Any],
  persistent: Callable[[Any], Any],
  objects: Collection[str] = (),
  expected: str = (
    "a checkpoint needs tensors and plain containers only (save the bare "
    "state_dict where the file comes from)"
  ),
) -> Any:
  """Reads one pickle, up to and including its end.

  Args:
    stream: where it starts.
    source: name of the file, for messages.
    constructors: what may be called, by "module.name".
    values: what other names stand for, by "module.name".
    persistent: makes an object of a persistent id.
    objects: classes, "module.name", of which `Attributes` are made.
    expected: what such a file needs, for the message of a refusal.

  Returns:
    The object: dicts, lists, tuples, numbers, strings, and what `constructors`
    and `persistent` made.

  Raises:
    UnsafeCheckpointError: the pickle names anything else.
    CheckpointError: it is damaged or cut short.
  """
  machine = _Machine(
    source, constructors, values, persistent, objects, expected
  )
  return machine.run(stream)
