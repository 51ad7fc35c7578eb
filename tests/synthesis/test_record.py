"""What made a folder's pictures."""

import numpy as np

from gansynth.synthesis import record


def test_digest_tells_weights_apart():
  first = record.digest({"a": np.zeros(3), "b": np.ones(2)})
  assert first == record.digest({"b": np.ones(2), "a": np.zeros(3)})
  assert first != record.digest({"a": np.zeros(3), "c": np.ones(2)})
  changed = np.ones(2)
  changed[1] = np.nextafter(1, 2)
  assert first != record.digest({"a": np.zeros(3), "b": changed})
