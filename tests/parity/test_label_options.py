"""Command lines of SPADE's family, by the tables that the programs print."""

import json
import pathlib

import pytest

from gansynth.convert import torch_options
from gansynth.parity import label_cases, label_options
from gansynth.parity.case import Case, CaseError

OPTIONS = pathlib.Path(__file__).parent / "options"


def command_line(options):
  """The shortest one that gives these options."""
  argv = []
  for name, value in options.values.items():
    if name == "isTrain" or value == options.defaults[name]:
      continue
    argv += [f"--{name}"] if value is True else [f"--{name}", str(value)]
  return argv


@pytest.mark.parametrize(
  "path", sorted(OPTIONS.glob("*.txt")), ids=lambda path: path.stem
)
def test_options_are_those_that_the_program_printed(path):
  expected = torch_options.read_text(path)
  program = path.name.partition("_")[0]
  found = label_options.parse(command_line(expected), program)
  for mine, theirs in (
    (found.values, expected.values),
    (found.defaults, expected.defaults),
  ):
    theirs = {k: str(v) for k, v in theirs.items() if k != "isTrain"}
    assert {k: str(v) for k, v in mine.items()} == theirs
  assert found.program == program


def test_a_generator_and_a_data_set_change_defaults():
  one = label_options.parse("", "spade").values
  assert one["norm_G"] == "spectralspadesyncbatch3x3"
  assert (one["dataset_mode"], one["label_nc"], one["crop_size"]) == (
    "coco",
    182,
    256,
  )
  assert one["contain_dontcare_label"]
  found = label_options.parse(
    "--dataset_mode facades --netG asapnets", "semdisc"
  )
  assert found.values["no_instance"]
  assert found.values["lr_instance"]  # reset in ASAP-Nets' repository alone
  assert not found.values["no_instance_edge"]
  found = label_options.parse("--dataset_mode facades", "asapnets")
  assert "no_instance" not in found.values
  assert not found.values["lr_instance"]
  found = label_options.parse(["--dataset_mode=ade20k", "--no_TTUR"], "spade")
  assert (found.values["beta1"], found.values["beta2"]) == (0.5, 0.999)
  assert found.values["label_nc"] == 150
  found = label_options.parse("--no_TTUR --beta1 0.2", "semdisc")
  assert (found.values["beta1"], found.values["beta2"]) == (0.2, 0.999)


def test_values_have_the_options_types():
  argv = "--gpu_ids -1 --lr 1 --niter 3 --brand_new --other 3 --name 7"
  found = label_options.parse(argv, "semdisc").values
  assert found["gpu_ids"] == "-1"
  assert isinstance(found["lr"], float)
  assert found["niter"] == 3
  assert found["brand_new"] is True
  assert (found["other"], found["name"]) == ("3", "7")


@pytest.mark.parametrize(
  ("argv", "program", "message"),
  [
    ("--ndf four", "spade", "--ndf is 'four', expected a value of type int"),
    ("--ndf", "spade", "--ndf has no value"),
    ("--no_flip 1", "spade", "--no_flip is a flag, and takes no '1'"),
    ("--ndf 4 5", "spade", "'5' is no option"),
    ("ndf", "spade", "'ndf' is no option"),
    ("", "pix2pix", "unknown program 'pix2pix'"),
  ],
)
def test_command_lines_that_cannot_be_read(argv, program, message):
  with pytest.raises(ValueError, match=message):
    label_options.parse(argv, program, "here")


def test_a_case_tells_its_command_line(tmp_path):
  meta = {"system": "semdisc", "check": "losses", "argv": ["--ndf", "3"]}
  (tmp_path / "case.json").write_text(json.dumps(meta))
  (tmp_path / "outputs.npz").write_bytes(b"")
  case = Case(tmp_path)
  assert label_cases.options(case).values["ndf"] == 3
  case.outputs = {}
  one = label_cases.variant(case, ["--ndf", "5", "--ngf", "x"])
  assert one.outputs is case.outputs
  with pytest.raises(CaseError, match=r"case.json: argv: --ngf is 'x'"):
    label_cases.options(one)
  one = label_cases.variant(case, "--ndf 5 --c2f")
  assert label_cases.options(one).values["c2f"] is True
  assert label_cases.options(case).values["ndf"] == 3
