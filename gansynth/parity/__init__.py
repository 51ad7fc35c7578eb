"""Runs recorded cases of the original programs through this package.

A case is a folder with `case.json`, checkpoints, inputs and the outputs that
the original computed from them. Which check to run is decided by the pair
(`system`, `check`) of `case.json`, everything else is read from the folder.
A system is a file here with a dict `CHECKS`.
"""

from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import Comparison
from gansynth.parity.runner import run_case

__all__ = ["Case", "CaseError", "Comparison", "run_case"]
