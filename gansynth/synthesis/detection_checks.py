"""What of a plan can be found wrong before any picture is made."""

import os
from typing import TYPE_CHECKING

from absl import logging

from gansynth.synthesis import background, original
from gansynth.synthesis.background_sources import too_small_to_cut

if TYPE_CHECKING:
  from gansynth.synthesis.detection_plan import Plan

_DECODED = 500  # cut-outs of a domain at most, before a run
_SHOWN = 20  # problems in an error; the rest are counted
_WARNED = 5  # cut-outs that are passed over
_SEPARATORS = set("/\\\0")


def check_plan(plan: "Plan") -> None:
  """See `Plan.check`."""
  problems = [*plan.objects.check(), *plan.backgrounds.check()]
  if plan.distractors is not None:
    problems += plan.distractors.check()
  problems = problems or _check_names(plan) or _check_sizes(plan)
  problems = problems or _check_cutouts(plan)
  if problems:
    more = len(problems) - _SHOWN
    raise ValueError(
      "nothing was made, because:\n"
      + "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
      + (f"\n  and {more} more like these" if more > 0 else "")
    )


def check_output(plan: "Plan", root: str | os.PathLike[str]) -> None:
  """Raises ValueError if results cannot go to the folder `root`.

  It is a file, or lies where they would be taken for input the next time.
  """
  if os.path.exists(root) and not os.path.isdir(root):
    raise ValueError(
      f"the output {os.fspath(root)} is a file; expected a folder, or a name "
      "that is not taken"
    )
  outputs = [root]
  if plan.options.output.canvases:
    outputs.append(plan.options.output.canvases)
  for folder in _searched(plan):
    for output in outputs:
      background.refuse_inside(output, folder)


def _searched(plan):
  """The folders in which all pictures are taken for input."""
  for source in (plan.objects, plan.distractors, plan.backgrounds):
    told = {} if source is None else source.described()
    told = told.get("source", told)  # of tiles
    if told.get("kind") == "yolo":
      yield from (os.path.join(told["path"], x) for x in ("images", "labels"))
    elif told.get("kind") in ("rgba", "unlabelled", "folder"):
      yield told["path"]
  if os.path.isdir(real := plan.options.real_labels):
    inside = os.path.join(real, "images")
    yield inside if os.path.isdir(inside) else real


def _check_names(plan):
  """Names the backgrounds that cannot be part of a picture's name."""
  if plan.options.output.naming != "original":
    return []
  return [
    f"the background {name!r} of {target!r} holds {found[0]!r}, and original "
    "naming makes it part of a file's name; rename it, or choose the plain "
    "naming"
    for target in _targets(plan)
    for name in plan.backgrounds.names(target)[: plan.count(target)]
    if (found := sorted(set(name) & _SEPARATORS))
  ]


def _check_sizes(plan):
  """Names backgrounds of a wrong size, and cut-outs that fit into none."""
  rooms, problems, passed_over = {}, [], []
  for target in _targets(plan):
    rooms[target], found = _rooms(plan, target)
    problems += found
  if problems:
    return problems
  least = plan.options.rules.scale[0]
  if "size" in plan.options.rules.use_real:
    least = 0.0
  for pair in plan.pairs:
    crops = plan.crops(pair.source)
    too_large = [
      text
      for number in crops
      if (text := _too_large(plan, pair, number, rooms[pair.target], least))
    ]
    if len(too_large) == len(crops):
      problems += too_large
    else:
      passed_over += too_large
  passed_over = list(dict.fromkeys(passed_over))
  for text in passed_over[:_WARNED]:
    logging.warning("passed over: %s", text)
  if len(passed_over) > _WARNED:
    logging.warning("and %d more like these", len(passed_over) - _WARNED)
  return list(dict.fromkeys(problems))


def _check_cutouts(plan):
  """Decodes cut-outs: one may be on many pictures, and take them all along.

  In mode original each is on all of its domain's.
  """
  most = None if plan.options.mode == "original" else _DECODED
  used = [
    (plan.objects, domain, plan.crops(domain)[:most])
    for domain in dict.fromkeys(pair.source for pair in plan.pairs)
  ]
  used += [
    (plan.distractors, domain, numbers[:most])
    for domain, numbers in plan.distractor_numbers
  ]
  problems = []
  for source, domain, numbers in used:
    if source.described().get("kind") == "procedural":
      continue  # What is drawn is never damaged, and takes its time.
    for number in numbers:
      try:
        source.read(domain, number)
      except (ValueError, OSError) as error:
        problems.append(str(error))
  return list(dict.fromkeys(problems))


def _targets(plan):
  return dict.fromkeys(pair.target for pair in plan.pairs)


def _rooms(plan, target):
  """Returns the sizes of pictures of a target, and what is wrong there."""
  size = tuple(plan.options.backgrounds.size)
  names = plan.backgrounds.names(target)
  sizes = {
    number: plan.backgrounds.size(target, number)
    for number in range(plan.count(target))
  }
  if plan.options.mode == "original":
    problems = []
    for number, found in sizes.items():
      try:
        original.check_canvas(
          size or found, found, plan.options.rules.offset_ctr
        )
      except ValueError as error:
        problems.append(f"{names[number]}: {error}")
    return set(sizes.values()), problems
  if not size:
    return set(sizes.values()), []
  return {size}, [
    too_small_to_cut(names[number], found, size)
    for number, found in sizes.items()
    if found[0] < size[0] or found[1] < size[1]
  ]


def _too_large(plan, pair, number, rooms, least):
  """Says that a cut-out, `least` times its size, fits nowhere."""
  size = plan.objects.size(pair.source, number)
  if any(
    min(size) * least <= min(room) and max(size) * least <= max(room)
    for room in rooms
  ):
    return ""
  height, width = max(rooms, key=min)
  return (
    f"{plan.objects.names(pair.source)[number]} is {size[1]} x {size[0]} "
    f"pixels (width x height), and no background of {pair.target!r} is as "
    f"large, such as {width} x {height}; cut it smaller, or set rules.scale"
  )
