"""Options of the comparisons whose networks draw label maps."""

import argparse

import compare

WORKERS = ("jax_label_worker.py", "torch_label_worker.py")


def main(
  system: str, description: str, channels: int, *, is_modulated: bool = False
) -> None:
  """Parses the command line and prints the table.

  Args:
    system: name that the workers know.
    description: the program's docstring.
    channels: of labels and of edges together.
    is_modulated: whether the generator can compute its modulation where label
      maps vary only.
  """
  parser = compare.parser(description, ("generate", "train_step"))
  parser.add_argument("--features", type=int, default=64, help="ngf and ndf")
  parser.add_argument(
    "--vgg", action="store_true", help="perceptual loss, random weights"
  )
  parser.add_argument("--labels", default="", help="a folder of label maps")
  parser.add_argument(
    "--instances", default="", help="a folder of their instance maps"
  )
  parser.add_argument("--maps", type=int, default=1, help="how many to take")
  parser.set_defaults(channels=channels, sparse=None)
  if is_modulated:
    parser.add_argument(
      "--sparse",
      action=argparse.BooleanOptionalAction,
      help="modulation where label maps vary only; by default as it suits",
    )
  arguments = parser.parse_args()
  arguments.width = arguments.size
  compare.run(system, arguments, WORKERS)
