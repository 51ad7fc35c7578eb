"""What tells classes: our networks, heads, TorchScript, Python functions."""

import sys
import warnings

import jax
import numpy as np
import pytest
import tiny
import tiny_label_runs
import tiny_labels

from gansynth import checkpoints, label_judge, models, segmenters
from gansynth.systems.semantic import SemanticLosses

NETWORK = {
  "name": "segmentation_unet",
  "num_classes": 3,
  "features": 2,
  "num_levels": 1,
}
MEAN = """
import numpy as np

def classes(picture):
  assert picture.dtype == np.float32 and 0 <= picture.min() < picture.max() <= 1
  return (3 * picture.mean(-1)).astype(np.int32)

def logits(picture):
  return picture
"""


def pictures(*sizes):
  rng = np.random.default_rng(0)
  return [rng.uniform(size=(*x, 3)).astype(np.float32) for x in sizes]


@pytest.fixture(scope="module")
def network():
  network = models.create(**NETWORK)
  variables = tiny.random_variables(network, (1, 32, 32, 3))
  kernel = np.array([[4, -4, 0], [-4, 0, 4]], np.float32)
  variables["params"]["head"] = {
    "kernel": kernel[None, None],
    "bias": np.zeros(3, np.float32),
  }
  return network, variables


@pytest.fixture(scope="module")
def segment(network):
  return segmenters.NetworkSegmenter(*network, batch_size=3)


def reflected(picture, size):
  (height, width), (old_height, old_width, _) = size, picture.shape
  widths = [(0, height - old_height), (0, width - old_width)]
  return np.pad(picture, [*widths, (0, 0)], mode="reflect")


def test_network_tells_the_most_likely_class(network, segment):
  # Of as many devices, and pictures of one canvas share a compilation.
  assert segment.batch_size == 4
  assert segment.num_classes == 3
  sizes = [(32, 32), (27, 30), (32, 32), (17, 32), (32, 32), (32, 32)]
  shown = pictures(*sizes)
  found = segment(shown)
  assert [x.shape for x in found] == sizes
  forward = jax.jit(network[0].apply, compiler_options=tiny.FAST_COMPILE)
  whole = np.stack([reflected(x, (32, 32)) for x in shown])
  logits = np.asarray(forward(network[1], 2 * whole - 1))
  margin = np.sort(logits, -1)
  clear = margin[..., -1] - margin[..., -2] > 1e-5
  assert clear.mean() > 0.99
  for classes, scores, sure, (height, width) in zip(
    found, logits, clear, sizes, strict=True
  ):
    assert np.issubdtype(classes.dtype, np.integer)
    sure = sure[:height, :width]
    expected = scores.argmax(-1)[:height, :width]
    np.testing.assert_array_equal(classes[sure], expected[sure])
    assert len(np.unique(classes)) > 1


def test_bytes_are_the_floats_they_stand_for(segment):
  stored = np.random.default_rng(1).integers(256, size=(32, 32, 3))
  one, other = segment(
    [stored.astype(np.uint8), (stored / 255).astype(np.float32)]
  )
  np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
  ("picture", "message"),
  [
    (np.zeros((32, 32), np.float32), r"picture 1 has shape \(32, 32\)"),
    (np.zeros((32, 32, 3), np.int32), "picture 1 holds int32"),
  ],
)
def test_pictures_that_are_none(segment, picture, message):
  with pytest.raises(segmenters.SegmenterError, match=message):
    segment([*pictures((32, 32)), picture])


def test_converted_network_is_loaded(network, segment, tmp_path):
  checkpoints.save_network(
    tmp_path / "network", network[1], {"network": NETWORK}
  )
  loaded = segmenters.load(tmp_path / "network", num_classes=3)
  assert loaded.made_by == segment.made_by
  (shown,) = pictures((32, 32))
  np.testing.assert_array_equal(loaded([shown]), segment([shown]))
  with pytest.raises(ValueError, match="tells 3 classes, and 6 are wanted"):
    segmenters.load(tmp_path / "network", num_classes=6)
  others = jax.tree.map(lambda x: x + 1, network[1])
  other = segmenters.NetworkSegmenter(network[0], others)
  assert other.made_by != segment.made_by


def test_generators_tell_no_classes(tmp_path):
  description = {"name": "unet_8", "features": 2, "use_dropout": False}
  variables = tiny.random_variables(models.create(**description), (1, 8, 8, 3))
  checkpoints.save_network(
    tmp_path / "unet", variables, {"network": description}
  )
  with pytest.raises(ValueError, match="UnetGenerator, which tells no classes"):
    segmenters.load(tmp_path / "unet")


def test_head_of_a_run_is_loaded(tmp_path):
  changes = {"semantic__classes": "labels", "data__num_labels": 3}
  made = tiny_label_runs.config(**changes)
  state = tiny_label_runs.make(tmp_path / "run", made)
  loaded = segmenters.load(tmp_path / "run", num_classes=3, step=7)
  head = label_judge.SegmentationHead.load(tmp_path / "run")
  shown = pictures(tiny_label_runs.SIZE, (24, 16), tiny_label_runs.SIZE)
  expected = head([2 * x - 1 for x in shown])
  for one, other in zip(loaded(shown), expected, strict=True):
    np.testing.assert_array_equal(one, other)
  assert len(np.unique(expected[0])) > 1
  assert loaded.made_by["weights"] == checkpoints.digest(
    {
      "params": state.params["discriminator"]["d"],
      "batch_stats": state.stats["discriminator"]["d"],
    }
  )


def test_heads_of_other_classes_are_refused():
  heads = {"conditional": False, "adversarial_channels": 4, "num_classes": 2}
  system = tiny_labels.system(
    discriminator=tiny_labels.discriminator("spectralinstance", **heads),
    semantic=SemanticLosses(classes=(0, -1, 1)),
  )
  head = label_judge.SegmentationHead.of_system(system)
  with pytest.raises(ValueError, match="2 classes that are not the labels"):
    segmenters.HeadSegmenter(head)


@pytest.fixture
def functions(tmp_path):
  path = tmp_path / "mine.py"
  path.write_text(MEAN)
  return path


def test_functions_of_files_modules_and_none(functions, monkeypatch):
  (shown,) = pictures((5, 7))
  expected = (3 * shown.mean(-1)).astype(int)
  monkeypatch.syspath_prepend(functions.parent)
  for place in (
    f"{functions}:classes",
    "mine:classes",
    lambda x: (3 * x.mean(-1)).astype(int),
  ):
    segment = segmenters.load(place)
    np.testing.assert_array_equal(segment([shown])[0], expected)
    assert segment.made_by["kind"] == "callable"
    assert segment.num_classes is None


def test_a_function_that_changed_is_another(functions):
  before = segmenters.load(f"{functions}:classes").made_by
  assert before == segmenters.load(f"{functions}:classes").made_by
  functions.write_text(MEAN.replace("3 *", "4 *"))
  assert before != segmenters.load(f"{functions}:classes").made_by


@pytest.mark.parametrize(
  ("place", "message"),
  [
    ("{file}:nothing", "has no function 'nothing'"),
    ("{folder}/absent.py:classes", "cannot be imported"),
    ("there_is_no_such_module:classes", "cannot be imported"),
    ("", "the place of the segmenter is empty"),
    ("{folder}/absent", "does not exist; give a run"),
    ("{file}", "is no TorchScript file"),
    ("{folder}", "holds no run"),
  ],
)
def test_places_that_hold_no_segmenter(functions, place, message):
  place = place.format(file=functions, folder=functions.parent)
  with pytest.raises(ValueError, match=message):
    segmenters.load(place)


def test_kinds_are_known():
  with pytest.raises(ValueError, match="'onnx'; choose one of auto, network"):
    segmenters.load("model", kind="onnx")


def test_functions_must_return_classes(functions):
  segment = segmenters.load(f"{functions}:logits")
  with pytest.raises(
    segmenters.SegmenterError, match=r"returned float32 of shape \(5, 7, 3\)"
  ):
    segment(pictures((5, 7)))


def test_pictures_are_resized_as_torch_does():
  seen = []

  def classes(picture):
    seen.append(picture)
    return np.zeros(picture.shape[:2], int)

  shown = np.array([[[0.0] * 3, [1.0] * 3]], np.float32)
  (found,) = segmenters.load(classes, size=(1, 4))([shown])
  assert found.shape == (1, 4)
  np.testing.assert_allclose(seen[0][0, :, 0], [0, 0.25, 0.75, 1], atol=1e-6)


def save_script(path, stride: int = 1, wrap: bool = False):
  """Writes a TorchScript segmenter of 3 classes; returns its kernel."""
  torch = pytest.importorskip("torch")

  class Module(torch.nn.Module):
    def __init__(self):
      super().__init__()
      generator = torch.Generator().manual_seed(0)
      kernel = torch.randn((3, 3, 1, 1), generator=generator)
      self.kernel = torch.nn.Parameter(kernel)
      self.stride = stride

    def forward(self, x):
      return torch.nn.functional.conv2d(x, self.kernel, stride=self.stride)

  class Wrapped(Module):
    def forward(self, x):
      return {
        "out": torch.nn.functional.conv2d(x, self.kernel, stride=self.stride)
      }

  module = Wrapped() if wrap else Module()
  example = torch.zeros((1, 3, 4, 4))
  with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    traced = torch.jit.trace(module, example, strict=False)
    torch.jit.save(traced, str(path))
  return module.kernel.detach().numpy()[..., 0, 0]


@pytest.mark.parametrize(
  ("stride", "wrap", "batch_size"), [(1, False, 1), (2, True, 2)]
)
def test_torchscript_tells_classes(tmp_path, stride, wrap, batch_size):
  path = tmp_path / "segmenter.pt"
  kernel = save_script(path, stride, wrap)
  assert segmenters.is_torchscript(path)
  segment = segmenters.load(path, num_classes=3, batch_size=batch_size)
  sizes = [(8, 6), (4, 4), (8, 6), (8, 6)]
  shown = pictures(*sizes)
  for picture, classes in zip(shown, segment(shown), strict=True):
    expected = (picture @ kernel.T).argmax(-1)[::stride, ::stride]
    np.testing.assert_array_equal(classes, expected)
  assert segment.num_classes is None
  other = segmenters.load(path, num_classes=5)
  with pytest.raises(ValueError, match="tells 3 classes, and 5 are wanted"):
    other(shown)


def test_bare_weights_are_no_torchscript(tmp_path):
  torch = pytest.importorskip("torch")
  path = tmp_path / "weights.pt"
  torch.save({"kernel": torch.zeros(3)}, path)
  assert not segmenters.is_torchscript(path)
  with pytest.raises(ValueError, match="is no TorchScript file"):
    segmenters.load(path)
  with pytest.raises(ValueError, match="cannot be opened as TorchScript"):
    segmenters.load(path, kind="torchscript")


def test_without_torch_the_error_says_what_to_do(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "torch", None)
  with pytest.raises(ValueError, match=r"pip install 'gansynth\[torchscript\]"):
    segmenters.load(tmp_path / "x.pt", kind="torchscript")
