import numpy as np

from gansynth.evaluation import color_classifier

COLORS = np.array([[200, 30, 40], [20, 180, 60], [90, 90, 220]])


def scene(rng, noise: float):
  labels = np.repeat(rng.integers(3, size=(8, 8)), 4, 0).repeat(4, 1)
  picture = COLORS[labels] + rng.normal(scale=noise, size=(*labels.shape, 3))
  return np.clip(picture, 0, 255).astype(np.uint8), labels


def test_colours_are_read_back():
  rng = np.random.default_rng(0)
  classify = color_classifier.ColorClassifier(4)
  for _ in range(3):
    picture, labels = scene(rng, 10)
    labels[:4] = 255  # unknown: not learned, and no error
    classify.add(picture, labels)
  picture, labels = scene(rng, 10)
  assert (classify(picture) == labels).mean() > 0.99
  swapped = picture[..., ::-1]
  assert (classify(swapped) == labels).mean() < 0.6


def test_unseen_colours_are_the_commonest_label():
  classify = color_classifier.ColorClassifier(3)
  picture = np.zeros((4, 4, 3), np.uint8)
  labels = np.full((4, 4), 2)
  labels[0] = 1
  classify.add(picture, labels)
  white = np.full((2, 2, 3), 255, np.uint8)
  assert (classify(white) == 2).all()
