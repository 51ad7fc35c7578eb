"""Whole training steps of SPADE's family and pix2pixHD, against recorded."""

import dataclasses
import re
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gansynth import convert, models
from gansynth.models.semantics import Conditioning
from gansynth.parity import label_cases, label_step_comparisons, vgg19
from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import Comparison
from gansynth.parity.kinks import decided
from gansynth.parity.label_losses import gan_mode
from gansynth.parity.label_step_comparisons import Taken
from gansynth.parity.steps import Draws, blank_state
from gansynth.systems import LabelToImage
from gansynth.systems.label_to_image import DISCRIMINATOR, ENHANCER
from gansynth.systems.semantic import SemanticLosses

_PLACES = {
  "G": ("generator", "g"),
  "E": ("generator", "e"),
  "D": ("discriminator", "d"),
}
# Names of losses in the originals' logs, and of our metrics that they sum.
_SPADE_LOSSES = {
  "GAN": ("G_GAN",),
  "Seg": ("G_segmentation", "G_reconstruction"),
  "GAN_Feat": ("G_features",),
  "VGG": ("G_perceptual",),
  "KLD": ("G_kld",),
  "MSE": ("G_mse",),
  "L1": ("G_l1",),
  "WD": ("G_decay",),
  "D_Seg": ("D_segmentation", "D_reconstruction"),
  "D_Fake": ("D_fake",),
  "D_fake": ("D_fake",),
  "D_real": ("D_real",),
}
_PIX2PIXHD_LOSSES = {
  "G_GAN": ("G_GAN",),
  "G_GAN_Feat": ("G_features",),
  "G_VGG": ("G_perceptual",),
  "D_real": ("D_real",),
  "D_fake": ("D_fake",),
}


def spade_steps(case: Case) -> Iterator[Comparison]:
  """Steps of SPADE: losses, pictures, gradients, parameters, buffers."""
  yield from decided(_spade_steps, case)


def pix2pixhd_steps(case: Case) -> Iterator[Comparison]:
  """Steps of pix2pixHD: losses, pictures, gradients, parameters, buffers."""
  yield from decided(_pix2pixhd_steps, case)


def _spade_steps(case):
  letters = "GDE" if label_cases.options(case).get("use_vae", bool) else "GD"
  nets = Networks(case, letters)
  yield from _run(case, spade_run(case, nets))


def spade_run(
  case: Case, nets: "Networks", semantic: SemanticLosses | None = None
) -> "Run":
  """Returns what trains SPADE's family, by the options of a case.

  Args:
    case: SPADE's, SemDisc's or ASAP-Nets'.
    nets: its networks.
    semantic: losses of a discriminator that tells classes, if it does.
  """
  values = label_cases.options(case).values
  rate = values.get("lr", 2e-4)
  rates = (rate, rate) if values.get("no_TTUR") else (rate / 2, rate * 2)
  betas = values.get("beta1", 0.0), values.get("beta2", 0.9)
  if "E" in nets.modules and not getattr(nets.modules["G"], "use_vae", False):
    raise CaseError(
      f"{case.folder}: use_vae with a generator that takes no style; the "
      "original trains an encoder that nothing uses"
    )

  def weight(flag, name, default):
    return values.get(name, default) if values.get(flag) else 0.0

  system = LabelToImage(
    **_common(case, nets, rates, betas, values.get("lambda_vgg", 10.0)),
    conditioning=label_cases.conditioning(case),
    recipe="spade",
    gan_mode=gan_mode(case, values.get("gan_mode", "hinge")),
    lambda_gan=values.get("lambda_GAN", 1.0),
    adversarial=not values.get("no_adv_loss", False),
    lambda_kld=values.get("lambda_kld", 0.05),
    lambda_mse=weight("MSE_loss", "lambda_MSE", 10.0),
    lambda_l1=weight("L1_loss", "lambda_L1", 100.0),
    lambda_decay=weight("use_weight_decay", "lambda_WD", 1e-8)
    if isinstance(nets.modules["G"], models.AsapGenerator)
    else 0.0,  # others have no such loss, whatever is asked for
    discriminator_steps=values.get("D_steps_per_G", 1),
    semantic=semantic,
  )
  return Run(nets, system, rates, betas[1], _SPADE_LOSSES)


def _pix2pixhd_steps(case):
  values = label_cases.options(case).values
  if values.get("load_features"):
    raise CaseError(
      f"{case.folder}: load_features: features of files are not supported in "
      "training, only those of the encoder"
    )
  has_encoder = values.get("instance_feat") or values.get("label_feat")
  nets = Networks(
    case,
    "GDE" if has_encoder else "GD",
    intermediate=not values.get("no_ganFeat_loss", False),
  )
  rates = (values.get("lr", 2e-4),) * 2
  betas = values.get("beta1", 0.5), 0.999
  steps = label_step_comparisons.count(case)
  system = LabelToImage(
    **_common(case, nets, rates, betas, values.get("lambda_feat", 10.0)),
    conditioning=label_cases.conditioning(case, is_pix2pixhd=True),
    recipe="pix2pixhd",
    gan_mode="vanilla" if values.get("no_lsgan") else "lsgan",
    pool_size=values.get("pool_size", 0),
    # Recorded steps are of one epoch, the first.
    fix_global_steps=steps + 1 if _fixes_global(values) else 0,
  )
  run = Run(nets, system, rates, betas[1], _PIX2PIXHD_LOSSES)
  yield from _run(case, run)


def _fixes_global(values):
  local = values.get("netG") == "local"
  return local and values.get("niter_fix_global", 0) > 0


class Networks:
  """The networks of a case, by the original's letters."""

  def __init__(
    self,
    case: Case,
    letters: str,
    files: Mapping[str, str] | None = None,
    **of_discriminator: Any,
  ):
    """Imports them.

    Args:
      case: the case.
      letters: which, of G, D and E.
      files: of the networks, by letter; None: where `label_cases` finds them.
      **of_discriminator: options of its `to_state_dict`.
    """
    self.letters = letters
    self.descriptions, self.modules, self.variables = {}, {}, {}
    self._options = {"D": of_discriminator}
    for letter in letters:
      file = files[letter] if files else None
      imported = label_cases.network(case, letter, file)
      self.descriptions[letter] = imported[0]
      self.modules[letter] = imported[1]
      self.variables[letter] = imported[2]

  def collect(self, collection: str) -> dict[str, dict[str, Any]]:
    """Returns a collection of all networks as a state's side -> name."""
    tree = {}
    for letter in self.letters:
      side, name = _PLACES[letter]
      found = self.variables[letter].get(collection, {})
      tree.setdefault(side, {})[name] = found
    return tree

  def state_dict(self, letter: str, **collections: Any) -> dict[str, Any]:
    """Writes trees of side -> name under the original's keys."""
    side, name = _PLACES[letter]
    return convert.to_state_dict(
      self.descriptions[letter],
      {kind: tree[side][name] for kind, tree in collections.items()},
      **self._options.get(letter, {}),
    )

  def has_moved(self, letter: str, gradients: dict[str, Any]) -> bool:
    """Whether a step computed gradients of a network."""
    return _PLACES[letter][0] in gradients


def _common(case, nets, rates, betas, lambda_perceptual):
  """Arguments of the system that both originals have."""
  values = label_cases.options(case).values
  perceptual, frozen = None, {}
  if values.get("no_vgg_loss"):
    lambda_perceptual = 0.0
  else:
    perceptual, variables = vgg19.network_of(case, vgg19.state_of(case))
    frozen = {"perceptual": variables}
  optimizers = [
    optax.adam(rate, b1=betas[0], b2=betas[1], eps=1e-8) for rate in rates
  ]
  weight = values.get("lambda_feat", 10.0)
  return {
    "generator": nets.modules["G"],
    # There is one where none is used, too.
    "discriminator": nets.modules.get("D") or models.create("multiscale"),
    "encoder": nets.modules.get("E"),
    "generator_optimizer": optimizers[0],
    "discriminator_optimizer": optimizers[1],
    "perceptual": perceptual,
    "frozen": frozen,
    "lambda_features": 0.0 if values.get("no_ganFeat_loss") else weight,
    "lambda_perceptual": lambda_perceptual,
  }


@dataclasses.dataclass(frozen=True)
class Run:
  """What recorded steps are repeated with."""

  nets: Networks
  system: LabelToImage
  rates: tuple[float, float]  # of generator and discriminator
  beta2: float  # of Adam
  names: Mapping[str, tuple[str, ...]]  # losses in the log -> our metrics


def _run(case, run):
  compared = label_step_comparisons.StepComparisons(case, run.nets, run.rates)
  steps = label_step_comparisons.count(case)
  state = initial_state(case, run)
  state = yield from take_steps(case, run, state, steps, compared)
  yield from compared.state(steps, state)


def take_steps(
  case: Case, run: Run, state: Any, count: int, compared: Any
) -> Generator[Comparison, None, Any]:
  """Takes steps from a state, and compares each.

  Args:
    case: the case.
    run: what steps.
    state: before them.
    count: how many.
    compared: what compares, as `StepComparisons`.

  Returns:
    The state after them.
  """
  system = run.system
  compiled = jax.jit(system.step_with_details, static_argnames="phase")
  noise = _noise(case, system)
  draws = Draws(case.meta.get("pool_draws") or [[]] * count)
  metrics, filled, first = {}, 0, int(state.step)
  for i in range(1, count + 1):
    batch = batch_of(case, system.conditioning, i)
    phase = system.phase(first + i - 1).name
    drawn = {}
    if noise is not None:
      number = 1 if phase == DISCRIMINATOR else 2
      drawn["eps"] = tuple(next(noise) for _ in range(number)) * (3 - number)
    if system.pool_size:
      number = len(batch["image"])
      drawn["pool_draws"] = draws.take(i - 1, number, filled, system.pool_size)
      filled = min(filled + number, system.pool_size)
    before = state
    state, found, details = compiled(before, batch, phase=phase, **drawn)
    # What did not happen in a step is logged as it last was.
    metrics.update(found)
    logged = {name: _sum(metrics, parts) for name, parts in run.names.items()}
    held = _held(system) if phase == ENHANCER else None
    yield from compared.step(
      Taken(i, logged, details, before, state, batch, phase, drawn, held)
    )
  return state


def _sum(metrics, names):
  """The sum of metrics, or None where there are none of them."""
  found = [metrics[name] for name in names if name in metrics]
  return sum(found) if found else None


def _held(system):
  """A pattern of the keys of the generator that do not move."""
  last = system.generator.num_enhancers
  return re.compile(rf"G/(?!model{last}_)")


def initial_state(case: Case, run: Run) -> Any:
  """A state of the recorded networks with fresh optimisers."""
  batch = batch_of(case, run.system.conditioning, 1)
  state = blank_state(run.system, batch, case.dtype)
  return state.replace(
    params={**state.params, **run.nets.collect("params")},
    stats={**state.stats, **run.nets.collect("batch_stats")},
    frozen=run.system.frozen,
  )


def batch_of(
  case: Case, conditioning: Conditioning, i: int
) -> dict[str, np.ndarray]:
  """The batch of step i; the same in all steps where only one is recorded."""

  def name_of(kind):
    names = (f"{kind}/step{i}", f"{kind}{i}", f"step{i}/{kind}", kind)
    return next((name for name in names if name in case.inputs), kind)

  label = name_of("label")
  if label not in case.inputs:
    label = name_of("label_onehot")
  batch = {
    "label": label_cases.labels(case, conditioning, label),
    "image": case.picture(name_of("image")),
  }
  wants_instances = conditioning.edges or conditioning.features == "instance"
  if wants_instances and (name := name_of("instance")) in case.inputs:
    batch["instance"] = label_cases.instances(case, name)
  return batch


def _noise(case, system):
  """An iterator over the recorded noise of styles, or None without styles."""
  if not getattr(system.generator, "use_vae", False):
    return None
  size = system.generator.latent_size
  arrays = []
  for source in (case.inputs, case.outputs):
    names = [name for name in source if re.match(r"(\w*/)?eps", name)]
    names.sort(key=lambda n: [int(x) for x in re.findall(r"\d+", n)])
    batch = len(case.inputs["image"])
    for name in names:
      arrays.extend(source[name].reshape(-1, batch, size))
  if not arrays:
    raise CaseError(
      f"{case.folder}: use_vae, and inputs.npz has no noise 'eps'"
    )

  def iterate():
    for array in arrays:
      yield jnp.asarray(array, case.dtype)
    raise CaseError(
      f"{case.folder}: the steps draw noise more often than the {len(arrays)} "
      "times that are recorded"
    )

  return iterate()
