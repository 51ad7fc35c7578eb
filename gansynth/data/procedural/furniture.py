"""People, bicycles, trees, poles and signs, as upright cut-outs in metres."""

from gansynth.data.procedural import cityscapes, raster

SKINS = (
  (0.85, 0.64, 0.52),
  (0.72, 0.50, 0.38),
  (0.48, 0.31, 0.22),
  (0.92, 0.74, 0.62),
)
CLOTHES = (
  (0.14, 0.16, 0.22),
  (0.62, 0.12, 0.14),
  (0.16, 0.32, 0.60),
  (0.85, 0.82, 0.74),
  (0.20, 0.45, 0.28),
  (0.90, 0.68, 0.20),
  (0.35, 0.33, 0.34),
  (0.55, 0.30, 0.55),
)
TROUSERS = (
  (0.13, 0.15, 0.20),
  (0.18, 0.25, 0.42),
  (0.45, 0.38, 0.28),
  (0.25, 0.25, 0.26),
)
LEAVES = (
  (0.26, 0.44, 0.14),
  (0.20, 0.38, 0.15),
  (0.36, 0.48, 0.14),
  (0.17, 0.34, 0.20),
)
_BARK = (0.30, 0.23, 0.17)
_METAL = (0.36, 0.38, 0.40)


def pick(rng, options):
  """Returns one of the options."""
  return options[int(rng.random() * len(options))]


def vary(rng, colour, amount=0.08):
  """Returns the colour, a little lighter or darker."""
  factor = 1.0 + amount * (2.0 * rng.random() - 1.0)
  return tuple(min(channel * factor, 1.0) for channel in colour)


def person(primitives, rng, x, z, instance, ground=0.0, rider=False):
  """Adds somebody who stands or walks; riders sit `ground` metres up."""
  label = cityscapes.RIDER if rider else cityscapes.PERSON
  height = 1.58 + 0.30 * rng.random()
  stride = 0.10 + 0.22 * rng.random()
  wide = 0.20 + 0.06 * rng.random()
  top, legs = pick(rng, CLOTHES), pick(rng, TROUSERS)
  skin = pick(rng, SKINS)
  hair = pick(rng, ((0.10, 0.08, 0.07), (0.32, 0.22, 0.14), (0.62, 0.52, 0.34)))
  tag = {"label": label, "instance": instance}
  h = height

  def limb(x0, y0, x1, y1, thick, colour):
    primitives.polygon(
      (
        (x + x0 - thick, ground + y0, z),
        (x + x0 + thick, ground + y0, z),
        (x + x1 + thick, ground + y1, z),
        (x + x1 - thick, ground + y1, z),
      ),
      colour,
      **tag,
    )

  dark = tuple(0.75 * channel for channel in legs)
  low = 0.30 * h if rider else 0.0
  limb(-stride, low, -0.07, 0.50 * h, 0.075, dark)
  limb(stride, low, 0.07, 0.50 * h, 0.08, legs)
  shade = tuple(0.85 * channel for channel in top)
  limb(-wide - 0.06, 0.44 * h, -wide + 0.02, 0.80 * h, 0.055, shade)
  limb(wide + 0.06, 0.44 * h, wide - 0.02, 0.80 * h, 0.055, shade)
  primitives.polygon(
    (
      (x - 0.80 * wide, ground + 0.46 * h, z),
      (x + 0.80 * wide, ground + 0.46 * h, z),
      (x + wide, ground + 0.80 * h, z),
      (x + 0.5 * wide, ground + 0.855 * h, z),
      (x - 0.5 * wide, ground + 0.855 * h, z),
      (x - wide, ground + 0.80 * h, z),
    ),
    top,
    **tag,
  )
  head = (x, ground + 0.925 * h, z)
  primitives.ellipse(head, (0.115, 0.135), hair, **tag)
  primitives.ellipse(
    (x, ground + 0.905 * h, z),
    (0.095, 0.10),
    skin,
    **tag,
    material=raster.SKIN,
  )


def bicycle(primitives, rng, x, z, instance, rider_instance=None, side=None):
  """Adds a bicycle, seen from the side or from behind, and its rider."""
  side = rng.random() < 0.5 if side is None else side
  frame = pick(rng, ((0.70, 0.12, 0.12), (0.12, 0.14, 0.16), (0.15, 0.4, 0.6)))
  tag = {"label": cityscapes.BICYCLE, "instance": instance}
  tyre = (0.08, 0.08, 0.09)
  if side:
    for offset in (-0.52, 0.52):
      primitives.ellipse(
        (x + offset, 0.35, z), (0.35, 0.35), tyre, **tag, hole=0.80
      )
    for (x0, y0), (x1, y1) in (
      ((-0.52, 0.35), (-0.15, 0.80)),
      ((-0.15, 0.80), (0.40, 0.80)),
      ((0.0, 0.32), (0.42, 0.82)),
      ((-0.52, 0.35), (0.0, 0.32)),
      ((0.52, 0.35), (0.38, 1.02)),
    ):
      primitives.polygon(
        (
          (x + x0 - 0.03, y0 - 0.03, z),
          (x + x0 + 0.03, y0 + 0.03, z),
          (x + x1 + 0.03, y1 + 0.03, z),
          (x + x1 - 0.03, y1 - 0.03, z),
        ),
        frame,
        **tag,
      )
  else:
    primitives.ellipse((x, 0.36, z), (0.06, 0.36), tyre, **tag)
    primitives.quad(x - 0.05, x + 0.05, 0.5, 0.9, z, frame, **tag)
    primitives.quad(x - 0.28, x + 0.28, 0.98, 1.03, z, tyre, **tag)
  if rider_instance is not None:
    person(primitives, rng, x, z, rider_instance, ground=0.22, rider=True)


def tree(primitives, rng, x, z, height, colour=None):
  """Adds a broad-leaved tree or, one time in five, a conifer."""
  colour = pick(rng, LEAVES) if colour is None else colour
  label = cityscapes.VEGETATION
  trunk = 0.10 + 0.015 * height
  primitives.polygon(
    (
      (x - trunk, 0.0, z),
      (x + trunk, 0.0, z),
      (x + 0.6 * trunk, 0.55 * height, z),
      (x - 0.6 * trunk, 0.55 * height, z),
    ),
    _BARK,
    label,
  )
  if rng.random() < 0.2:
    for step in range(4):
      y0 = height * (0.14 + 0.19 * step)
      half = height * (0.24 - 0.048 * step)
      tone = vary(rng, tuple((0.72 + 0.09 * step) * c for c in colour), 0.04)
      primitives.ellipse(
        (x, y0 + 0.14 * height, z),
        (half, 0.17 * height),
        tone,
        label,
        material=raster.FOLIAGE,
        rough=0.75,
      )
    return
  crown = height * (0.30 + 0.06 * rng.random())
  middle = height - crown
  places = (
    (-0.55, -0.35),
    (0.55, -0.30),
    (0.0, -0.45),
    (-0.62, 0.15),
    (0.60, 0.20),
    (0.02, 0.05),
    (-0.30, 0.50),
    (0.32, 0.48),
    (0.0, 0.62),
  )
  # Far crowns are a few pixels wide: their outer blobs will do.
  for px, py in places if z < 45.0 else places[2:8:2]:
    jx, jy = 0.12 * (rng.random() - 0.5), 0.12 * (rng.random() - 0.5)
    size = crown * (0.50 + 0.14 * rng.random()) * (1.0 if z < 45.0 else 1.35)
    tone = 0.86 + 0.24 * py + 0.12 * (rng.random() - 0.5)
    primitives.ellipse(
      (x + crown * (px + jx), middle + crown * (py + jy), z),
      (size, size * 0.9),
      tuple(tone * channel for channel in colour),
      label,
      material=raster.FOLIAGE,
      rough=0.7,
    )


def bush(primitives, rng, x, z, width, height):
  """Adds a low shrub."""
  colour = pick(rng, LEAVES)
  for offset in (-0.5, 0.5, 0.0):
    tone = tuple((0.8 + 0.25 * rng.random()) * channel for channel in colour)
    primitives.ellipse(
      (x + offset * width, 0.42 * height, z),
      (0.55 * width, 0.62 * height),
      tone,
      cityscapes.VEGETATION,
      material=raster.FOLIAGE,
      rough=0.6,
    )


def pole(primitives, x, z, height, thick, colour=_METAL):
  """Adds a pole; `thick` is half its width in metres."""
  primitives.quad(x - thick, x + thick, 0.0, height, z, colour, cityscapes.POLE)


def lamp(primitives, x, z, toward, thick):
  """Adds a street lamp whose arm reaches `toward` (-1 left, 1 right)."""
  height, reach = 7.5, 1.8 * toward
  pole(primitives, x, z, height, thick)
  ends = sorted((x, x + reach))
  primitives.quad(*ends, height - 0.14, height, z, _METAL, cityscapes.POLE)
  primitives.quad(
    x + reach - 0.35,
    x + reach + 0.35,
    height - 0.28,
    height - 0.08,
    z,
    (0.92, 0.90, 0.80),
    cityscapes.POLE,
    material=raster.LIGHT,
  )


def traffic_light(primitives, rng, x, z, thick, toward, overhead):
  """Adds a signal on a pole, and one over the road if `overhead`."""
  pole(primitives, x, z, 5.6 if overhead else 3.3, thick)
  heads = [(x, 2.9)]
  if overhead:
    reach = x + 3.4 * toward
    primitives.quad(
      min(x, reach), max(x, reach), 5.45, 5.6, z, _METAL, cityscapes.POLE
    )
    heads.append((reach, 5.3))
  lit = int(rng.random() * 3)
  colours = ((0.90, 0.10, 0.08), (0.95, 0.65, 0.10), (0.10, 0.80, 0.35))
  for hx, hy in heads:
    primitives.quad(
      hx - 0.19,
      hx + 0.19,
      hy - 0.55,
      hy + 0.55,
      z - 0.02,
      (0.10, 0.11, 0.11),
      cityscapes.TRAFFIC_LIGHT,
    )
    for number, colour in enumerate(colours):
      on = number == lit
      primitives.ellipse(
        (hx, hy + 0.34 - 0.34 * number, z - 0.03),
        (0.13, 0.13),
        colour if on else tuple(0.25 * channel for channel in colour),
        cityscapes.TRAFFIC_LIGHT,
        material=raster.LIGHT if on else raster.PAINT,
      )


def sign(primitives, rng, x, z, thick):
  """Adds a traffic sign: disc, triangle, square or place name."""
  height = 2.3 + 0.4 * rng.random()
  pole(primitives, x, z, height, thick)
  kind = int(rng.random() * 4)
  label, y, front = cityscapes.TRAFFIC_SIGN, height, z - 0.02
  red, white, blue = (0.80, 0.08, 0.08), (0.93, 0.93, 0.92), (0.08, 0.25, 0.65)
  if kind == 0:
    primitives.ellipse((x, y, front), (0.38, 0.38), red, label)
    primitives.ellipse((x, y, front), (0.27, 0.27), white, label)
  elif kind == 1:
    for size, colour in ((0.42, red), (0.25, white)):
      primitives.polygon(
        (
          (x - size, y - 0.7 * size, front),
          (x + size, y - 0.7 * size, front),
          (x, y + 1.1 * size, front),
        ),
        colour,
        label,
      )
  elif kind == 2:
    primitives.quad(x - 0.34, x + 0.34, y - 0.34, y + 0.34, front, blue, label)
    primitives.quad(x - 0.12, x + 0.12, y - 0.22, y + 0.22, front, white, label)
  else:
    primitives.quad(
      x - 0.75, x + 0.75, y - 0.28, y + 0.28, front, (0.92, 0.75, 0.12), label
    )
    primitives.quad(
      x - 0.55, x + 0.55, y - 0.06, y + 0.06, front, (0.10, 0.10, 0.10), label
    )
