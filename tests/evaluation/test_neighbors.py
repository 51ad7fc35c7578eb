import numpy as np
import pytest

from gansynth.evaluation import neighbors


def sets(count_real=60, count_generated=45, dims=5):
  rng = np.random.Generator(np.random.Philox(2))
  real = rng.standard_normal((count_real, dims))
  return real, rng.standard_normal((count_generated, dims)) * 1.2 + 0.8


def distances(x, y):
  return np.linalg.norm(x[:, None] - y, axis=-1)


def brute_radii(x, k):
  return np.array([sorted(row)[k] for row in distances(x, x)])


@pytest.fixture(params=[7, 1024])
def _block(request, monkeypatch):
  monkeypatch.setattr(neighbors, "_BLOCK", request.param)


@pytest.mark.usefixtures("_block")
@pytest.mark.parametrize("k", [1, 3, 5])
def test_shares_by_brute_force(k):
  real, generated = sets()
  real_radii, generated_radii = brute_radii(real, k), brute_radii(generated, k)
  np.testing.assert_allclose(neighbors.radii(real, k), real_radii, rtol=1e-12)
  between = distances(real, generated)
  inside = between < real_radii[:, None]
  found = neighbors.prdc(real, generated, k)
  assert found.precision == pytest.approx(inside.any(0).mean())
  assert found.recall == pytest.approx(
    (between < generated_radii).any(1).mean()
  )
  assert found.density == pytest.approx(inside.sum() / (k * len(generated)))
  assert found.coverage == pytest.approx(inside.any(1).mean())
  assert 0 < found.precision < 1
  assert 0 < found.recall < 1


@pytest.mark.usefixtures("_block")
def test_realism_by_brute_force():
  real, generated = sets()
  radii = brute_radii(real, 3)
  kept = radii <= np.median(radii)
  ratios = radii[kept, None] / distances(real[kept], generated)
  found = neighbors.realism(real, generated)
  np.testing.assert_allclose(found, ratios.max(0), rtol=1e-12)
  assert np.isinf(neighbors.realism(real, real[kept])).all()
  # A ball's surface is where realism is 1.
  far = neighbors.realism(real, np.full((1, 5), 1e3))
  assert 0 < far[0] < 0.01


def test_by_hand_and_on_the_surface():
  real = np.array([[0.0], [1.0], [5.0]])  # radii 1, 1, 4
  generated = np.array([[-1.0], [5.0]])  # radii 6, 6
  strict = neighbors.prdc(real, generated, 1)
  assert strict == neighbors.Prdc(0.5, 1.0, 0.5, 1 / 3)
  # -1 is on the surface of the ball of 0.
  inclusive = neighbors.prdc(real, generated, 1, inclusive=True)
  assert inclusive == neighbors.Prdc(1.0, 1.0, 1.0, 2 / 3)
  np.testing.assert_array_equal(neighbors.radii(real, 1), [1, 1, 4])


def test_copies_are_at_no_distance():
  # Far from 0, where lengths are large against distances.
  real, _ = sets()
  real = real.astype(np.float32) + np.float32(100)
  twice = np.concatenate([real, real])
  np.testing.assert_array_equal(neighbors.radii(twice, 1), 0)
  # Balls without inside, however close the copies come to lie.
  assert neighbors.prdc(twice, twice, 1) == neighbors.Prdc(0, 0, 0, 0)
  assert neighbors.prdc(twice, twice, 1, inclusive=True).precision == 1
  found = neighbors.prdc(real, real, 3)
  assert (found.precision, found.recall, found.coverage) == (1, 1, 1)


def test_a_generator_of_one_mode_covers_little():
  real, _ = sets()
  rng = np.random.Generator(np.random.Philox(9))
  one_mode = real[:1] + 1e-3 * rng.standard_normal((45, 5))
  found = neighbors.prdc(real, one_mode, 3)
  assert found.precision == 1
  assert found.recall < 0.05
  assert found.coverage < 0.2


def test_wrong_sets_are_refused():
  real, generated = sets(6, 4)
  with pytest.raises(ValueError, match=r"generated set has 4 .* 1 to 3, not 4"):
    neighbors.prdc(real, generated, 4)
  with pytest.raises(ValueError, match="k can be 1 to 5, not 0"):
    neighbors.radii(real, 0)
  with pytest.raises(ValueError, match=r"generated features: .* \(count, 5\)"):
    neighbors.prdc(real, generated[:, :3])
  with pytest.raises(ValueError, match="real features: 6 of 6"):
    neighbors.realism(real * np.nan, generated)
