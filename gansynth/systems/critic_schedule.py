"""How often a critic moves before its generator does."""

import bisect
import dataclasses


@dataclasses.dataclass(frozen=True)
class CriticSchedule:
  """The schedule of Wasserstein GANs with clamped critics.

  An iteration is a number of critic steps and then one generator step. The
  critic gets many of them at the beginning, and again now and then, so that
  it is near its optimum.

  Reference: Arjovsky et al., "Wasserstein GAN", ICML 2017, and its code.
  """

  critic_steps: int = 5  # of most iterations
  long_critic_steps: int = 100  # of the long ones
  long_until: int = 25  # the first so many iterations are long
  long_every: int = 500  # and every so many-th, counted from 0; 0: no more

  def __post_init__(self):
    """Refuses schedules in which somebody never moves."""
    if min(self.critic_steps, self.long_critic_steps) < 1:
      raise ValueError(
        f"critic_steps {self.critic_steps} and long_critic_steps "
        f"{self.long_critic_steps} must be at least 1"
      )
    if min(self.long_until, self.long_every) < 0:
      raise ValueError(
        f"long_until {self.long_until} and long_every {self.long_every} must "
        "be at least 0"
      )

  def critic_steps_in(self, iteration: int) -> int:
    """Returns the critic steps of an iteration, counted from 0."""
    long = iteration < self.long_until or (
      self.long_every and iteration % self.long_every == 0
    )
    return self.long_critic_steps if long else self.critic_steps

  def first_step(self, iteration: int, generator_batches: int) -> int:
    """Returns the number of batches that are used before an iteration.

    Args:
      iteration: from 0.
      generator_batches: batches of a generator step: 1, or 0 if it shares the
        one of the last critic step, or needs none.
    """
    beginning = min(iteration, self.long_until)
    long = beginning
    if self.long_every:
      # Multiples of long_every from `beginning` on and below `iteration`.
      long += -(-iteration // self.long_every) + (-beginning // self.long_every)
    critic = long * self.long_critic_steps
    critic += (iteration - long) * self.critic_steps
    return critic + iteration * generator_batches

  def locate(self, step: int, generator_batches: int) -> tuple[int, int]:
    """Finds a batch.

    Args:
      step: number of the batch, from 0.
      generator_batches: as of `first_step`.

    Returns:
      The iteration and the number of the batch within it, both from 0.
    """
    # Every iteration takes at least one batch.
    iteration = (
      bisect.bisect_right(
        range(step + 2),
        step,
        key=lambda i: self.first_step(i, generator_batches),
      )
      - 1
    )
    return iteration, step - self.first_step(iteration, generator_batches)
