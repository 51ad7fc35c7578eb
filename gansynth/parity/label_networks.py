"""Forward passes of the networks of SPADE and pix2pixHD."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gansynth import convert, losses
from gansynth.models import encoders
from gansynth.parity import activations, label_cases, networks
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import Comparison, compare
from gansynth.parity.label_cases import tolerance


def spade_generator(case: Case) -> Iterator[Comparison]:
  """A generator of SPADE's repository, with its layers and buffers."""
  yield from _generator(case, of_spade=True)


def pix2pixhd_generator(case: Case) -> Iterator[Comparison]:
  """A generator of pix2pixHD, with its layers and buffers."""
  yield from _generator(case, of_spade=False)


def spade_vae(case: Case) -> Iterator[Comparison]:
  """SPADE's encoder of styles, and a generator of the style that it draws."""
  train = is_training(case)
  description, encoder, variables = label_cases.network(case, "E")
  (mean, log_variance), after = apply(
    encoder, variables, case.picture("image"), train=train
  )
  eps = np.asarray(case.inputs["eps"], case.dtype)
  z = mean + eps * jnp.exp(0.5 * log_variance)
  for name, found in (("mu", mean), ("logvar", log_variance), ("z", z)):
    yield compare(name, found, case.outputs[name], tolerance(case, name))
  yield from _buffers(case, "bufE_after/", description, after)
  yield from _generator(case, of_spade=True, z=z)


def is_training(case: Case) -> bool:
  """Whether the case's networks are in training mode."""
  mode = str(case.meta.get("mode", "eval")).split()[0].lower()
  if mode not in ("train", "eval"):
    raise CaseError(f"{case.folder}: unknown mode {mode!r}")
  return mode == "train"


def apply(
  network: nn.Module, variables: Mapping[str, Any], *inputs: Any, train: bool
) -> tuple[Any, dict[str, Any]]:
  """Applies a network; returns its output and the variables afterwards."""
  output, mutated = _compiled(network, train)(variables, inputs)
  return output, {**variables, **mutated}


@functools.cache
def _compiled(network, train):
  @jax.jit
  def call(variables, inputs):
    return network.apply(
      variables, *inputs, train=train, mutable=["batch_stats"]
    )

  return call


def _generator(case, of_spade, z=None):
  train = is_training(case)
  extra = {}
  if not of_spade and case.constructor.get("netG", "global") == "global":
    extra["network"] = "pix2pixhd_global"
  description, network, variables = label_cases.network(case, "G", **extra)
  wanted = label_cases.conditioning(
    case, case.constructor.get("input_nc"), is_pix2pixhd=not of_spade
  )
  pooled = None
  if wanted.features != "none":
    pooled = _features(case, wanted)
  semantics = label_cases.semantics(case, wanted, pooled)
  yield from label_cases.compare_semantics(case, semantics)
  latent = (z,) if getattr(network, "use_vae", False) else ()
  known = activations.places(description, of_spade)
  names = {
    name: known[name.removeprefix("act/")]
    for name in case.outputs
    if name.startswith("act/") and name.removeprefix("act/") in known
  }
  picture, layers, after = _draw(
    network, variables, (semantics, *latent), train, names
  )
  yield _compare_picture(case, "fake", picture)
  for name, found in layers.items():
    if found.ndim == 4:
      found = to_nchw(found)
    yield compare(name, found, case.outputs[name], tolerance(case, name))
  yield from _buffers(case, "buf_after/", description, after)
  dense = label_cases.recorded_semantics(case)
  if dense is not None:
    # As an array of channels, where the map of labels was looked up above.
    picture, _, _ = _draw(network, variables, (dense, *latent), train, {})
    yield _compare_picture(case, "fake", picture, "from the recorded semantics")


def _features(case, wanted):
  """Features of instances: recorded, or what the encoder makes of a picture."""
  recorded = label_cases.features(case)
  if recorded is not None:
    return recorded
  _, encoder, variables = label_cases.network(case, "E")
  train = is_training(case)
  raw, _ = apply(encoder, variables, case.picture("image"), train=train)
  ids = label_cases.instances(case, wanted.features)
  if ids is None:
    raise CaseError(f"{case.folder}: inputs.npz has no {wanted.features!r}")
  return encoders.pool_instances(raw, ids)


def _draw(network, variables, inputs, train, names):
  """Returns the picture, layers by name, and the variables afterwards."""

  @jax.jit
  def apply(variables, inputs):
    (picture, mutated), found = activations.record(
      lambda: network.apply(
        variables, *inputs, train=train, mutable=["batch_stats"]
      ),
      [place.path for place in names.values()],
    )
    layers = {
      name: activations.read(place, found) for name, place in names.items()
    }
    return picture, layers, mutated

  picture, layers, mutated = apply(variables, inputs)
  return picture, layers, {**variables, **mutated}


def _compare_picture(case, name, picture, note=""):
  expected = case.outputs[name]
  return compare(name, to_nchw(picture), expected, tolerance(case, name), note)


def _buffers(case, prefix, description, after, **options):
  """Compares buffers after the forward pass, each by its own tolerance."""
  state = convert.to_state_dict(description, after, **options)
  for name in case.outputs:
    if name.startswith(prefix):
      yield from networks.compare_state(
        {name: case.outputs[name]}, prefix, state, tolerance(case, name)
      )


def spade_discriminator(case: Case) -> Iterator[Comparison]:
  """SPADE's discriminator: features, gradient of the picture, buffers."""
  yield from _discriminator(case, is_pix2pixhd=False)


def pix2pixhd_discriminator(case: Case) -> Iterator[Comparison]:
  """pix2pixHD's discriminator: features, losses, buffers."""
  yield from _discriminator(case, is_pix2pixhd=True)


def _discriminator(case, is_pix2pixhd):
  train = is_training(case)
  description, network, variables = label_cases.network(case, "D")
  picture = case.picture("image")
  channels = _input_channels(variables) - picture.shape[-1]
  wanted = label_cases.conditioning(case, channels, is_pix2pixhd)
  semantics = label_cases.semantics(case, wanted)
  yield from label_cases.compare_semantics(case, semantics)
  sigmoid = case.constructor.get("use_sigmoid", False)
  outputs, gradient, after = _judge(
    network, variables, semantics, picture, train, sigmoid
  )
  yield from _compare_outputs(case, outputs, sigmoid)
  if "grad_input_image" in case.outputs:
    name = "grad_input_image"
    expected = case.outputs[name]
    yield compare(name, to_nchw(gradient), expected, tolerance(case, name))
  mode = "vanilla" if sigmoid else "lsgan"
  for name, is_real in (("loss_real", True), ("loss_fake", False)):
    if name in case.outputs:
      found = losses.multiscale_gan_loss(
        outputs, is_real, mode, reduction="sum"
      )
      yield compare(name, found, case.outputs[name], tolerance(case, name))
  options = {}
  if is_pix2pixhd:
    options["intermediate"] = case.constructor.get("getIntermFeat", True)
  yield from _buffers(case, "buf_after/", description, after, **options)
  dense = label_cases.recorded_semantics(case)
  if dense is not None:
    outputs, _, _ = _judge(network, variables, dense, picture, train, sigmoid)
    note = "from the recorded semantics"
    yield from _compare_outputs(case, outputs, sigmoid, note)


def _input_channels(variables: Mapping[str, Any]) -> int:
  return variables["params"]["scale_0"]["conv_0"]["kernel"].shape[2]


def _judge(network: nn.Module, variables, semantics, picture, train, sigmoid):
  """Returns outputs, the gradient of the picture, variables afterwards."""

  def last(logits):
    return jax.nn.sigmoid(logits) if sigmoid else logits

  @jax.jit
  def apply(variables, semantics, picture):
    def squares(picture):
      outputs, mutated = network.apply(
        variables, semantics, picture, train=train, mutable=["batch_stats"]
      )
      total = sum(jnp.square(last(scale[-1])).mean() for scale in outputs)
      return total, (outputs, mutated)

    gradient, (outputs, mutated) = jax.grad(squares, has_aux=True)(picture)
    return outputs, gradient, mutated

  outputs, gradient, mutated = apply(variables, semantics, picture)
  return outputs, gradient, {**variables, **mutated}


def _compare_outputs(case, outputs, sigmoid, note=""):
  """Compares features of every scale; some originals return logits alone."""
  recorded = {}
  for name in case.outputs:
    if name.startswith("out/"):
      _, scale, layer = name.split("/")
      recorded.setdefault(int(scale), {})[int(layer)] = name
  if len(recorded) != len(outputs):
    yield Comparison(
      "out", False, note=f"{len(outputs)} scales, expected {len(recorded)}"
    )
    return
  for i, scale in enumerate(outputs):
    names = recorded[i]
    shown = scale if len(names) > 1 else scale[-1:]
    if len(shown) != len(names):
      yield Comparison(
        f"out/{i}", False, note=f"{len(shown)} layers, expected {len(names)}"
      )
      continue
    for j, found in enumerate(shown):
      is_last = j == len(shown) - 1
      found = jax.nn.sigmoid(found) if sigmoid and is_last else found
      expected = case.outputs[names[j]]
      allowed = tolerance(case, names[j])
      yield compare(names[j], to_nchw(found), expected, allowed, note)


def instance_encoder(case: Case) -> Iterator[Comparison]:
  """pix2pixHD's encoder, before and after its pooling over instances."""
  description, network, variables = label_cases.network(case, "E")
  raw, after = apply(
    network, variables, case.picture("image"), train=is_training(case)
  )
  ids = label_cases.instances(case)
  if ids is None:
    raise CaseError(f"{case.folder}: inputs.npz has no 'instance'")
  pooled = encoders.pool_instances(raw, ids)
  for name, found in (("raw", raw), ("pooled", pooled)):
    yield _compare_picture(case, name, found)
  yield from _buffers(case, "buf_after/", description, after)
