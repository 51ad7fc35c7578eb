"""Folders of pictures by domain, as sources of objects and backgrounds use."""

import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from gansynth import images


class Pictures:
  """Picture files by domain and name; finds what is wrong with them."""

  def __init__(
    self, origin: str, paths: Mapping[str, Mapping[str, str]]
  ) -> None:
    """Keeps them in the order given.

    Args:
      origin: where they were found or listed, for messages.
      paths: for each domain the path of each name.
    """
    self._origin = origin
    self._names = {domain: list(found) for domain, found in paths.items()}
    self._paths = {
      domain: list(found.values()) for domain, found in paths.items()
    }
    self._sizes = {}

  def domains(self) -> list[str]:
    """Names of the domains; [""] where there are none."""
    return list(self._names)

  def names(self, domain: str) -> list[str]:
    """Names of a domain's pictures; ValueError: no such domain."""
    check_domain(domain, self._names)
    return self._names[domain]

  def path(self, domain: str, index: int) -> str:
    """Path of picture `index` of a domain."""
    check_domain(domain, self._names)
    return self._paths[domain][index]

  def size(self, domain: str, index: int) -> tuple[int, int]:
    """Height and width; see `images.size` for what it raises."""
    path = self.path(domain, index)
    if path not in self._sizes:
      self._sizes[path] = images.size(path)
    return self._sizes[path]

  def check(self, what: str) -> list[str]:
    """Returns what is wrong, reading headers only.

    Args:
      what: the pictures are, such as "backgrounds".
    """
    problems = []
    for domain, names in self._names.items():
      if not names:
        problems.append(
          f"{self._origin}: the domain {domain!r} has no {what}; add some, or "
          "choose domains without it"
        )
      for index in range(len(names)):
        try:
          self.size(domain, index)
        except FileNotFoundError:
          problems.append(
            f"{self.path(domain, index)} does not exist; {self._origin} names "
            "it, so put it there or take it from there"
          )
        except (images.ImageError, OSError) as error:
          problems.append(str(error))
    return problems

  def described(self) -> dict[str, Any]:
    """Number and a checksum of the names of each domain's pictures."""
    return describe_names(self._names)


def describe_names(names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
  """Returns for each domain how many names there are, and their checksum.

  A folder to which a file was added is told from what it was.
  """
  return {
    domain: {
      "count": len(found),
      "names_crc32": zlib.crc32("\n".join(found).encode()),
    }
    for domain, found in names.items()
  }


def check_domain(domain: str, known: Iterable[str]) -> None:
  """Raises ValueError unless `domain` is one of those known."""
  if domain not in known:
    raise ValueError(
      f"there is no domain {domain!r}; there are "
      + ", ".join(map(repr, sorted(known)))
    )


def choose(
  known: Sequence[str], domains: Sequence[str] | None, where: str
) -> list[str]:
  """Returns the domains to use, in the order they are asked for.

  Args:
    known: those there are; [""]: the source tells none apart.
    domains: those asked for; None: all.
    where: they were looked for.
  """
  if not domains or list(known) == [""]:
    return list(known)
  missing = [domain for domain in domains if domain not in known]
  if missing:
    raise ValueError(
      f"{where} has no domain {missing[0]!r}; there are "
      + ", ".join(map(repr, known))
      + "; correct the name or add its folder"
    )
  return list(domains)


def find(
  root: str | os.PathLike[str], domains: Sequence[str] | None = None
) -> Pictures:
  """Finds pictures in one folder, or in a folder for each domain.

  Each picture is called by its path below the folder of its domain, with "/"
  and without ending; with it, if two of a domain differ in nothing else.

  Args:
    root: a folder of pictures, or of folders of pictures.
    domains: folders to use; None: all, or root itself if pictures are in it.

  Raises:
    ValueError: no such folder or no such domain; pictures both in root and in
      folders below, where nobody can say what is meant.
  """
  root = os.fspath(root).rstrip(os.sep) or os.sep
  listed = images.list_images(root)
  below = subfolders(root)
  here = [path for path in listed if os.path.dirname(path) == root]
  if domains:
    if here and not below:
      return Pictures(root, {"": name_files(root, listed)})
    chosen = choose(below, domains, root)
  elif here and len(here) < len(listed):
    raise ValueError(
      f"{root} holds pictures ({os.path.basename(here[0])}) and folders with "
      "pictures; move the pictures into a folder, or choose the domains, one "
      "folder each"
    )
  elif here:
    return Pictures(root, {"": name_files(root, listed)})
  else:
    chosen = below
  paths = {}
  for domain in chosen:
    folder = os.path.join(root, domain)
    inside = [path for path in listed if path.startswith(folder + os.sep)]
    paths[domain] = name_files(folder, inside)
  return Pictures(root, paths)


def subfolders(root: str) -> list[str]:
  """Names of the folders in a folder, sorted, but for hidden ones."""
  with os.scandir(root) as entries:
    return sorted(
      entry.name for entry in entries if entry.is_dir() and entry.name[0] != "."
    )


def name_files(folder: str, paths: Sequence[str]) -> dict[str, str]:
  """Maps the names of paths, sorted, to paths; see `find`."""
  full = [PurePath(os.path.relpath(path, folder)).as_posix() for path in paths]
  short = [os.path.splitext(name)[0] for name in full]
  unique = len(set(short)) == len(short)
  return dict(sorted(zip(short if unique else full, paths, strict=True)))
