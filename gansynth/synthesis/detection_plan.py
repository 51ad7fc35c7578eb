"""Which pictures a run makes, what they are called, and of what.

Picture i of a pair of domains is a function of the seed, the names of the
domains and i alone, so any machine makes the same one.
"""

import dataclasses
import zlib
from typing import Any

import numpy as np

from gansynth.synthesis import detection_checks, original, real_labels
from gansynth.synthesis.background_sources import (
  DomainDict,
  FolderBackgrounds,
  ProceduralTiles,
  Tiled,
)
from gansynth.synthesis.detection_options import Options
from gansynth.synthesis.labels import checks
from gansynth.synthesis.object_sources import open_objects


@dataclasses.dataclass(frozen=True)
class Pair:
  """Objects of one domain in backgrounds of another; "" where unnamed.

  Attributes:
    source: domain of the objects.
    target: domain of the backgrounds.
    folder: of its data set, relative to the output; "" for the output itself.
  """

  source: str
  target: str
  folder: str


@dataclasses.dataclass(frozen=True, order=True)
class Item:
  """One picture of a run.

  Attributes:
    pair: number of its pair.
    index: its number in the pair, from 0.
  """

  pair: int
  index: int


class Plan:
  """What a run will make; picklable, without JAX.

  Attributes:
    options: what was asked for.
    objects: source of cut-outs.
    backgrounds: source of pictures to put them into.
    distractors: source of unlabelled cut-outs, or None.
    distractor_numbers: which may be used: of each domain its name and numbers.
    real: `statistics.Distribution` of real labels, or None.
    rules: how objects are placed, the number of objects filled in.
    pairs: of domains.
    class_names: of the labels.
  """

  def __init__(
    self,
    options: Options,
    objects: Any = None,
    backgrounds: Any = None,
    counter: int = 1,
  ) -> None:
    """Opens the sources and chooses the pairs.

    Args:
      options: what to make.
      objects: a source of cut-outs; None: the one that the options name.
      backgrounds: a source of pictures; None: the one the options name.
      counter: of mode original, what is added to the seed for the first
        canvas; each further one adds 1 more.

    Raises:
      ValueError: sources, domains or names that cannot be used.
    """
    self.options = options
    self._counter = counter
    self.objects = objects or _open_objects(
      options.objects, options, options.domains or None
    )
    self.backgrounds = backgrounds or _open_backgrounds(options)
    self.distractors = None
    if options.distractors.path:
      self.distractors = _open_objects(options.distractors, options, None)
    self.real = None
    if options.real_labels:
      self.real = real_labels.read(options.real_labels)
    self.class_names = checks.class_names(self.objects.class_names)
    self.pairs = _pairs(
      options, self.objects.domains(), self.backgrounds.domains()
    )
    sources = {pair.source for pair in self.pairs}
    targets = {pair.target for pair in self.pairs}
    limit = options.backgrounds.limit
    self._counts = {
      target: len(self.backgrounds.names(target)[: limit or None])
      for target in targets
    }
    self._crops = {source: self._choose_crops(source) for source in sources}
    self.distractor_numbers = []
    if self.distractors is not None:
      self.distractor_numbers = [
        (domain, self._choose(self.distractors, domain, options.distractors))
        for domain in self.distractors.domains()
      ]
    self._chosen = {}
    if options.mode == "original":
      self._chosen = {each: self._choose_backgrounds(each) for each in targets}
    self.rules = _rules(options, self.real)
    self._order = ((), ())  # of backgrounds, the last that was asked for

  def __len__(self) -> int:
    return len(self.pairs) * self.options.images

  def item(self, position: int) -> Item:
    """The picture at a position of the whole run."""
    return Item(*divmod(position, self.options.images))

  def position(self, item: Item) -> int:
    """The place of a picture in the whole run, from 0."""
    return item.pair * self.options.images + item.index

  def find(self, source: str, target: str, index: int) -> Item:
    """Picture `index` of a pair of domains.

    Raises:
      ValueError: there is no such pair.
    """
    for number, pair in enumerate(self.pairs):
      if (pair.source, pair.target) == (source, target):
        return Item(number, index)
    raise ValueError(
      f"there is no pair of objects of {source!r} and backgrounds of {target!r}"
    )

  def generator(self, item: Item) -> np.random.Generator:
    """What everything random about one picture is drawn from."""
    pair = self.pairs[item.pair]
    return self._generator(pair.source, pair.target, item.index)

  def canvas_seed(self, item: Item) -> int:
    """The seed of Python's generator for a picture of mode original."""
    return original.canvas_seed(
      self.options.seed, self.position(item) + self._counter
    )

  def crops(self, source: str) -> list[int]:
    """Numbers of a domain's cut-outs that may be used."""
    return self._crops[source]

  def distractor(self, rng: np.random.Generator) -> tuple[str, int]:
    """Draws the domain and number of a cut-out that carries no label."""
    choice = int(rng.integers(len(self.distractor_numbers)))
    domain, numbers = self.distractor_numbers[choice]
    return domain, numbers[int(rng.integers(len(numbers)))]

  def background(self, item: Item) -> int:
    """Number of a picture's background in its domain.

    In mode fixed each background is used once before any is used twice.
    """
    pair = self.pairs[item.pair]
    if self.options.mode == "original":
      return self._chosen[pair.target][item.index]
    turn, place = divmod(item.index, self._counts[pair.target])
    key = (item.pair, turn)
    ordered, order = self._order  # at once: other threads may change it
    if ordered != key:
      rng = self._generator("backgrounds", pair.source, pair.target, turn)
      order = rng.permutation(self._counts[pair.target])
      self._order = (key, order)
    return int(order[place])

  def name(self, item: Item) -> str:
    """Name of a picture, without ending."""
    pair = self.pairs[item.pair]
    if self.options.output.naming == "plain":
      parts = [part for part in (pair.source, pair.target) if part]
      return "_to_".join(parts) + "_" * bool(parts) + f"{item.index:06d}"
    names = self.backgrounds.names(pair.target)
    background = names[self.background(item)]
    return original.output_name(
      pair.source, pair.target, item.index, background
    )

  def check(self) -> None:
    """Looks for everything that can be found before any picture is made.

    Cut-outs that fit into no background are passed over, with a warning, while
    there are others.

    Raises:
      ValueError: the message lists the problems.
    """
    detection_checks.check_plan(self)

  def count(self, target: str) -> int:
    """Number of backgrounds of a domain that may be used."""
    return self._counts[target]

  def _generator(self, *parts):
    numbers = [
      zlib.crc32(part.encode()) if isinstance(part, str) else part
      for part in parts
    ]
    sequence = np.random.SeedSequence((self.options.seed, *numbers))
    return np.random.Generator(np.random.PCG64(sequence))

  def _choose_crops(self, source):
    names = self.objects.names(source)
    limit = self.options.objects.limit
    if not limit or self.options.mode != "original":
      return self._choose(self.objects, source, self.options.objects)
    chosen = original.choose_crops(names, limit, self.options.seed)
    numbers = {name: number for number, name in enumerate(names)}
    return [numbers[name] for name in chosen]

  def _choose(self, source, domain, chosen):
    """Numbers of the cut-outs of a domain that may be used."""
    count = len(source.names(domain))
    if not chosen.limit:
      return list(range(count))
    order = self._generator("cut-outs", domain).permutation(count)
    return sorted(int(number) for number in order[: chosen.limit])

  def _choose_backgrounds(self, target):
    names = self.backgrounds.names(target)[: self._counts[target]]
    numbers = {name: number for number, name in enumerate(names)}
    chosen = original.choose_backgrounds(
      names, self.options.images, self.options.seed
    )
    return [numbers[name] for name in chosen]


def _rules(options, real):
  """Fills in a number of objects that real labels tell."""
  if options.objects_percentile < 0:
    return options.rules
  count = real.count_percentile(options.objects_percentile)
  return dataclasses.replace(
    options.rules, min_objects=count, max_objects=count
  )


def _open_objects(chosen, options, domains):
  return open_objects(
    chosen.path,
    chosen.kind,
    images=chosen.images or None,
    class_names=chosen.class_names or None,
    domains=domains,
    seed=options.seed,
    one_class=options.mode == "original",
  )


def _open_backgrounds(options):
  chosen = options.backgrounds
  domains = options.domains or None
  if not chosen.path:
    source = ProceduralTiles(seed=options.seed, domains=domains)
  elif chosen.domain_dict:
    # Files beyond the limit need not be there; tiles are counted later.
    limit = 0 if chosen.window == "tiles" else chosen.limit
    source = DomainDict(
      chosen.path, chosen.domain_dict, limit=limit, domains=domains
    )
  else:
    source = FolderBackgrounds(chosen.path, domains)
  if chosen.window == "tiles" and chosen.size:
    return Tiled(source, chosen.size)
  return source


def _pairs(options, sources, targets):
  """All pairs that are asked for, in the order of the domains."""
  if options.domains:
    for kind, known in (("objects", sources), ("backgrounds", targets)):
      missing = [each for each in options.domains if each not in known]
      if missing and list(known) != [""]:
        raise ValueError(
          f"domain {missing[0]!r} has no {kind}; there are {kind} of "
          + ", ".join(map(repr, known))
        )
    sources = sources if list(sources) == [""] else options.domains
    targets = targets if list(targets) == [""] else options.domains
  pairs = []
  for source in sources:
    for target in targets:
      if options.pairs != "all" and (source == target) != (
        options.pairs == "within"
      ):
        continue
      folder = "_".join(
        f"{letter}_{domain}"
        for letter, domain in (("s", source), ("t", target))
        if domain
      )
      pairs.append(Pair(source, target, folder))
  for domain in dict.fromkeys([*sources, *targets]):
    _check_domain(domain, options.output.naming)
  if not pairs:
    raise ValueError(
      f"there is no pair of domains for pairs={options.pairs!r}: objects are "
      f"of {', '.join(map(repr, sources))}, backgrounds of "
      + ", ".join(map(repr, targets))
    )
  folders = [pair.folder.casefold() for pair in pairs]
  stems = [f"{pair.source}_to_{pair.target}".casefold() for pair in pairs]
  for number in range(len(pairs)):
    first = min(folders.index(folders[number]), stems.index(stems[number]))
    if first != number:
      raise ValueError(
        f"the data sets of {pairs[first].source!r} in {pairs[first].target!r} "
        f"and of {pairs[number].source!r} in {pairs[number].target!r} would "
        f"have the same names, as {pairs[number].folder}; rename a domain"
      )
  return tuple(pairs)


def _check_domain(domain, naming):
  if naming == "original":
    original.check_domain(domain)
  if (
    set(domain) & set("/\\;:")
    or not domain.isprintable()
    or domain != domain.strip()
    or domain in (".", "..")
  ):
    raise ValueError(
      f"the domain {domain!r} cannot be part of a file's name; rename it "
      "without / \\ ; : and control characters, or blanks at its ends"
    )
