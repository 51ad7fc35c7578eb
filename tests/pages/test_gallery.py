import re
import xml.etree.ElementTree as ElementTree

import numpy as np
from html_pages import decoded

from gansynth.pages import gallery
from gansynth.pages.gallery import Order, Tile


def tile(name, **scores):
  pictures = {
    "generated": np.full((30, 40, 3), 200, np.uint8),
    "real": np.full((400, 800, 3), 90, np.uint8),
  }
  return Tile(name, pictures, scores)


def show(tiles, orders=()):
  markup, rules = gallery.section(tiles, orders)
  markup = re.sub(r" checked\b", ' checked="checked"', markup)
  root = ElementTree.fromstring(f"<div>{markup}</div>")
  return root, rules


def shots(root):
  """Places in the orders by name of the tile."""
  return {
    each.find("figcaption/b").text: each.get("style")
    for each in root.iter("figure")
  }


def test_pictures_stand_side_by_side_and_are_small():
  root, _ = show([tile("a/<b>.png", LPIPS="0.210")])
  (figure,) = root.iter("figure")
  made, real = figure.iter("img")
  assert made.get("alt") == "a/<b>.png: generated"
  assert decoded(made.get("src")).shape[:2] == (30, 40)
  assert decoded(real.get("src")).shape[:2] == (160, 320)
  assert [each.text for each in figure.iter("small")] == ["generated", "real"]
  caption = "".join(figure.find("figcaption").itertext())
  assert caption == "a/<b>.pngLPIPS 0.210"
  assert not list(root.iter("input"))


def test_the_best_come_first_and_the_worst_from_the_end():
  names = [f"{i:02d}" for i in range(40)]
  shown = [tile(name) for name in (*names[:3], *names[-2:], "20")]
  root, rules = show(shown, [Order("LPIPS", names)])
  assert shots(root) == {
    "00": "--o0:1",
    "01": "--o0:2",
    "38": "--o0:502",
    "39": "--o0:501",
  }  # 20 is neither, and 02 one of the best by chance
  headings = {each.text: each.get("style") for each in root.iter("h3")}
  assert headings == {
    "The best 2 of 40 by LPIPS": "--o0:0",
    "The worst 2 of 40 by LPIPS": "--o0:500",
  }
  # A single order needs no switch.
  assert not list(root.iter("input"))
  assert ".ranked>*{order:var(--o0)}" in rules
  assert "#rank" not in rules


def test_each_picture_is_stored_once_and_has_a_place_in_every_order():
  names = [f"{i}" for i in range(10)]
  orders = [Order("LPIPS", names), Order("PSNR", names[::-1])]
  tiles = [tile(name, LPIPS="0.1", PSNR="20") for name in (names[0], names[9])]
  root, rules = show(tiles, orders)
  assert shots(root) == {"0": "--o0:1;--o1:501", "9": "--o0:501;--o1:1"}
  boxes = list(root.iter("input"))
  assert [each.get("id") for each in boxes] == ["rank-0", "rank-1"]
  assert [each.get("checked") for each in boxes] == ["checked", None]
  assert len({each.get("name") for each in boxes}) == 1
  for number in range(2):
    on = f"body:has(#rank-{number}:checked) .ranked>"
    assert f"{on}:not(.r{number}){{display:none}}" in rules
  (first, _) = root.iter("figure")
  assert first.get("class") == "shot r0 r1"
  spans = [(e.get("class"), e.text) for e in first.iter("span")]
  assert spans == [("s0", "LPIPS 0.1 (1 of 10)"), ("s1", "PSNR 20 (10 of 10)")]


def test_few_pictures_are_in_two_halves_without_repetition():
  names = ["a", "b", "c"]
  root, _ = show([tile(name) for name in names], [Order("SSIM", names)])
  assert shots(root) == {"a": "--o0:1", "b": "--o0:2", "c": "--o0:501"}
  assert [each.text for each in root.iter("h3")] == [
    "The better half by SSIM",
    "The worse half by SSIM",
  ]
  root, _ = show([tile("a")], [Order("SSIM", ["a"])])
  assert shots(root) == {"a": "--o0:1"}
  assert [each.text for each in root.iter("h3")] == ["The only one by SSIM"]


def test_what_a_score_means_is_said_with_it():
  orders = [Order("A", ["a", "b"], "<Meaning>."), Order("B", ["b", "a"])]
  root, _ = show([tile("a"), tile("b")], orders)
  (said,) = root.iter("p")
  assert (said.text, said.get("class")) == ("<Meaning>.", "r0")
  assert said.get("style") == "--o0:0"


def test_an_order_whose_ends_are_not_shown_is_left_out():
  orders = [Order("A", ["x", "a", "y"]), Order("C", ["x"]), Order("B", ["a"])]
  root, _ = show([tile("a")], orders)
  assert [each.text for each in root.iter("h3")] == ["The only one by B"]
  assert not list(root.iter("input"))


def test_only_so_many_are_shown():
  names = [f"{i:03d}" for i in range(200)]
  root, _ = show([tile(name) for name in names])
  assert len(shots(root)) == 60
  # Fewer of each end, so that there is room for all orders.
  orders = [
    Order(str(i), np.random.default_rng(i).permutation(names).tolist())
    for i in range(9)
  ]
  root, _ = show([tile(name) for name in names], orders)
  assert 40 < len(shots(root)) <= 60
  by_first = [places for places in shots(root).values() if "--o0:" in places]
  assert len(by_first) == 8  # of at most 16
