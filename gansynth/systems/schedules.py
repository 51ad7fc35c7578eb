"""Learning rates of the original trainers, epoch by epoch."""

import math

import jax.numpy as jnp
import numpy as np
import optax

POLICIES = (
  "linear",
  "step",
  "plateau",
  "cosine",
  "constant",
  "linear_to_zero",
)


def learning_rate_factors(
  policy: str,
  num_epochs: int,
  num_epochs_decay: int,
  *,
  first_epoch: int = 1,
  decay_every: int = 50,
  step_at: str = "end",
) -> np.ndarray:
  """Factor of the learning rate in each epoch.

  Epochs run from `first_epoch` to `num_epochs + num_epochs_decay`, both
  included. With s the number of scheduler steps so far:

  - `linear`: 1 - max(0, s + first_epoch - num_epochs) / (num_epochs_decay +
    1);
  - `step`: 0.1^floor(s / decay_every);
  - `plateau`: on a metric that never changes, as the original runs it: 0.2
    more at the seventh step and at every sixth thereafter;
  - `cosine`: (1 + cos(pi s / num_epochs)) / 2;
  - `constant`: 1;
  - `linear_to_zero`: 1 - max(0, s + first_epoch - 1 - num_epochs) /
    num_epochs_decay, as SPADE and pix2pixHD do it: the first epoch of a lower
    rate is num_epochs + 2, the last has 1 / num_epochs_decay.

  Args:
    policy: one of `POLICIES`.
    num_epochs: epochs before the decay.
    num_epochs_decay: epochs of decay.
    first_epoch: number of the first epoch, from 1.
    decay_every: epochs between decays, for `step`.
    step_at: when the scheduler steps: at the `end` of an epoch, or, as the
      PyTorch code did from July 2020 to 2024, at its `start`, so that decay
      begins an epoch early and the last epoch trains with rate 0.

  Returns:
    float64 array, one factor an epoch.

  Raises:
    ValueError: an unknown policy or `step_at`, or no epochs.
  """
  if policy not in POLICIES:
    raise ValueError(
      f"unknown policy {policy!r}; choose one of {', '.join(POLICIES)}"
    )
  if step_at not in ("start", "end"):
    raise ValueError(f"unknown step_at {step_at!r}; choose start or end")
  count = num_epochs + num_epochs_decay - first_epoch + 1
  if count < 1:
    raise ValueError(
      f"epochs {first_epoch} to {num_epochs} + {num_epochs_decay} are none; "
      "raise num_epochs or num_epochs_decay"
    )
  offset = 1 if step_at == "start" else 0

  def factor(s: int) -> float:
    if policy == "linear":
      late = max(0, s + first_epoch - num_epochs)
      return 1.0 - late / (num_epochs_decay + 1)
    if policy == "step":
      return 0.1 ** (s // decay_every)
    if policy == "plateau":
      return 0.2 ** (max(0, s - 1) // 6)
    if policy == "cosine":
      return (1 + math.cos(math.pi * s / num_epochs)) / 2
    if policy == "linear_to_zero":
      late = max(0, s + first_epoch - 1 - num_epochs)
      return 1.0 - late / max(num_epochs_decay, 1)
    return 1.0

  return np.array([factor(s + offset) for s in range(count)])


def per_epoch(
  base: float, factors: np.ndarray, steps_per_epoch: int
) -> optax.Schedule:
  """Returns step -> `base` times the factor of the step's epoch.

  Beyond the last epoch its rate stays.
  """
  if steps_per_epoch < 1:
    raise ValueError(
      f"an epoch of {steps_per_epoch} steps cannot be scheduled; it needs 1"
    )

  def schedule(step):
    table = jnp.asarray(base * factors, jnp.float32)
    return table[jnp.minimum(step // steps_per_epoch, len(factors) - 1)]

  return schedule
