"""OpenCV's side of a measurement; started by `blending`."""

import platform

import blending_inputs
import worker


def build(task):
  """Returns (run, compile seconds, versions) for a task of `blending`."""
  try:
    import cv2
  except ImportError as error:
    raise ImportError(
      "this Python has no OpenCV; install it (pip install "
      "opencv-python-headless), or name one that has it with --cv-python"
    ) from error
  source, destination, mask = blending_inputs.triples(task)[0]
  mask = mask * 255
  middle = (task["size"][1] // 2, task["size"][0] // 2)

  def run():
    cv2.seamlessClone(source, destination, mask, middle, cv2.NORMAL_CLONE)

  versions = (
    f"opencv {cv2.__version__}, Python {platform.python_version()}, "
    f"{cv2.getNumThreads()} threads"
  )
  return run, 0.0, versions


if __name__ == "__main__":
  worker.serve(build, lambda: None)
