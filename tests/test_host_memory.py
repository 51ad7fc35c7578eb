"""Freed memory is kept, so using it again costs no page faults."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from gansynth import host_memory

if sys.argv[1] == "keep":
  print(host_memory.keep_freed())
else:
  print(True)

def faults():
  return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

np.ones(12_000_000)  # 96 MB, freed at once
before = faults()
np.ones(12_000_000)
print(faults() - before)
"""


def run(way):
  answer = subprocess.run(
    [sys.executable, "-c", PROGRAM, way],
    capture_output=True,
    text=True,
    check=True,
  ).stdout.split()
  return answer[0], int(answer[1])


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_freed_memory_is_used_again():
  done, faults = run("keep")
  _, without = run("leave")
  if done == "False":
    pytest.skip("the C library is not glibc")
  assert faults < without / 10
