"""Where the outputs of the originals' modules arise in our networks."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import norms


class Place(NamedTuple):
  """A module of ours whose output, perhaps after a ReLU, is the original's."""

  path: tuple[str, ...]  # (): the whole network
  relu: bool = False


Places = dict[str, Place]


def record(
  call: Callable[[], Any], wanted: Iterable[tuple[str, ...]]
) -> tuple[Any, dict[tuple[str, ...], jax.Array]]:
  """Runs a network and keeps outputs of modules in it.

  Args:
    call: applies the network.
    wanted: paths of modules.

  Returns:
    What `call` returns, and the outputs by path.
  """
  wanted, found = set(wanted), {}

  def intercept(following, arguments, keywords, context):
    output = following(*arguments, **keywords)
    path = context.module.path
    if context.method_name == "__call__" and path in wanted:
      found[path] = output
    return output

  with nn.intercept_methods(intercept):
    result = call()
  return result, found


def read(place: Place, found: Mapping[tuple[str, ...], jax.Array]) -> jax.Array:
  """The original's output, from what `record` found."""
  output = found[place.path]
  return jnp.maximum(output, 0) if place.relu else output


def places(description: Mapping[str, Any], of_spade: bool) -> Places:
  """Returns the places of the modules of an original generator.

  Args:
    description: of our network.
    of_spade: whether the original is SPADE's repository.
  """
  name = description["name"]
  if name == "spade":
    return _spade(description)
  if name == "pix2pixhd_local":
    return _local(description)
  if name == "pix2pixhd_global" and of_spade:
    return _global_of_spade(description)
  if name == "pix2pixhd_global":
    return _trunk("model", (), description)
  return {}


def _spade(description):
  found = {"fc": Place(("fc",)), "conv_img": Place(("conv_img",))}
  blocks = {"head_0": "head_0"}
  blocks |= {f"G_middle_{i}": f"middle_{i}" for i in range(2)}
  ups = 5 if description["upsampling"] == "most" else 4
  blocks |= {f"up_{i}": f"up_{i}" for i in range(ups)}
  for key, block in blocks.items():
    found[key] = Place((block,))
    for end in "01s":
      norm = f"norm_{end}"
      found[f"{key}.conv_{end}"] = Place((block, f"conv_{end}"))
      found[f"{key}.{norm}"] = Place((block, norm))
      found[f"{key}.{norm}.param_free_norm"] = Place((block, norm, "norm"))
  return found


def _global_of_spade(description):
  depth, blocks = description["num_downsampling"], description["num_blocks"]
  plain = norms.parse(description["norm"])[1] == "none"
  found = {}

  def add(key, conv, norm):
    """A convolution and its norm are a list, unless there is no norm."""
    found[key] = Place(norm)
    if not plain:
      found[f"{key}.0"], found[f"{key}.1"] = Place(conv), Place(norm)

  def add_active(number, name, norm):
    add(f"model.{number}", (name,), (norm,))
    found[f"model.{number + 1}"] = Place((norm,), relu=True)

  add_active(1, "stem", "stem_norm")
  for i in range(depth):
    add_active(3 + 2 * i, f"down_{i}", f"down_norm_{i}")
  for i in range(blocks):
    key, block = f"model.{3 + 2 * depth + i}", f"block_{i}"
    found[key] = Place((block,))
    for j, at in enumerate((1, 4)):
      conv, norm = (block, f"conv_{j}"), (block, f"norm_{j}")
      add(f"{key}.conv_block.{at}", conv, norm)
  for i in range(depth):
    number = 3 + 2 * depth + blocks + 2 * i
    add_active(number, f"up_{i}", f"up_norm_{i}")
  last = 4 + 4 * depth + blocks
  found[f"model.{last}"] = Place(("head",))
  found[f"model.{last + 1}"] = found["model"] = Place(())
  return found


def _active(prefix, number, path, name, norm):
  """A convolution, its norm and a ReLU, one after the other in a list."""
  return {
    f"{prefix}.{number}": Place((*path, name)),
    f"{prefix}.{number + 1}": Place((*path, norm)),
    f"{prefix}.{number + 2}": Place((*path, norm), relu=True),
  }


def _blocks(prefix, first, path, count):
  found = {}
  for i in range(count):
    key, block = f"{prefix}.{first + i}", (*path, f"block_{i}")
    found[key] = Place(block)
    for j, at in enumerate((1, 5)):
      conv, norm = (*block, f"conv_{j}"), (*block, f"norm_{j}")
      found[f"{key}.conv_block.{at}"] = Place(conv)
      found[f"{key}.conv_block.{at + 1}"] = Place(norm)
    found[f"{key}.conv_block.3"] = Place((*block, "norm_0"), relu=True)
  return found


def _trunk(prefix, path, description, has_head=True):
  """A global generator, a list of layers."""
  depth, blocks = description["num_downsampling"], description["num_blocks"]
  found = {prefix: Place(path)}
  found |= _active(prefix, 1, path, "stem", "stem_norm")
  for i in range(depth):
    at = 4 + 3 * i
    found |= _active(prefix, at, path, f"down_{i}", f"down_norm_{i}")
  found |= _blocks(prefix, 4 + 3 * depth, path, blocks)
  for i in range(depth):
    at = 4 + 3 * depth + blocks + 3 * i
    found |= _active(prefix, at, path, f"up_{i}", f"up_norm_{i}")
  if has_head:
    last = 5 + 6 * depth + blocks
    found[f"{prefix}.{last}"] = Place((*path, "head"))
    found[f"{prefix}.{last + 1}"] = Place(path)
  return found


def _local(description):
  found = _trunk("model", ("global",), description, has_head=False)
  blocks = description["num_enhancer_blocks"]
  for n in range(1, description["num_enhancers"] + 1):
    path = (f"enhancer_{n}",)
    before, after = f"model{n}_1", f"model{n}_2"
    found |= _active(before, 1, path, "stem", "stem_norm")
    found |= _active(before, 4, path, "down_0", "down_norm_0")
    found[before] = found[f"{before}.6"]
    found |= _blocks(after, 0, path, blocks)
    found |= _active(after, blocks, path, "up_0", "up_norm_0")
    found[after] = Place(path)
    if n == description["num_enhancers"]:
      found[f"{after}.{blocks + 4}"] = Place((*path, "head"))
      found[f"{after}.{blocks + 5}"] = Place(path)
  return found
