import json
import re

import jax

import gansynth
from gansynth import environment


def test_versions_and_devices_are_named():
  found = environment.describe()
  assert found["gansynth"] == gansynth.__version__
  assert found["jax"] == jax.__version__
  assert re.match(r"\d+\.\d+", found["numpy"])
  assert found["hosts"] == 1
  (count, kind) = found["devices"].split(" x ")
  assert int(count) == jax.device_count()
  assert kind == jax.devices()[0].device_kind
  assert json.loads(json.dumps(found)) == found
