import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from html_pages import Page, decoded

from gansynth.pages import page
from gansynth.synthesis import pair_preview

NAMES = ("Water", "Forest & trees", "")
COLORS = np.array([[250, 62, 119], [168, 232, 84], [20, 30, 40]], np.uint8)
_SVG = "{http://www.w3.org/2000/svg}"


def pair(caption="pair_00000", height=40, width=60, iou=None, label=1):
  picture = np.full((height, width, 3), (90, 120, 60), np.uint8)
  labels = np.zeros((height, width), np.uint8)
  labels[:, width // 4 :] = label
  return pair_preview.PairShown(picture, labels, caption, iou)


def statistics(**changes):
  values = {
    "real_pixels": (500, 500, 0),
    "generated_pixels": (100, 250, 50),
    "kept": 3,
    "generated": 4,
    "tau": 0.6,
    "iou_counts": (0, 1, 0, 2, 1),
  }
  return pair_preview.PairStatistics(**{**values, **changes})


def write(tmp_path, pairs, set_statistics=None, **options):
  path = tmp_path / "preview.html"
  arguments = {"class_names": NAMES, "colors": COLORS, **options}
  pair_preview.write(
    path,
    "Pairs",
    pairs,
    statistics=set_statistics or statistics(),
    **arguments,
  )
  return Page(path)


def rectangles(drawing):
  """{tooltip: rectangle} of a plot."""
  root = ElementTree.fromstring(drawing)
  return {
    each.findtext(f"{_SVG}title"): each
    for each in root.iter(f"{_SVG}rect")
    if each.find(f"{_SVG}title") is not None
  }


def drawings(found):
  return re.findall(r"<svg.*?</svg>", found.text, re.DOTALL)


def test_a_pair_is_its_picture_its_mask_and_its_score(tmp_path):
  one = pair(iou=0.834)
  found = write(tmp_path, [one], notes={"Generator": "runs/land <1>"})
  picture, mask = (attributes for attributes, _ in found.find("img"))
  thumbnail = decoded(picture["src"])[..., :3].astype(int)
  assert np.abs(thumbnail - one.picture).mean() < 3
  np.testing.assert_array_equal(
    decoded(mask["src"])[..., :3], COLORS[one.labels]
  )
  assert picture["alt"] == "pair_00000: Forest & trees 75 %, Water 25 %"
  (caption,) = (t for _, t in found.find("figcaption") if "pair_00000" in t)
  assert "IoU 0.83" in caption
  assert "Forest & trees 75 %, Water 25 %" in caption
  assert found.find("dd")[0][1] == "runs/land <1>"
  legend = [text for _, text in found.find("li")]
  assert legend == [
    "Water",
    "Forest & trees",
    "generated pairs",
    "training masks",
  ]
  assert ".c1{--c:#a8e854;--t:#000}" in found.text


def test_many_classes_are_not_all_told(tmp_path):
  one = pair()
  labels = np.arange(40 * 60).reshape(40, 60) % 5
  many = pair_preview.PairShown(one.picture, labels, "many")
  found = write(
    tmp_path, [many], class_names=(), colors=np.zeros((5, 3), np.uint8)
  )
  assert found.find("img")[0][0]["alt"] == (
    "many: label 0 20 %, label 1 20 %, label 2 20 % and 2 more"
  )


def test_summary_says_how_many_were_kept(tmp_path):
  found = write(tmp_path, [pair(), pair("pair_00002")])
  text = found.find("main")[0][1]
  assert "4 pairs generated · 3 kept (75 %)" in text
  assert "at least 0.6" in text
  assert "2 of 3 pairs." in text
  plain = statistics(kept=4, tau=None, iou_counts=())
  found = write(tmp_path, [pair()], plain)
  text = found.find("main")[0][1]
  assert "4 pairs generated" in text
  assert "kept" not in text
  assert "IoU" not in text
  assert len(drawings(found)) == 1


def test_classes_beside_those_of_training(tmp_path):
  found = write(tmp_path, [pair()])
  bars = rectangles(drawings(found)[0])
  assert list(bars) == [
    "generated pairs, Water: 25 %",
    "training masks, Water: 50 %",
    "generated pairs, Forest & trees: 62 %",
    "training masks, Forest & trees: 50 %",
    "generated pairs, label 2: 12 %",
    "training masks, label 2: 0",
  ]
  widths = [float(bar.get("width")) for bar in bars.values()]
  assert widths[1] == pytest.approx(2 * widths[0], abs=0.05)
  rows = re.findall(r"<tr>(.*?)</tr>", found.text)
  cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
  assert cells == [
    ["", "generated pairs", "training masks", "ratio"],
    ["Water", "25 %", "50 %", "0.50"],
    ["Forest &amp; trees", "62 %", "50 %", "1.25"],
    ["label 2", "12 %", "0 %", "new"],
  ]


def test_classes_alone_where_training_is_not_known(tmp_path):
  found = write(tmp_path, [pair()], statistics(real_pixels=()))
  assert "training" not in found.find("main")[0][1]
  assert "ratio" not in found.find("main")[0][1]


def test_agreement_marks_what_was_kept(tmp_path):
  drawing = drawings(write(tmp_path, [pair()]))[1]
  bars = rectangles(drawing)
  assert {title: bar.get("class") for title, bar in bars.items()} == {
    "0.20 to 0.40: 1 pair": "synthetic below",
    "0.60 to 0.80: 2 pairs": "synthetic",
    "0.80 to 1.00: 1 pair": "synthetic",
  }
  root = ElementTree.fromstring(drawing)
  (line,) = (
    each
    for each in root.iter(f"{_SVG}line")
    if each.get("class") == "threshold"
  )
  edge = float(bars["0.60 to 0.80: 2 pairs"].get("x"))
  assert float(line.get("x1")) == pytest.approx(edge - 0.5, abs=0.02)
  assert "kept from 0.6 on" in "".join(root.itertext())


def test_page_needs_nothing_else_and_its_styles_are_used(tmp_path):
  found = write(tmp_path, [pair(iou=0.5)])
  assert not found.find("script")
  assert not found.find("link")
  for _, attributes, _ in found.elements:
    for name in ("src", "href"):
      assert attributes.get(name, "data:").startswith("data:")
  assert "url(" not in found.text
  ((_, style),) = found.find("style")
  assert style.count("{") == style.count("}")
  inputs = {attributes["id"] for attributes, _ in found.find("input")}
  assert inputs == {"show-beside", "show-over"}
  assert inputs <= set(re.findall(r"#(show-\w+)", style))
  classes = set()
  for _, attributes, _ in found.elements:
    classes.update(attributes.get("class", "").split())
  assert classes <= set(re.findall(r"\.([a-z]\w*)", style))
  assert write(tmp_path, [pair(iou=0.5)]).text == found.text


def test_large_pairs_become_thumbnails(tmp_path):
  found = write(tmp_path, [pair(height=500, width=1000)])
  picture, mask = (decoded(a["src"]) for a, _ in found.find("img"))
  assert picture.shape[:2] == mask.shape[:2] == (240, 480)
  colors = np.unique(mask[..., :3].reshape(-1, 3), axis=0)
  np.testing.assert_array_equal(colors, COLORS[[1, 0]])


def test_only_so_many_are_taken(tmp_path):
  taken = []

  def pairs():
    for i in range(200):
      taken.append(i)
      yield pair(f"pair_{i:05d}")

  found = write(tmp_path, pairs(), statistics(kept=200, generated=200))
  assert len(found.find("div", "pair")) == page.MOST_PICTURES == len(taken)
  assert "60 of 200 pairs." in found.find("main")[0][1]


def test_a_page_of_nothing(tmp_path):
  nothing = pair_preview.PairStatistics((5, 5), (0, 0, 0), 0, 3, 0.6, (3, 0))
  found = write(tmp_path, [], nothing)
  assert "3 pairs generated · 0 kept (0 %)" in found.find("main")[0][1]
  assert "0 of 0 pairs." in found.find("main")[0][1]
  nothing = pair_preview.PairStatistics((), (), 0, 0)
  assert "nan" not in write(tmp_path, [], nothing).text


def test_pairs_that_do_not_fit_are_named(tmp_path):
  one = pair()
  wrong = pair_preview.PairShown(one.picture[:20], one.labels, "pair_00007")
  with pytest.raises(ValueError, match=r"pair_00007: .*20 x 60.* 40 x 60"):
    write(tmp_path, [wrong])
  with pytest.raises(ValueError, match=r"labels from 0 to 3, .* 3 colours"):
    write(tmp_path, [pair(label=3)])
  assert not list(tmp_path.iterdir())
