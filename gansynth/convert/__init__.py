"""Original checkpoints to our variables, without the original's libraries."""

from gansynth.convert.conditioning import DISCRIMINATORS, conditioning_of
from gansynth.convert.errors import (
  CheckpointError,
  KeyMismatchError,
  UnsafeCheckpointError,
)
from gansynth.convert.formats import (
  convert_state_dict,
  from_original,
  to_state_dict,
)
from gansynth.convert.torch_reader import load_state_dict

__all__ = [
  "DISCRIMINATORS",
  "CheckpointError",
  "KeyMismatchError",
  "UnsafeCheckpointError",
  "conditioning_of",
  "convert_state_dict",
  "from_original",
  "load_state_dict",
  "to_state_dict",
]
