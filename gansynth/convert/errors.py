"""What can be wrong with somebody else's checkpoint."""


class CheckpointError(ValueError):
  """A file cannot be read, or is not what it should be."""


class UnsafeCheckpointError(CheckpointError):
  """A file asks for code to be run; nothing of it was run."""


class KeyMismatchError(CheckpointError):
  """Keys or shapes of a file do not fit the network.

  Attributes:
    missing: keys that the network needs and the file lacks.
    extra: keys of the file that the network has no place for.
    wrong_shapes: messages, one for each key of another shape.
  """

  def __init__(
    self,
    message: str,
    missing: list[str],
    extra: list[str],
    wrong_shapes: list[str],
  ):
    super().__init__(message)
    self.missing = missing
    self.extra = extra
    self.wrong_shapes = wrong_shapes
