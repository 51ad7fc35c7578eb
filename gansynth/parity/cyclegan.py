"""Checks of CycleGAN's parts; its whole steps and runs have their own files.

Where a case states no tolerance, the one of the published cases holds:
networks 2e-5 (discriminators 3e-5), losses 1e-5 of the array's maximum,
learning rates 1e-9, preprocessing 1e-6, pools and conversions exact.
"""

import dataclasses
import json
import random
import re
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gansynth import images, losses
from gansynth.data import preprocess
from gansynth.parity import comparison, networks, runs, steps
from gansynth.parity.case import Case, CaseError, to_nchw, to_nhwc
from gansynth.parity.comparison import Comparison, Tolerance, compare
from gansynth.systems import image_pool, schedules


def generator_forward(case: Case) -> Iterator[Comparison]:
  """Generators, and discriminators: eval and train, buffers afterwards."""
  tolerance = comparison.parse(case.meta.get("tolerance"), Tolerance(2e-5))
  nets = case.meta.get("nets")
  if nets is None:
    yield from networks.compare_forward(
      case,
      "checkpoint.pth",
      case.constructor,
      {
        "eval": "y_eval",
        "train": "y_train",
        "after_train": "after_train/",
        "masks": "",
      },
      tolerance,
    )
    return
  for tag, net in nets.items():
    yield from networks.compare_forward(
      case,
      net.get("checkpoint", f"checkpoint_{tag}.pth"),
      {**case.constructor, **net},
      {
        "eval": f"{tag}/eval",
        "train": f"{tag}/train",
        "after_train": f"{tag}/after_train/",
        "masks": f"{tag}/",
      },
      tolerance,
      x=f"{tag}/x" if f"{tag}/x" in case.inputs else "x",
    )


def checkpoint_import(case: Case) -> Iterator[Comparison]:
  """Old files: each must give its recorded output.

  A file `checkpoint_<tag>.pth` gives the array `<tag>`, and its norm is the
  tag's last word where that is one; any other gives `y`.
  """
  tolerance = comparison.parse(case.meta.get("tolerance"), Tolerance(2e-5))
  for path in sorted([*case.folder.glob("*.pth"), *case.folder.glob("*.pt")]):
    tag = path.stem.removeprefix("checkpoint_")
    constructor = dict(case.constructor)
    norm = tag.rpartition("_")[2]
    if norm in ("instance", "batch", "none"):
      constructor["norm"] = norm
    names = (tag, f"{tag}/eval", f"{tag}/y", "y_eval", "y")
    name = next((name for name in names if name in case.outputs), None)
    if name is None:
      raise CaseError(
        f"{path}: no output recorded for it; looked for {', '.join(names)}"
      )
    for line in networks.compare_forward(
      case,
      path.name,
      constructor,
      {
        "eval": name,
        "train": "y_train",
        "after_train": "after_train/",
        "masks": "",
      },
      tolerance,
    ):
      yield Comparison(
        f"{path.name}: {line.name}",
        line.ok,
        line.absolute,
        line.relative,
        line.tolerance,
        line.note,
      )


def gan_losses(case: Case) -> Iterator[Comparison]:
  """Losses on logits, their gradients, and the gradient penalty."""
  tolerance = comparison.parse(
    case.meta.get("tolerance"), Tolerance(relative=1e-5)
  )
  for name in case.outputs:
    mode, _, rest = name.partition("/")
    kind, _, what = rest.partition("/")
    if mode == "gp" or what != "loss":
      continue
    logits = jnp.asarray(case.inputs["pred"], case.dtype)
    value, gradient = jax.value_and_grad(losses.gan_loss)(
      logits, kind == "real", mode
    )
    # A mean that cancels is measured against what it is the mean of.
    magnitude = float(jnp.abs(logits).mean())
    yield compare(
      name,
      value,
      case.outputs[name],
      dataclasses.replace(
        tolerance, floor=0.1 * (tolerance.relative or 0) * magnitude
      ),
    )
    key = f"{mode}/{kind}/dpred"
    if key in case.outputs:
      yield compare(key, gradient, case.outputs[key], tolerance)
  if any(name.startswith("gp/") for name in case.outputs):
    yield from _gradient_penalties(case, tolerance)


def _gradient_penalties(case, tolerance):
  _, network, variables = case.network(
    "checkpoint.pth", **networks.converter_options(case.constructor)
  )
  text = str(case.meta.get("arrays", {}))
  weight = re.search(r"lambda_gp\s*=?\s*(\d+\.?\d*)", text)
  weight = float(weight[1]) if weight else 10.0
  constant = re.search(r"constant\s*=?\s*(\d+\.?\d*)", text)
  constant = float(constant[1]) if constant else 1.0
  real, fake = case.picture("gp_real"), case.picture("gp_fake")

  def discriminate(x):
    output, _ = network.apply(variables, x, train=True, mutable=["batch_stats"])
    return networks.output_of(output)

  for kind in ("real", "fake", "mixed"):
    if f"gp/{kind}/value" not in case.outputs:
      continue
    value, gradients = losses.gradient_penalty(
      discriminate,
      jnp.asarray(real),
      jnp.asarray(fake),
      jnp.asarray(case.inputs["gp_alpha"], case.dtype).reshape(-1),
      kind=kind,
      weight=weight,
      constant=constant,
    )
    gradients = to_nchw(np.asarray(gradients).reshape(real.shape))
    # As far as gradients within the tolerance move it.
    norms = np.linalg.norm(gradients.reshape(len(gradients), -1), axis=1)
    slope = 2 * weight * np.mean(np.abs(norms - constant) * norms)
    yield compare(
      f"gp/{kind}/value",
      value,
      case.outputs[f"gp/{kind}/value"],
      dataclasses.replace(
        tolerance, floor=float((tolerance.relative or 0) * slope)
      ),
    )
    yield compare(
      f"gp/{kind}/grad",
      gradients.reshape(len(gradients), -1),
      case.outputs[f"gp/{kind}/grad"],
      tolerance,
    )


def pool(case: Case) -> Iterator[Comparison]:
  """The image pool with the recorded draws."""
  tolerance = comparison.parse(case.meta.get("tolerance"), comparison.EXACT)
  size = case.require("pool_size")
  queries = to_nhwc(case.inputs["queries"])
  state = image_pool.create(size, queries.shape[2:])
  draws = steps.Draws(case.meta.get("draws") or [[]] * len(queries))
  query = jax.jit(image_pool.query)
  returned, filled = [], 0
  for i, pictures in enumerate(queries):
    uniforms, slots = draws.take(i, len(pictures), filled, size)
    filled = min(filled + len(pictures), size)
    state, answer = query(state, pictures, uniforms, slots)
    returned.append(to_nchw(answer))
  yield compare("returned", returned, case.outputs["returned"], tolerance)
  if "final_pool" in case.outputs:
    yield compare(
      "final_pool",
      to_nchw(state.images[: int(state.count)]),
      case.outputs["final_pool"],
      tolerance,
    )


def learning_rates(case: Case) -> Iterator[Comparison]:
  """Tables of learning rates, one for each row of options."""
  tolerance = comparison.parse(
    case.meta.get("tolerance"), Tolerance(relative=1e-9)
  )
  base = re.search(r"[Ii]nitial lr\s*([\d.e-]+\d)", case.meta.get("note", ""))
  base = float(case.meta.get("lr") or (base[1] if base else 2e-4))
  tolerance = Tolerance(
    tolerance.absolute, tolerance.relative, base * 1e-15, elementwise=True
  )
  for row, expected in case.require("table").items():
    policy, *words = row.split()
    options = dict(word.split("=", 1) for word in words)
    try:
      factors = schedules.learning_rate_factors(
        policy,
        int(options.pop("n_epochs", 100)),
        int(options.pop("n_epochs_decay", 100)),
        first_epoch=int(options.pop("epoch_count", 1)),
        decay_every=int(options.pop("lr_decay_iters", 50)),
        step_at=options.pop("step_at", "start"),
      )
      rate = float(options.pop("lr", base))
    except ValueError as e:
      raise CaseError(f"{case.folder}: row {row!r}: {e}") from e
    if options:
      raise CaseError(
        f"{case.folder}: row {row!r} has unknown options {', '.join(options)}"
      )
    yield compare(row, rate * factors, expected, tolerance)


def preprocessing(case: Case) -> Iterator[Comparison]:
  """Transforms with fixed parameters, and the drawing of parameters."""
  tolerance = comparison.parse(case.meta.get("tolerance"), Tolerance(1e-6))
  for index, row in case.meta.get("rows", {}).items():
    picture = preprocess.transform(
      case.inputs[f"img{index}"],
      preprocess=row["preprocess"],
      load_size=row["load_size"],
      crop_size=row["crop_size"],
      params=row["params"],
      flip=not row["no_flip"],
      grayscale=row.get("grayscale", False),
    )
    yield compare(
      f"out{index}",
      to_nchw(images.to_unit_range(picture)),
      case.outputs[f"out{index}"],
      tolerance,
      row["preprocess"],
    )
  table = case.folder / "get_params.json"
  if table.exists():
    for i, row in enumerate(json.loads(table.read_text(encoding="utf-8"))):
      found = preprocess.get_params(
        tuple(row["size"]),
        preprocess=row["preprocess"],
        load_size=row["load_size"],
        crop_size=row["crop_size"],
        rng=random.Random(row["seed"]),
      )
      expected = row["result"]
      yield compare(
        f"get_params/{i}",
        [*found["crop_pos"], found["flip"]],
        [*expected["crop_pos"], expected["flip"]],
        comparison.EXACT,
        row["preprocess"],
      )


def image_conversion(case: Case) -> Iterator[Comparison]:
  """Float pictures to 8 bits: the first of the batch, gray repeated."""
  tolerance = comparison.parse(case.meta.get("tolerance"), comparison.EXACT)
  for name in case.outputs:
    picture = images.to_uint8(to_nhwc(case.inputs[name])[0])
    yield compare(name, picture, case.outputs[name], tolerance)


CHECKS = {
  "generator_forward": generator_forward,
  "discriminator_forward": generator_forward,
  "checkpoint_import": checkpoint_import,
  "losses": gan_losses,
  "image_pool": pool,
  "lr_schedule": learning_rates,
  "preprocess": preprocessing,
  "image_conversion": image_conversion,
  "train_steps": steps.cyclegan_steps,
  "original_run": runs.original_run,
}
