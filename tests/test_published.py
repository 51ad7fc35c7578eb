"""Published weights: found, refused, or drawn."""

import jax
import numpy as np
import pytest

from gansynth import checkpoints, published
from gansynth.models import inception


@pytest.mark.parametrize("name", published.WEIGHTS)
def test_the_error_holds_the_commands_that_import(name, tmp_path):
  weights = published.WEIGHTS[name]
  with pytest.raises(published.MissingWeightsError) as error:
    published.find(name, tmp_path / "networks")
  text = str(error.value)
  command = (
    f"python tools/convert_checkpoint.py {weights.file} --output "
    f"{tmp_path / 'networks' / name}"
  )
  assert command in text.split("\n  ")[2]
  assert "--random-features" in text
  if weights.direct:
    assert f"curl -LO {weights.address}\n" in text
    assert weights.address.endswith(weights.file)
  else:
    assert f"download {weights.file} from {weights.address}\n" in text


def test_an_imported_network_comes_before_the_published_file(tmp_path):
  file = tmp_path / published.WEIGHTS["drn_d_22"].file
  file.write_bytes(b"of PyTorch")
  assert published.find("drn_d_22", tmp_path) == file
  checkpoints.save_network(
    tmp_path / "drn_d_22", {"params": {"a": np.ones(1)}}, {"network": {}}
  )
  assert published.find("drn_d_22", tmp_path) == tmp_path / "drn_d_22"


def test_another_network_at_the_place_is_refused(tmp_path):
  record = {"network": {"name": "lpips", "backbone": "vgg"}}
  checkpoints.save_network(
    tmp_path / "lpips_alex", {"params": {"a": np.ones(1)}}, record
  )
  with pytest.raises(ValueError, match="another network") as error:
    published.load("lpips_alex", tmp_path)
  assert "alexnet-owt-7be5be79.pth" in str(error.value)


def test_what_was_imported_is_loaded_with_its_digest(tmp_path):
  _, variables, _ = published.load("lpips_alex", random_features=True)
  record = {"network": {"name": "lpips", "backbone": "alex"}}
  checkpoints.save_network(tmp_path / "lpips_alex", variables, record)
  network, loaded, made_by = published.load("lpips_alex", tmp_path)
  assert network.backbone == "alex"
  jax.tree.map(np.testing.assert_array_equal, loaded, variables)
  digest = checkpoints.digest(variables)
  assert made_by == {"network": "lpips_alex", "weights": digest}
  # The same on any machine, so numbers of smoke tests can be compared.
  assert digest == "cf3b8b4e7bbace81"


def test_random_weights_keep_activations_in_range():
  network, variables, made_by = published.load(
    "fid_inception", random_features=True
  )
  assert made_by == {"network": "fid_inception", "weights": "random_features"}
  assert isinstance(network, inception.FidInception)
  layer = variables["params"]["Mixed_6b"]["branch7x7_2"]
  kernel = layer["conv"]["kernel"]  # of 7 taps of 128 channels
  np.testing.assert_allclose(kernel.std(), np.sqrt(2 / (7 * 128)), rtol=0.02)
  assert (layer["bn"]["scale"] == 1).all()
  assert not layer["bn"]["bias"].any()
  statistics = variables["batch_stats"]["Mixed_6b"]["branch7x7_2"]["bn"]
  assert (statistics["var"] == 1).all()
  assert not statistics["mean"].any()
  other = variables["params"]["Mixed_6c"]["branch1x1"]["conv"]["kernel"]
  equal = variables["params"]["Mixed_6b"]["branch1x1"]["conv"]["kernel"]
  assert not np.array_equal(other, equal)


def test_unknown_names_are_refused():
  with pytest.raises(ValueError, match="known are fid_inception, lpips_alex"):
    published.find("inception_v3")
