"""What is read from the words of cases of SPADE and pix2pixHD."""

import json

import numpy as np
import pytest

from gansynth import parity
from gansynth.parity import activations, kinks, label_cases, replayed, vgg19
from gansynth.parity.activations import Place
from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import EXACT, Comparison, Tolerance


@pytest.fixture
def case(tmp_path):
  """Returns a function that writes a case."""

  def case(arrays=None, **meta):
    meta = {"system": "spade", "check": "generator_forward"} | meta
    (tmp_path / "case.json").write_text(json.dumps(meta))
    np.savez(tmp_path / "inputs.npz", **(arrays or {}))
    return Case(tmp_path)

  return case


def test_a_tolerance_may_be_a_multiple_of_a_measured_error(case):
  text = "max(2e-5, 30*fp32_vs_fp64_maxabs[key]) absolute"
  measured = {"act/fc": 1e-7, "act/up_3": 2e-6}
  one = case(suggested_tolerance=text, fp32_vs_fp64_maxabs=measured)
  assert label_cases.tolerance(one, "act/fc") == Tolerance(2e-5)
  found = label_cases.tolerance(one, "act/up_3")
  assert found.absolute == pytest.approx(6e-5)
  assert label_cases.tolerance(one, "fake") == Tolerance(2e-5)
  two = case(
    suggested_tolerance={"fake": 1e-4, "others": text},
    fp32_vs_fp64_maxabs=measured,
  )
  assert label_cases.tolerance(two, "fake") == Tolerance(1e-4)
  found = label_cases.tolerance(two, "act/up_3")
  assert found.absolute == pytest.approx(6e-5)


def test_tolerances_in_clauses(case):
  text = "loss: 1e-4 relative; grad_x: 1e-3 of its max (5e-9 off); 2e-5 else"
  one = case(suggested_tolerance=text)
  gradient = label_cases.tolerance(one, "grad_x", "grad")
  assert gradient == Tolerance(relative=1e-3)
  assert label_cases.tolerance(one, "l1/0") == Tolerance(relative=1e-4)
  assert label_cases.tolerance(case(tolerance="exact"), "x") == EXACT
  assert label_cases.tolerance(case(), "x") == Tolerance(2e-5)


@pytest.mark.parametrize(
  ("text", "letter", "expected"),
  [
    ("checkpoint.pth = netG.state_dict()", "G", "checkpoint.pth"),
    ("latest_net_{G,D}.pth in this folder", "D", "latest_net_D.pth"),
    (
      "latest_net_G.pth, latest_net_E.pth = state_dicts of netG, netE",
      "E",
      "latest_net_E.pth",
    ),
    ("../x_eval/latest_net_{G,E}.pth", "E", "../x_eval/latest_net_E.pth"),
    ("ck/tiny", "D", "ck/tiny/7_net_D.pth"),
  ],
)
def test_checkpoints(case, tmp_path, text, letter, expected):
  (tmp_path / "ck/tiny").mkdir(parents=True)
  (tmp_path / "ck/tiny/7_net_D.pth").touch()
  options = {"which_epoch": "7"}
  one = case(checkpoint=text, resolved_options=options)
  assert label_cases.checkpoint(one, letter) == expected
  if expected != "checkpoint.pth":
    with pytest.raises(CaseError, match="no checkpoint of network X"):
      label_cases.checkpoint(one, "X")


def test_conditioning_of_options_and_of_constructors(case):
  maps = {"label": np.zeros((1, 1, 4, 4)), "instance": np.zeros((1, 1, 4, 4))}
  options = {"label_nc": 5, "contain_dontcare_label": True}
  found = label_cases.conditioning(case(maps, resolved_options=options))
  assert (found.channels, found.num_labels, found.edges) == (7, 5, True)
  options |= {"no_instance": True, "instance_feat": True, "feat_num": 2}
  one = case(maps, resolved_options=options)
  assert label_cases.conditioning(one).channels == 6
  assert label_cases.conditioning(one, is_pix2pixhd=True).channels == 8
  one = case(maps, constructor={"input_nc": 6})
  found = label_cases.conditioning(one, 6)
  assert (found.num_labels, found.edges, found.features) == (5, True, "none")
  feat = np.zeros((1, 3, 4, 4))
  one = case({**maps, "feat": feat}, constructor={"input_nc": 9})
  found = label_cases.conditioning(one, 9)
  assert (found.num_labels, found.discriminator_channels) == (5, 6)
  del maps["instance"]
  with pytest.raises(CaseError, match="has no 'instance'"):
    label_cases.conditioning(case(maps, resolved_options={"label_nc": 5}))


def test_labels_without_a_channel_are_refused(case):
  one = case({"label": np.full((1, 1, 2, 2), 6)}, resolved_options={"a": 1})
  wanted = label_cases.Conditioning(5, dont_care=True)
  with pytest.raises(CaseError, match="holds 6 to 6, expected 0 to 5"):
    label_cases.labels(one, wanted)


def test_labels_may_be_one_hot(case):
  labels = np.array([[[0, 2], [1, 2]]])
  channels = np.moveaxis(np.eye(3)[labels], -1, 1)
  wanted = label_cases.Conditioning(3)
  found = label_cases.labels(case({"label": channels}), wanted)
  np.testing.assert_array_equal(found, labels)
  for wrong in (channels[:, :2], channels + channels[:, ::-1], channels / 2):
    with pytest.raises(CaseError, match=r"one-hot|has 2 channels"):
      label_cases.labels(case({"label": wrong}), wanted)


def test_weights_of_vgg19_are_told_in_words(case, monkeypatch):
  monkeypatch.setattr(vgg19, "replay", lambda shapes, seed: (shapes, seed))
  monkeypatch.setattr(vgg19, "replay_slices", lambda seed: seed)
  text = "VGG term ON, weights of spade_slices_s0 (seed 3, keys features.*)"
  shapes, seed = vgg19.state_of(case(note=text))
  assert seed == 3
  assert shapes["features.0.bias"] == (64,)
  assert vgg19.state_of(case(vgg="of ../vgg_loss (RandomState(5))")) == 5
  with pytest.raises(CaseError, match="does not say how VGG19"):
    vgg19.state_of(case(note="VGG on"))


def test_what_networks_refuse_cannot_be_run(case, tmp_path):
  case(constructor={"ngf": 1}, mode="dreaming")
  with pytest.raises(CaseError, match="unknown mode 'dreaming'"):
    list(parity.run_case(tmp_path))
  case(resolved_options={"norm_G": "spectralbatch"}, mode="eval")
  with pytest.raises(CaseError, match="no checkpoint of network G; found none"):
    list(parity.run_case(tmp_path))


def test_places_of_modules():
  spade = {"name": "spade", "upsampling": "most"}
  places = activations.places(spade, of_spade=True)
  assert places["G_middle_1.norm_0.param_free_norm"] == Place(
    ("middle_1", "norm_0", "norm")
  )
  assert "up_4.conv_s" in places
  trunk = {"name": "pix2pixhd_global", "num_downsampling": 2, "num_blocks": 3}
  places = activations.places({**trunk, "norm": "spectralbatch"}, of_spade=True)
  assert places["model.3.0"] == Place(("down_0",))
  assert places["model.3"] == Place(("down_norm_0",))
  assert places["model.7.conv_block.4.1"] == Place(("block_0", "norm_1"))
  assert places["model.15"] == Place(("head",))
  places = activations.places({**trunk, "norm": "instance"}, of_spade=False)
  assert places["model.7"] == Place(("down_1",))
  assert places["model.9"] == Place(("down_norm_1",), relu=True)
  assert places["model.12.conv_block.5"] == Place(("block_2", "conv_1"))
  assert places["model.16"] == Place(("up_1",))
  assert places["model.20"] == Place(("head",))


def test_recipes_draw_the_same_everywhere():
  state = replayed.replay(
    {"b.weight": (2, 3), "a.bias": (2,), "c": (1,)}, 7, ["c"]
  )
  rng = np.random.RandomState(7)
  np.testing.assert_array_equal(
    state["a.bias"], (0.1 * rng.standard_normal(2)).astype(np.float32)
  )
  expected = np.sqrt(2 / 3) * rng.standard_normal((2, 3))
  np.testing.assert_array_equal(state["b.weight"], expected.astype(np.float32))
  shapes = [array.shape for array in vgg19.replay_slices(0).values()]
  assert shapes[:2] == [(64, 3, 3, 3), (64,)]
  assert shapes[-2:] == [(512, 512, 3, 3), (512,)]


@pytest.mark.parametrize(
  ("names", "exact", "ok"),
  [
    (["gradD/x"], True, True),
    (["gradD/x"], False, False),
    (["gradD/x", "generated/step1"], True, False),  # no kink of a gradient
    (["gradD/far"], True, False),
    (["phase2/it1/D_grad:x", "it1/G_grad_norms"], True, True),
    (["after phase2/G/x"], True, True),
    (["phase2/it1/G/GAN"], True, False),
    (["smap35"], True, False),
  ],
)
def test_float64_decides_where_float32_falls_short(
  case, tmp_path, names, exact, ok
):
  """A failure stands unless float64 is right and a kink is large enough."""
  np.savez(tmp_path / "outputs_f64.npz")

  def steps(one):
    if one.dtype == np.float64:
      yield Comparison("gradD/x", exact)
      return
    yield Comparison("loss/step1/GAN", True)
    for name in names:
      relative = 0.2 if name.endswith("far") else 0.05
      yield Comparison(name, False, relative, relative, "rel 0.002 of max")

  lines = list(kinks.decided(steps, case()))
  assert [line.name for line in lines] == ["loss/step1/GAN", *names]
  assert all(line.ok for line in lines) == ok
  expected = f"in float64 {int(exact)} of 1 ok"
  assert all(expected in line.note for line in lines[1:])


def test_float32_stands_alone_without_float64(case):
  lines = [Comparison("gradD/x", False, 0.05, 0.05)]
  assert list(kinks.decided(lambda _: lines, case())) == lines
  # It is enough to tell how far float64 is off.
  (line,) = kinks.decided(lambda _: lines, case(f32_vs_f64={}))
  assert "in float64 0 of 1 ok" in line.note
