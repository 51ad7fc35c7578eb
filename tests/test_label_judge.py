"""A discriminator's head as a segmenter: what it says, and of what run."""

import jax
import numpy as np
import pytest
import tiny
import tiny_label_runs as runs
import tiny_labels

from gansynth import checkpoints, label_judge, systems
from gansynth import config as config_lib
from gansynth.label_judge import SegmentationHead
from gansynth.models.semantics import Conditioning
from gansynth.systems.semantic import SemanticLosses

HEADS = {
  "conditional": False,
  "adversarial_channels": 4,
  "num_classes": 3,
  "reconstruction_channels": 3,
}


def system(**fields):
  discriminator = tiny_labels.discriminator("spectralinstance", **HEADS)
  semantic = SemanticLosses()
  return tiny_labels.system(
    **{"discriminator": discriminator, "semantic": semantic, **fields}
  )


@pytest.fixture(scope="module")
def trained():
  """A system, its state, and the head of both."""
  made = system()
  state = tiny_labels.random_state(made, tiny_labels.batch())
  head = SegmentationHead.of_system(made, batch_size=3)
  head.set_state(state)
  return made, state, head


def pictures(*sizes):
  rng = np.random.default_rng(0)
  return [rng.integers(256, size=(*x, 3), dtype=np.uint8) for x in sizes]


def enlarged_scores(system, state, pictures):
  """Scores of each scale at the pictures' size, by JAX's own resizing."""
  variables = {
    "params": state.params["discriminator"]["d"],
    "batch_stats": state.stats["discriminator"]["d"],
  }

  @jax.jit
  def scores(pictures):
    outputs = system.discriminator.apply(variables, None, pictures)
    return [
      jax.image.resize(
        scale[-1][..., 4:7],
        (*pictures.shape[:3], 3),
        "bilinear",
        antialias=False,
      )
      for scale in outputs
    ]

  return scores(np.stack(pictures) / np.float32(127.5) - 1)


def test_the_highest_mean_score_counts(trained):
  system, state, head = trained
  assert head.batch_size == 4  # of as many devices
  assert head.num_classes == 3
  shown = pictures(*[(16, 24)] * 5)
  small = pictures((16, 16))
  found = head([*shown[:2], *small, *shown[2:]])
  assert found[2].shape == (16, 16)
  np.testing.assert_array_equal(found.pop(2), head(small)[0])
  scores = enlarged_scores(system, state, shown)
  both = np.mean(scores, 0)
  ordered = np.sort(both)
  clear = ordered[..., -1] - ordered[..., -2] > 1e-4
  found = np.stack(found)
  np.testing.assert_array_equal(found[clear], both.argmax(-1)[clear])
  one_scale = (np.argmax(scores[0], -1) != found).sum()
  assert one_scale > 50  # the second scale has a say
  assert head([]) == []


def test_other_weights_are_taken(trained):
  system, _, head = trained
  shown = pictures((16, 24))
  (before,) = head(shown)
  other = SegmentationHead.of_system(system, batch_size=3)
  with pytest.raises(ValueError, match="no weights yet"):
    other(shown)
  other.set_state(tiny_labels.random_state(system, tiny_labels.batch(), 1))
  assert (other(shown)[0] != before).any()


def head_of(conditioning, semantic):
  discriminator = tiny_labels.discriminator(**HEADS)
  return SegmentationHead(discriminator, conditioning, semantic)


def test_classes_of_labels():
  labels = np.array([[0, 1, 2, 3]], np.uint8)
  for conditioning, semantic, expected in (
    (Conditioning(4), SemanticLosses(), [0, 1, 2, 3]),
    (Conditioning(3, dont_care=True), SemanticLosses(), [0, 1, 2, -1]),
    (Conditioning(4), SemanticLosses((2, -1, 0, 1)), [2, -1, 0, 1]),
  ):
    found = head_of(conditioning, semantic).classes_of(labels)
    np.testing.assert_array_equal(found, [expected])


def test_classes_of_label_maps_that_are_pictures():
  colors = [(0, 127, 90), (255, 0, 0), (0, 128, 0), (3, 130, 255)]
  labels = np.array([colors], np.uint8)
  found = head_of(Conditioning(0), SemanticLosses()).classes_of(labels)
  np.testing.assert_array_equal(found, [[0, 1, 2, 3]])


@pytest.mark.parametrize(
  "fields",
  [
    {"semantic": None, "discriminator": tiny_labels.discriminator()},
    {"semantic": SemanticLosses(lambda_segmentation=0)},
    {
      "discriminator": tiny_labels.discriminator(
        **{**HEADS, "conditional": True}
      )
    },
  ],
)
def test_systems_without_a_head(fields):
  made = system(**fields)
  assert label_judge.num_classes(made) == 0
  assert SegmentationHead.of_system(made) is None


def test_the_head_of_a_run(tmp_path):
  config = runs.config()
  state = runs.make(tmp_path, config)
  head = SegmentationHead.load(tmp_path)
  assert head.num_classes == 19
  expected = SegmentationHead.of_system(systems.create(config, 1))
  expected.set_state(state)
  shown = pictures(runs.SIZE)
  np.testing.assert_array_equal(head(shown), expected(shown))
  labels = np.array([[7, 33, 6]], np.uint8)
  np.testing.assert_array_equal(head.classes_of(labels), [[0, 18, -1]])
  with pytest.raises(ValueError, match="no checkpoint of step 3"):
    SegmentationHead.load(tmp_path, 3)


def test_runs_without_a_head_are_refused(tmp_path):
  with pytest.raises(ValueError, match="holds no run"):
    SegmentationHead.load(tmp_path)
  config_lib.record(
    runs.config("generator=pix2pixhd,discriminator=c2f"), tmp_path / "c2f"
  )
  config_lib.record(tiny.config(), tmp_path / "cyclegan")
  for name in ("c2f", "cyclegan"):
    with pytest.raises(ValueError, match=f"{name} has no discriminator that"):
      SegmentationHead.load(tmp_path / name)
  assert not (tmp_path / "c2f" / checkpoints.FOLDER).exists()
