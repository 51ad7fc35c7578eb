import dataclasses

import numpy as np
import pytest

from gansynth.evaluation import statistics_file
from gansynth.evaluation.moments import Statistics

MADE_BY = {"network": "ab12", "resize": "clean", "dims": 3, "size": [299, 299]}


@pytest.fixture
def statistics():
  covariance = np.array([[2.0, 0.5, 0], [0.5, 1, 0.1], [0, 0.1, 3]])
  return Statistics(np.array([1.0, -2.0, 1 / 3]), covariance, 12, MADE_BY)


@pytest.fixture
def path(tmp_path):
  return tmp_path / "of.npz"


def save(path, **arrays):
  np.savez(path, **arrays)
  return path


def test_comes_back(path, statistics):
  statistics_file.write(path, statistics)
  expected = {"resize": "clean", "size": (299, 299), "other": 1}
  found = statistics_file.read(path, expected)
  np.testing.assert_array_equal(found.mean, statistics.mean)
  np.testing.assert_array_equal(found.covariance, statistics.covariance)
  assert found.count == 12
  assert found.made_by == MADE_BY
  assert statistics_file.origin_note(path, found) == ""


def test_other_programs_read_it(path, statistics):
  statistics_file.write(path, statistics)
  with np.load(path) as arrays:
    np.testing.assert_array_equal(arrays["mu"], statistics.mean)
    np.testing.assert_array_equal(arrays["sigma"], statistics.covariance)
    assert arrays["mu"].dtype == arrays["sigma"].dtype == np.float64
  statistics_file.write(path, statistics, plain=True)
  with np.load(path) as arrays:
    assert sorted(arrays) == ["mu", "sigma"]


def test_the_same_statistics_are_the_same_bytes(path, statistics):
  statistics_file.write(path, statistics)
  first = path.read_bytes()
  statistics_file.write(path, statistics)
  assert path.read_bytes() == first


def test_files_of_others_are_read_with_a_note(path, statistics):
  mean, covariance = statistics.mean, statistics.covariance
  # clean-fid's means are float32, and TTUR's files hold more.
  save(path, mu=mean.astype(np.float32), sigma=covariance, more=np.array("a"))
  found = statistics_file.read(path, MADE_BY)
  np.testing.assert_allclose(found.mean, mean, rtol=1e-7)
  assert found.mean.dtype == np.float64
  assert found.count is None
  assert "of.npz does not say" in statistics_file.origin_note(path, found)


def test_unknown_origins_come_back_as_unknown(path, statistics):
  unknown = dataclasses.replace(statistics, count=None, made_by=None)
  statistics_file.write(path, unknown)
  found = statistics_file.read(path, MADE_BY)
  assert (found.count, found.made_by) == (None, None)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"network": "cd34"}, "network 'ab12', .* features with network 'cd34'"),
    ({"resize": "legacy"}, "resize 'clean', .* resize 'legacy'; make it"),
    ({"dims": 64}, "with dims 3, .* with dims 64"),
  ],
)
def test_statistics_of_something_else_are_refused(
  path, statistics, change, message
):
  statistics_file.write(path, statistics)
  with pytest.raises(ValueError, match=rf"of\.npz is of features.*{message}"):
    statistics_file.read(path, MADE_BY | change)


def test_other_widths_are_refused_whoever_wrote_them(path, statistics):
  statistics_file.write(path, statistics, plain=True)
  with pytest.raises(ValueError, match=r"with dims 3, .* with dims 2048"):
    statistics_file.read(path, {"dims": 2048})


EYE = np.eye(3)


@pytest.mark.parametrize(
  ("arrays", "message"),
  [
    ({"mu": np.zeros(3)}, "expected the arrays mu and sigma, found mu; this"),
    ({"mu": np.zeros(3), "sigma": np.eye(4)}, r"found \(3,\) and \(4, 4\)"),
    ({"mu": np.zeros((1, 3)), "sigma": EYE}, r"found \(1, 3\) and \(3, 3\)"),
    ({"mu": np.zeros(3, int), "sigma": EYE}, "mu holds int64, expected"),
    ({"mu": np.full(3, np.nan), "sigma": EYE}, "3 of 3 numbers of mu are not"),
    (
      {"mu": np.zeros(3), "sigma": np.full((3, 3), np.inf)},
      "numbers of sigma are not",
    ),
    ({"mu": np.zeros(3), "sigma": np.triu(np.ones((3, 3)))}, "off by 1 from"),
    ({"mu": np.zeros(3), "sigma": -EYE}, "diagonal has numbers below 0"),
    (
      {"mu": np.zeros(3), "sigma": EYE, "gansynth": np.zeros(3, np.uint8)},
      "what it says about its origin is damaged",
    ),
    (
      {"mu": np.array([{}, 1], object), "sigma": EYE},
      "no readable file .*allow_pickle=False",
    ),
  ],
)
def test_wrong_files_are_named(path, arrays, message):
  save(path, **arrays)
  with pytest.raises(ValueError, match=rf"of\.npz: .*{message}"):
    statistics_file.read(path)


def test_damaged_files_are_named(path, statistics):
  with pytest.raises(ValueError, match=r"of\.npz: there is no such file"):
    statistics_file.read(path)
  statistics_file.write(path, statistics)
  data = path.read_bytes()
  for damaged in (b"", b"<html>", data[: len(data) // 2], b"\x93NUMPY" + data):
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"of\.npz: no readable file of stat"):
      statistics_file.read(path)


def test_paths_that_no_reader_takes_are_refused(tmp_path, statistics):
  with pytest.raises(ValueError, match=r"ending \.npz; write to .*of\.npy\.np"):
    statistics_file.write(tmp_path / "of.npy", statistics)
  assert list(tmp_path.iterdir()) == []
