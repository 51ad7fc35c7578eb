import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from html_pages import Page, decoded

from gansynth import images
from gansynth.synthesis import overlays, preview
from gansynth.synthesis.labels import rle
from gansynth.synthesis.labels.objects import LabelledImage, LabelledObject
from gansynth.synthesis.statistics import Distribution, Statistics


def shown(name="a.jpg", height=60, width=120, boxes=(), masks=True, seed=0):
  rng = np.random.default_rng(seed)
  image = rng.integers(0, 256, (height // 10, width // 10, 3), np.uint8)
  image = images.resize(image, (height, width))
  objects = []
  for i, box in enumerate(boxes):
    left, top, right, bottom = map(int, box)
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    objects.append(
      LabelledObject(i % 2, box, rle.encode(mask) if masks else None)
    )
  return preview.Shown(
    image, LabelledImage(name, height, width, tuple(objects)), "on a field"
  )


def write(tmp_path, pictures, class_names=("cat", "dog"), **options):
  path = tmp_path / "preview.html"
  pictures = list(pictures)
  statistics = Statistics.of(each.labels for each in pictures)
  preview.write(path, "A set", pictures, class_names, statistics, **options)
  return Page(path)


BOXES = ((30, 15, 60, 45), (90.0, 0.0, 120.0, 60.0))


def test_picture_masks_and_boxes(tmp_path):
  one = shown(boxes=BOXES)
  page = write(tmp_path, [one])
  picture, masks = page.find("img")
  thumbnail = decoded(picture[0]["src"])[..., :3].astype(int)
  assert np.abs(thumbnail - one.image).mean() < 5
  assert picture[0]["alt"] == "a.jpg: 2 objects (cat 1, dog 1)"
  np.testing.assert_array_equal(
    decoded(masks[0]["src"]), overlays.mask_layer(one.labels, 60, 120)
  )
  first, second = page.find("span", "box")
  assert (
    first[0]["style"] == "left:25.00%;top:25.00%;width:25.00%;height:50.00%"
  )
  assert first[1] == "cat"
  assert "c0" in first[0]["class"]
  assert second[1] == "dog"
  assert "c1" in second[0]["class"]
  names = [attributes.get("class") for attributes, _ in page.find("b")]
  assert names[:2] == [None, "leftward inside"]
  (caption,) = (text for _, text in page.find("figcaption") if "a.jpg" in text)
  assert "2 objects" in caption
  assert "on a field" in caption


def test_page_needs_nothing_else(tmp_path):
  page = write(tmp_path, [shown(boxes=BOXES)])
  assert page.text.startswith("<!DOCTYPE html>")
  assert not page.find("script")
  assert not page.find("link")
  for _, attributes, _ in page.elements:
    assert not any(name.startswith("on") for name in attributes)
    for name in ("src", "href"):
      assert attributes.get(name, "data:").startswith("data:")
  rest = page.text.replace('xmlns="http://www.w3.org/2000/svg"', "")
  assert "http" not in rest.replace("http-equiv", "")
  assert "url(" not in page.text
  assert "@import" not in page.text


def test_styles_are_balanced_and_used(tmp_path):
  page = write(tmp_path, [shown(boxes=BOXES)])
  ((_, style),) = page.find("style")
  assert style.count("{") == style.count("}")
  assert set(re.findall(r"var\((--\w+)\)", style)) == set(
    re.findall(r"(--\w+):", style)
  )
  switched = set(re.findall(r"#(show-\w+):not\(:checked\)", style))
  inputs = {attributes["id"] for attributes, _ in page.find("input")}
  assert switched == inputs == {"show-boxes", "show-names", "show-masks"}
  # Orange takes black words, blue white ones.
  assert ".c0{--c:#e69f00;--t:#000}" in style
  assert ".c5{--c:#0072b2;--t:#fff}" in style
  classes = set()
  for _, attributes, _ in page.elements:
    classes.update(attributes.get("class", "").split())
  ruled = set(re.findall(r"\.([a-z]\w*)", style))
  assert classes <= ruled


def test_without_masks_there_is_no_switch_for_them(tmp_path):
  page = write(tmp_path, [shown(boxes=BOXES, masks=False)])
  inputs = {attributes["id"] for attributes, _ in page.find("input")}
  assert inputs == {"show-boxes", "show-names"}
  assert len(page.find("img")) == 1


@pytest.mark.parametrize(
  ("class_names", "on"),
  [(("cat",), {"show-boxes"}), (("cat", "dog"), {"show-boxes", "show-names"})],
)
def test_what_is_switched_on(tmp_path, class_names, on):
  page = write(tmp_path, [shown(boxes=BOXES[:1])], class_names)
  checked = {
    attributes["id"]
    for attributes, _ in page.find("input")
    if "checked" in attributes
  }
  assert checked == on


def test_whatever_is_written_is_escaped(tmp_path):
  nasty = "<b onclick='x'>&\"quoted\"</b>"
  one = shown(name=nasty, boxes=BOXES[:1])
  page = write(
    tmp_path, [one], class_names=(nasty, "dog"), notes={nasty: nasty}
  )
  assert nasty not in page.text
  assert page.find("img")[0][0]["alt"] == f"{nasty}: 1 object ({nasty} 1)"
  assert page.find("span", "box")[0][1] == nasty
  assert page.find("dt")[0][1] == page.find("dd")[0][1] == nasty


def test_plots_and_table_with_real_labels(tmp_path):
  real = Distribution.of(
    [shown(boxes=BOXES[:1]).labels, shown().labels], ("cat", "dog")
  )
  page = write(tmp_path, [shown(boxes=BOXES)], real=real)
  drawings = re.findall(r"<svg.*?</svg>", page.text, re.DOTALL)
  assert len(drawings) == 5
  for drawing in drawings:
    ElementTree.fromstring(drawing)
  keys = [text for _, text in page.find("li")]
  assert keys == [
    "cat",
    "dog",
    "synthetic: 1 picture, 2 objects",
    "real: 2 pictures, 1 object",
  ]
  (table,) = (text for _, text in page.find("table"))
  assert "Pictures12" in table
  assert "without an object01" in table
  page = write(tmp_path, [shown(boxes=BOXES)])
  assert "real" not in page.find("main")[0][1]


def test_large_pictures_become_thumbnails(tmp_path):
  page = write(tmp_path, [shown(height=500, width=2000, boxes=BOXES)])
  for attributes, _ in page.find("img"):
    assert decoded(attributes["src"]).shape[:2] == (120, 480)


def test_only_so_many_are_shown(tmp_path):
  taken = []

  def pictures():
    for i in range(200):
      taken.append(i)
      yield shown(name=f"{i}.jpg", boxes=BOXES, seed=i)

  labels = [shown(boxes=BOXES).labels] * 200
  path = tmp_path / "page.html"
  preview.write(path, "Many", pictures(), ("cat", "dog"), Statistics.of(labels))
  page = Page(path)
  assert len(page.find("figure", "shot")) == preview.MOST_PICTURES == len(taken)
  assert "60 of 200 pictures." in page.find("main")[0][1]
  assert "200 pictures · 400 objects · 2.00 objects a picture" in page.text


def test_largest_page_is_a_few_megabytes(tmp_path):
  noise = np.random.default_rng(0).integers(0, 256, (480, 480, 3), np.uint8)
  smooth = images.resize(images.resize(noise, (120, 120)), (480, 480))
  boxes = tuple((x, 9.0, x + 6.0, 40.0) for x in np.arange(10.0, 400.0, 10.0))
  one = preview.Shown(smooth, shown("a", 480, 480, boxes).labels)
  write(tmp_path, [one] * 60)
  assert (tmp_path / "preview.html").stat().st_size < 6_000_000


def test_page_of_nothing(tmp_path):
  page = write(tmp_path, [])
  assert "0 of 0 pictures." in page.find("main")[0][1]
  page = write(tmp_path, [shown()])
  assert page.find("img")[0][0]["alt"] == "a.jpg: 0 objects"
  assert len(page.find("svg")) == 2  # no sizes, shapes, places


def test_many_objects_hide_their_names(tmp_path):
  boxes = tuple((x, 10.0, x + 5.0, 20.0) for x in np.arange(0.0, 100.0, 6.0))
  page = write(tmp_path, [shown(boxes=boxes), shown(boxes=boxes[:5])])
  assert len(page.find("div", "many")) == 1


def test_page_is_the_same_again(tmp_path):
  first = write(tmp_path, [shown(boxes=BOXES)]).text
  assert write(tmp_path, [shown(boxes=BOXES)]).text == first


def test_labels_that_do_not_fit_are_named(tmp_path):
  one = shown(boxes=BOXES)
  wrong = preview.Shown(one.image[:50], one.labels)
  with pytest.raises(ValueError, match=r"a\.jpg: .*50 x 120 .*60 x 120"):
    write(tmp_path, [wrong])
  with pytest.raises(ValueError, match=r"a\.jpg: class 1 has no name"):
    write(tmp_path, [one], class_names=("cat",))
  assert not list(tmp_path.iterdir())
