"""Whole training steps of SPADE and pix2pixHD against recorded ones."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gansynth import convert
from gansynth.parity import label_cases, label_step_comparisons, vgg19
from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import Comparison
from gansynth.parity.label_losses import gan_mode
from gansynth.parity.steps import Draws
from gansynth.systems import LabelToImage
from gansynth.systems.label_to_image import BOTH, ENHANCER

_PLACES = {
  "G": ("generator", "g"),
  "E": ("generator", "e"),
  "D": ("discriminator", "d"),
}
# Names of losses in the originals' logs, and of our metrics.
_SPADE_LOSSES = {
  "GAN": "G_GAN",
  "GAN_Feat": "G_features",
  "VGG": "G_perceptual",
  "KLD": "G_kld",
  "D_Fake": "D_fake",
  "D_real": "D_real",
}
_PIX2PIXHD_LOSSES = {
  "G_GAN": "G_GAN",
  "G_GAN_Feat": "G_features",
  "G_VGG": "G_perceptual",
  "D_real": "D_real",
  "D_fake": "D_fake",
}


# Up to where a kink may move what is compared, by the beginning of the name.
_KINKS = {
  "loss/": ("relative", 1e-3),
  "grad": ("relative", 0.1),
  "all of ": ("relative", 0.25),  # the share beyond, as Adam has no scale
  "buf": ("absolute", 1e-3),
}


def spade_steps(case: Case) -> Iterator[Comparison]:
  """Steps of SPADE: losses, pictures, gradients, parameters, buffers."""
  yield from _decided(_spade_steps, case)


def pix2pixhd_steps(case: Case) -> Iterator[Comparison]:
  """Steps of pix2pixHD: losses, pictures, gradients, parameters, buffers."""
  yield from _decided(_pix2pixhd_steps, case)


def _decided(steps, case):
  """Runs steps; where float32 falls short, float64 decides.

  An activation that is 0 up to rounding is on or off, and what comes through
  it moves gradients by far more than rounding. With every array of float64 as
  it should be, float32 may be off as far as such kinks go.
  """
  lines = list(steps(case))
  is_short = any(not line.ok for line in lines)
  recorded = (case.folder / "outputs_f64.npz").exists()
  if not is_short or not recorded or case.dtype == jnp.float64:
    yield from lines
    return
  with jax.enable_x64(True):
    exact = [line.ok for line in steps(Case(case.folder, jnp.float64))]
  note = f"in float64 {sum(exact)} of {len(exact)} ok"
  for line in lines:
    yield line if line.ok else _judged(line, all(exact), note)


def _judged(line, is_exact, note):
  """A comparison that failed in float32, which passes if a kink explains it."""
  found = [
    rule for start, rule in _KINKS.items() if line.name.startswith(start)
  ]
  ok = is_exact and any(getattr(line, kind) <= most for kind, most in found)
  if ok:
    note = f"beyond it by a kink; {note}"
  return dataclasses.replace(
    line, ok=ok, note=f"{line.note}; {note}" if line.note else note
  )


def _spade_steps(case):
  values = label_cases.options(case).values
  rate = values.get("lr", 2e-4)
  rates = (rate, rate) if values.get("no_TTUR") else (rate / 2, rate * 2)
  betas = values.get("beta1", 0.0), values.get("beta2", 0.9)
  nets = Networks(case, "GDE" if values.get("use_vae") else "GD")
  if "E" in nets.modules and not getattr(nets.modules["G"], "use_vae", False):
    raise CaseError(
      f"{case.folder}: use_vae with a generator that takes no style; the "
      "original trains an encoder that nothing uses"
    )
  system = LabelToImage(
    **_common(case, nets, rates, betas, values.get("lambda_vgg", 10.0)),
    conditioning=label_cases.conditioning(case),
    recipe="spade",
    gan_mode=gan_mode(case, values.get("gan_mode", "hinge")),
    lambda_kld=values.get("lambda_kld", 0.05),
    discriminator_steps=values.get("D_steps_per_G", 1),
  )
  yield from _run(case, nets, system, rates, _SPADE_LOSSES)


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
  yield from _run(case, nets, system, rates, _PIX2PIXHD_LOSSES)


def _fixes_global(values):
  local = values.get("netG") == "local"
  return local and values.get("niter_fix_global", 0) > 0


class Networks:
  """The networks of a case, by the original's letters."""

  def __init__(self, case: Case, letters: str, **of_discriminator: Any):
    """Imports them; options of the discriminator's `to_state_dict`."""
    self.letters = letters
    self.descriptions, self.modules, self.variables = {}, {}, {}
    self._options = {"D": of_discriminator}
    for letter in letters:
      imported = label_cases.network(case, letter)
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
    seed = vgg19.seed_in(case, case.require("vgg"))
    perceptual, variables = vgg19.network_of(case, vgg19.replay_slices(seed))
    frozen = {"perceptual": variables}
  optimizers = [
    optax.adam(rate, b1=betas[0], b2=betas[1], eps=1e-8) for rate in rates
  ]
  weight = values.get("lambda_feat", 10.0)
  return {
    "generator": nets.modules["G"],
    "discriminator": nets.modules["D"],
    "encoder": nets.modules.get("E"),
    "generator_optimizer": optimizers[0],
    "discriminator_optimizer": optimizers[1],
    "perceptual": perceptual,
    "frozen": frozen,
    "lambda_features": 0.0 if values.get("no_ganFeat_loss") else weight,
    "lambda_perceptual": lambda_perceptual,
  }


def _run(case, nets, system, rates, names):
  compared = label_step_comparisons.StepComparisons(case, nets, rates)
  compiled = jax.jit(system.step_with_details, static_argnames="phase")
  steps = label_step_comparisons.count(case)
  noise = _noise(case, system)
  draws = Draws(case.meta.get("pool_draws") or [[]] * steps)
  state, metrics, filled = None, {}, 0
  for i in range(1, steps + 1):
    batch = _batch(case, system.conditioning, i)
    if state is None:
      state = _initial_state(case, nets, system, batch)
    phase = system.phase(i - 1).name
    drawn = {}
    if noise is not None:
      count = 2 if phase == BOTH else 1
      drawn["eps"] = tuple(next(noise) for _ in range(count)) * (3 - count)
    if system.pool_size:
      number = len(batch["image"])
      drawn["pool_draws"] = draws.take(i - 1, number, filled, system.pool_size)
      filled = min(filled + number, system.pool_size)
    state, found, details = compiled(state, batch, phase=phase, **drawn)
    # What did not happen in a step is logged as it last was.
    metrics.update(found)
    yield from compared.losses(i, {k: metrics.get(v) for k, v in names.items()})
    yield from compared.pictures(i, details.pictures["fake"])
    frozen = _held(system) if phase == ENHANCER else None
    yield from compared.gradients(i, details.gradients, frozen)
  yield from compared.state(steps, state)


def _held(system):
  """A pattern of the keys of the generator that do not move."""
  last = system.generator.num_enhancers
  return re.compile(rf"G/(?!model{last}_)")


def _initial_state(case, nets, system, batch):
  """A state of the recorded networks with fresh optimisers."""

  def zeros(leaf):
    is_float = jnp.issubdtype(leaf.dtype, jnp.floating)
    return jnp.zeros(leaf.shape, case.dtype if is_float else leaf.dtype)

  # Adam starts at 0, and so does a pool.
  state = jax.tree.map(
    zeros, jax.eval_shape(system.init, jax.random.PRNGKey(0), batch)
  )
  return state.replace(
    params=nets.collect("params"),
    stats=nets.collect("batch_stats"),
    frozen=system.frozen,
  )


def _batch(case, conditioning, i):
  """The batch of step i; the same in all steps where only one is recorded."""

  def name_of(kind):
    names = (f"{kind}/step{i}", f"{kind}{i}", f"step{i}/{kind}", kind)
    return next((name for name in names if name in case.inputs), kind)

  label = name_of("label")
  batch = {
    "label": label_cases.labels(case, conditioning, label),
    "image": case.picture(name_of("image")),
  }
  instances = label_cases.instances(case, name_of("instance"))
  if instances is not None:
    batch["instance"] = instances
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
