"""Files of the package that are no code come with its wheel."""

import configparser
import pathlib

ROOT = pathlib.Path(__file__).parents[1]


def test_every_file_that_is_no_code_is_package_data():
  config = configparser.ConfigParser()
  config.read(ROOT / "setup.cfg")
  named = {
    path
    for package, patterns in config["options.package_data"].items()
    for pattern in patterns.split()
    for path in ROOT.joinpath(*package.split(".")).glob(pattern)
  }
  found = {
    path
    for path in (ROOT / "gansynth").rglob("*")
    if path.is_file() and path.suffix not in (".py", ".pyc")
  }
  assert found == named
  assert ROOT / "gansynth/models/lpips_weights/v0_1_alex.npz" in found
