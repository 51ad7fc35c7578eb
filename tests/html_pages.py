"""Reading back the pages that show data sets."""

import base64
import html.parser

from gansynth import images

_VOID = {"meta", "img", "input"}


class Page(html.parser.HTMLParser):
  """All elements of a page, refusing tags that do not match."""

  def __init__(self, path):
    super().__init__()
    self.elements = []  # name, attributes, text
    self.open = []
    self.text = path.read_text(encoding="utf-8")
    self.feed(self.text)
    self.close()
    assert not self.open

  def handle_starttag(self, tag, attrs):
    assert len(dict(attrs)) == len(attrs)
    self.elements.append((tag, dict(attrs), []))
    if tag not in _VOID:
      self.open.append(self.elements[-1])

  def handle_startendtag(self, tag, attrs):
    self.elements.append((tag, dict(attrs), []))

  def handle_endtag(self, tag):
    assert self.open.pop()[0] == tag

  def handle_data(self, data):
    for _, _, text in self.open:
      text.append(data)

  def find(self, tag, class_=None):
    return [
      (attributes, "".join(text))
      for name, attributes, text in self.elements
      if name == tag
      and (class_ is None or class_ in attributes.get("class", "").split())
    ]


def decoded(source):
  kind, data = source.split(";base64,")
  assert kind in ("data:image/jpeg", "data:image/png")
  return images.read(base64.b64decode(data), mode="RGBA")
