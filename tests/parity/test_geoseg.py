"""Checks of Geoseg-GAN's networks, steps and pairs, on cases made here.

Recorded cases run in test_parity.py.
"""

import dataclasses
import json
import types

import jax
import label_networks as networks
import numpy as np
import pytest
import tiny

from gansynth import config as config_lib
from gansynth import convert, images, models, parity, systems
from gansynth.models.semantics import Conditioning
from gansynth.parity import geoseg_pairs, geoseg_steps
from gansynth.parity.case import Case, CaseError

CLASSES = 4
G = networks.geoseg_generator()
D = networks.geoseg_discriminator()


def apply(network, *inputs):
  return jax.jit(network.apply, compiler_options=tiny.FAST_COMPILE)(*inputs)


def losses(real, fake):
  """The program's, of features and logits."""
  hinge_d = np.maximum(1 - real[-1], 0).mean()
  hinge_d += np.maximum(1 + fake[-1], 0).mean()
  pairs = zip(real[:-1], fake[:-1], strict=True)
  return {
    "hinge_d": hinge_d,
    "hinge_g": -fake[-1].mean(),
    "fm": sum(np.abs(a - b).mean() for a, b in pairs),
  }


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
  """A forward case whose numbers are those of our networks."""
  folder = tmp_path_factory.mktemp("forward")
  rng = np.random.default_rng(0)
  labels = rng.integers(CLASSES, size=(2, 32, 48))
  image = rng.random((2, 3, 32, 48), np.float32)
  variables = {}
  for letter, description in (("G", G), ("D", D)):
    variables[letter] = networks.random_variables(description, CLASSES)
    state = convert.to_state_dict(description, variables[letter])
    networks.write_pth(folder / f"{letter}_e001.pt", state)
  shown = Conditioning(CLASSES)(labels)

  def nchw(array):
    return np.moveaxis(np.asarray(array), -1, -3)

  fake = apply(models.create(**G), variables["G"], shown)
  outputs = {"fake": nchw((fake + 1) / 2)}
  judged = {}
  real = np.moveaxis(image, 1, -1) * 2 - 1
  for kind, pictures in (("real", real), ("fake", fake)):
    (scale,) = apply(models.create(**D), variables["D"], shown, pictures)
    judged[kind] = scale = [nchw(x) for x in scale]
    names = [*(f"feat_{kind}_{i}" for i in range(1, 5)), f"logits_{kind}"]
    outputs |= dict(zip(names, scale, strict=True))
  outputs |= losses(judged["real"], judged["fake"])
  one_hot = np.moveaxis(np.eye(CLASSES)[labels], -1, 1)
  inputs = {"ids": labels, "onehot": one_hot, "img": image}
  meta = {
    "system": "geoseg",
    "check": "generator_discriminator_forward",
    "constructor": {"C": CLASSES, "base": 2},
    "tolerance": "max abs 3e-4",
  }
  return folder, inputs, outputs, meta


def write(case, inputs=(), outputs=(), meta=()):
  """Writes the case with changed arrays; returns the lines that fail."""
  folder, *arrays, about = case
  for name, array, changes in zip(
    ("inputs", "outputs"), arrays, (inputs, outputs), strict=True
  ):
    np.savez(folder / f"{name}.npz", **(array | dict(changes)))
  (folder / "case.json").write_text(json.dumps(about | dict(meta)))
  return [line for line in parity.run_case(folder) if not line.ok]


def test_forward(recorded):
  assert write(recorded) == []


def test_errors_of_forward_passes_are_found(recorded):
  _, _, outputs, _ = recorded
  wrong = {
    name: outputs[name] + 1e-3
    for name in ("fake", "logits_real", "feat_fake_2", "hinge_g", "fm")
  }
  meta = {"constructor": {"C": 6, "base": 8}}
  found = [x.name for x in write(recorded, outputs=wrong, meta=meta)]
  assert sorted(found) == sorted(
    [*wrong, "G: width", "G: classes", "D: classes"]
  )


def test_cases_that_cannot_be_run(recorded):
  folder, inputs, _, _ = recorded
  soft = {"onehot": inputs["onehot"] * 0.5}
  with pytest.raises(CaseError, match="'onehot' is not one-hot"):
    write(recorded, inputs=soft)
  (folder / "G_e002.pt").write_bytes((folder / "G_e001.pt").read_bytes())
  with pytest.raises(CaseError, match=r"one file G_\*\.pt, found G_e001"):
    write(recorded)
  (folder / "G_e002.pt").unlink()


def test_the_system_is_the_one_that_the_config_trains():
  config = config_lib.load("configs/geoseg.py:folders")
  expected = systems.create(config, steps_per_epoch=10)
  nets = types.SimpleNamespace(
    modules={"G": expected.generator, "D": expected.discriminator},
    variables={"G": {"params": {"stem": {"kernel": np.zeros((3, 3, 6, 64))}}}},
  )
  case = types.SimpleNamespace(meta={}, dtype=np.float32)
  found = geoseg_steps.Training(case, nets, {"lr": 2e-4}).system
  for field in dataclasses.fields(found):
    if not field.name.endswith("optimizer") and field.name != "axis_name":
      one, other = (getattr(x, field.name) for x in (found, expected))
      assert one == other, field.name
  gradients = {"x": np.array([1e-3, -2.0], np.float32)}
  for name in ("generator_optimizer", "discriminator_optimizer"):
    steps = []
    for system in (found, expected):
      optimizer = getattr(system, name)
      state = optimizer.init(gradients)
      for _ in range(2):
        step, state = optimizer.update(gradients, state)
      steps.append(step["x"])
    np.testing.assert_allclose(*steps, rtol=1e-6)


def test_biases_before_norms():
  nets = types.SimpleNamespace(descriptions={"G": G, "D": D})
  assert geoseg_steps.before_norms(nets) == {
    *(f"G/e{i}.0.bias" for i in range(2, 6)),
    *(f"G/d{i}.1.0.bias" for i in range(1, 5)),
    *(f"D/c{i}.0.bias" for i in range(2, 5)),
  }


def test_classes_may_differ_at_ties_alone():
  logits = np.zeros((2, 2, 3), np.float32)
  logits[..., 1] = 1
  recorded = np.ones((4, 4), np.int64)
  assert geoseg_pairs.compare_prediction("p", logits, recorded).ok
  recorded[0, 0] = 2
  assert not geoseg_pairs.compare_prediction("p", logits, recorded).ok
  logits[0, 0, 2] = 1 - 1e-5
  line = geoseg_pairs.compare_prediction("p", logits, recorded)
  assert line.ok
  assert line.note.startswith("1 of 16 pixels differ")
  recorded[3, 3] = 0
  assert not geoseg_pairs.compare_prediction("p", logits, recorded).ok


def test_pictures_within_levels(recorded):
  folder, *_ = recorded
  write(recorded, meta={"tolerance": "JPEGs within 2 levels"})
  case = Case(folder)
  rng = np.random.default_rng(0)
  picture = rng.integers(8, 240, (16, 16, 3), np.uint8)
  path = folder / "picture.png"
  images.write(path, picture)
  for error, ok in ((0, True), (2, True), (3, False)):
    data = images.encode(picture + np.uint8(error), "png")
    line = geoseg_pairs.compare_jpeg(case, path, data)
    assert line.ok == ok
    assert bool(line.note) == (error == 0)
