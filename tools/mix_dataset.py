r"""Writes down epochs of real and synthetic pairs, for any training program.

python tools/mix_dataset.py --real ROOT --synthetic PAIRS --output mixed \
    --share 0.25 --epochs 10 --oversample rare

ROOT holds `train/images` and `train/masks`, or is laid out as --layout says;
PAIRS is what tools/generate_pairs.py wrote. `mixed` gets `epoch_000.csv`, ...
with the columns image, mask, synthetic (0 or 1) and name, paths relative to the
folder; `masks`, gray PNGs of numbers, of all pairs; with --copy `images`; and
`index.json`, which says how often each label occurs. Every real pair is in
every epoch; other synthetic ones are drawn for each.

In gansynth itself none of this is needed: `--config.data.synthetic=PAIRS`,
`synthetic_share`, `oversample` and `oversample_factor` do the same. In PyTorch:

  class Pairs(torch.utils.data.Dataset):
    def __init__(self, root, epoch):
      self.root = pathlib.Path(root)
      with open(self.root / f"epoch_{epoch:03d}.csv", newline="") as file:
        self.rows = list(csv.DictReader(file))

    def __len__(self):
      return len(self.rows)

    def __getitem__(self, i):
      row = self.rows[i]
      image = np.array(Image.open(self.root / row["image"]).convert("RGB"))
      mask = np.array(Image.open(self.root / row["mask"]))
      image = torch.from_numpy(image).permute(2, 0, 1) / 255
      return image, torch.from_numpy(mask).long()

and with tf.data:

  def pairs(root, epoch):
    with open(f"{root}/epoch_{epoch:03d}.csv", newline="") as file:
      rows = list(csv.DictReader(file))
    def read(image, mask):
      image = tf.io.decode_image(
        tf.io.read_file(image), channels=3, expand_animations=False)
      return image / 255, tf.io.decode_png(tf.io.read_file(mask))[..., 0]
    paths = [[f"{root}/{row[k]}" for row in rows] for k in ("image", "mask")]
    return tf.data.Dataset.from_tensor_slices(tuple(paths)).map(read)
"""

import argparse
import sys
import types


def main(argv: list[str] | None = None) -> int:
  """Parses the flags, writes the epochs, prints the labels' shares."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--real", required=True, metavar="ROOT")
  parser.add_argument("--synthetic", required=True, nargs="+", metavar="PAIRS")
  parser.add_argument("--output", required=True, metavar="FOLDER")
  parser.add_argument(
    "--share",
    type=float,
    default=0.25,
    help="of an epoch's pairs that are synthetic (0.25)",
  )
  parser.add_argument("--epochs", type=int, default=1, metavar="N", help="1")
  parser.add_argument("--seed", type=int, default=0, metavar="N", help="0")
  parser.add_argument(
    "--oversample",
    nargs="+",
    default=[],
    metavar="LABEL",
    help="labels of which a pair must hold one to come more often, or 'rare' "
    "for those with under 5 %% of the real pixels",
  )
  parser.add_argument(
    "--factor", type=float, default=2.0, help="how often such pairs come (2)"
  )
  parser.add_argument(
    "--copy", action="store_true", help="copy the pictures to the folder, too"
  )
  parser.add_argument(
    "--layout",
    default="geoseg",
    help="of ROOT, see gansynth.data.labels.create (geoseg)",
  )
  parser.add_argument(
    "--palette",
    default="geoseg",
    help="what colours of masks stand for: a name, a file, or 'red green blue "
    "name; ...'; '' if they hold numbers alone (geoseg)",
  )
  parser.add_argument(
    "--palette-rule",
    default="exact",
    help="for colours that are not in the palette: exact (an error), nearest, "
    "or original (they become background)",
  )
  parser.add_argument(
    "--num-labels", type=int, default=0, metavar="N", help="the palette's"
  )
  options = parser.parse_args(argv)
  if not (options.palette or options.num_labels):
    parser.error("--num-labels is needed where there is no --palette")
  # After the parsing, so that --help does not wait for it.
  from gansynth import command_line
  from gansynth.data import labels
  from gansynth.data.labels import mixed_index, mixing, palettes

  command_line.log_progress()
  try:
    names = palettes.names(options.palette) if options.palette else ()
    config = types.SimpleNamespace(
      source=options.layout,
      root=options.real,
      num_labels=options.num_labels or len(names),
      palette=options.palette,
      palette_rule=options.palette_rule,
      instances=False,
    )
    index = mixed_index.write(
      labels.entries(config, "train"),
      mixing.synthetic_entries(options.synthetic),
      labels.label_reader(config),
      options.output,
      mixed_index.Options(
        share=options.share,
        epochs=options.epochs,
        seed=options.seed,
        oversample=mixing.parse_labels(" ".join(options.oversample)),
        factor=options.factor,
        copy=options.copy,
      ),
      names,
    )
  except (ValueError, OSError) as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  pairs, epoch = index["pairs"], index["epoch"]
  print(
    f"{options.output}: {options.epochs} epochs, each with {epoch['real']} "
    f"times a real pair (there are {pairs['real']}) and {epoch['synthetic']} "
    f"times a synthetic one (there are {pairs['synthetic']})"
  )
  print("label                        real  synthetic     epochs")
  for label in index["labels"]:
    shares = "".join(
      f"{label[kind]:11.2%}" for kind in ("real", "synthetic", "epochs")
    )
    print(f"{label['label']:3d} {label['name'][:17]:18}{shares}")
  return 0


if __name__ == "__main__":
  sys.exit(main())
