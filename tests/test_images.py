"""Reading, writing, resizing and laying out pictures."""

import errno
import io
import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from gansynth import files, images


def picture(height=5, width=7, channels=3, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (height, width, channels), np.uint8)


def encoded(image: Image.Image, file_format: str, **options) -> bytes:
  buffer = io.BytesIO()
  image.save(buffer, file_format, **options)
  return buffer.getvalue()


def test_rgb_is_read_as_stored(tmp_path):
  array = picture()
  Image.fromarray(array).save(tmp_path / "a.png")
  read = images.read(tmp_path / "a.png")
  np.testing.assert_array_equal(read, array)
  assert read.dtype == np.uint8


def test_bytes_are_read_like_a_file():
  array = picture()
  data = encoded(Image.fromarray(array), "PNG")
  np.testing.assert_array_equal(images.read(data), array)


def test_one_pixel_is_read():
  data = encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG")
  np.testing.assert_array_equal(images.read(data), [[[1, 2, 3]]])


def test_gray_mode_is_pillows_luma():
  image = Image.fromarray(picture())
  gray = images.read(encoded(image, "PNG"), mode="L")
  np.testing.assert_array_equal(gray[..., 0], np.asarray(image.convert("L")))
  assert gray.shape == (5, 7, 1)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "PPM"])
def test_16_bit_gray_is_scaled_by_its_range(file_format):
  values = np.array([[0, 128, 129, 257, 32768, 65406, 65535]], np.uint16)
  data = encoded(Image.fromarray(values), file_format)
  expected = np.round(values / 257).astype(np.uint8)
  read = images.read(data)
  np.testing.assert_array_equal(read, np.stack([expected] * 3, -1))
  np.testing.assert_array_equal(images.read(data, "L")[..., 0], expected)


def test_16_bit_big_endian_gray():
  header = b"P5 2 1 65535\n"
  read = images.read(header + bytes([0x01, 0x01, 0xFF, 0xFF]), "L")
  np.testing.assert_array_equal(read[..., 0], [[1, 255]])


def test_16_bit_colour_keeps_the_upper_byte():
  header = b"P6 1 1 65535\n"
  data = header + bytes([0x10, 0x00, 0x80, 0x00, 0xFF, 0xFF])
  read = images.read(data)
  assert np.abs(read[0, 0].astype(int) - [0x10, 0x80, 0xFF]).max() <= 1


@pytest.mark.parametrize(
  ("mode", "kind"), [("F", "floating-point"), ("I", "32-bit")]
)
def test_values_without_a_range_are_refused(mode, kind):
  data = encoded(Image.new(mode, (3, 2), 7), "TIFF")
  with pytest.raises(images.ImageError, match=f"wide.tif: holds {kind}"):
    images.read(data, name="wide.tif")


def test_transparency_is_dropped_and_the_colour_kept():
  rgba = picture(channels=4)
  read = images.read(encoded(Image.fromarray(rgba), "PNG"))
  np.testing.assert_array_equal(read, rgba[..., :3])


def test_transparent_gray_is_dropped():
  gray_alpha = picture(channels=2)
  read = images.read(encoded(Image.fromarray(gray_alpha), "PNG"))
  np.testing.assert_array_equal(read, np.repeat(gray_alpha[..., :1], 3, -1))


@pytest.mark.parametrize("transparency", [None, 1, bytes([0, 128, 255, 255])])
def test_palette_becomes_rgb(transparency):
  image = Image.new("P", (2, 2))
  image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
  image.putdata([0, 1, 2, 3])
  options = {} if transparency is None else {"transparency": transparency}
  read = images.read(encoded(image, "PNG", **options))
  expected = np.array(
    [[10, 20, 30], [40, 50, 60], [70, 80, 90], [100, 110, 120]]
  )
  np.testing.assert_array_equal(read.reshape(4, 3), expected)


def test_transparent_colour_of_rgb_is_kept():
  image = Image.new("RGB", (2, 1), (9, 8, 7))
  read = images.read(encoded(image, "PNG", transparency=(9, 8, 7)))
  np.testing.assert_array_equal(read, np.full((1, 2, 3), [9, 8, 7]))


def palette_of(*colours):
  image = Image.new("P", (len(colours), 1))
  image.putpalette([value for colour in colours for value in colour])
  image.putdata(range(len(colours)))
  return image


def test_transparency_is_kept_on_demand():
  rgba = picture(channels=4)
  read = images.read(encoded(Image.fromarray(rgba), "PNG"), "RGBA")
  np.testing.assert_array_equal(read, rgba)
  opaque = images.read(encoded(Image.fromarray(rgba[..., :3]), "PNG"), "RGBA")
  np.testing.assert_array_equal(opaque[..., :3], rgba[..., :3])
  assert (opaque[..., 3] == 255).all()
  wide = np.array([[0, 257, 65535]], np.uint16)
  read = images.read(encoded(Image.fromarray(wide), "PNG"), "RGBA")
  np.testing.assert_array_equal(
    read, [[[0, 0, 0, 255], [1, 1, 1, 255], [255] * 4]]
  )


@pytest.mark.parametrize(
  ("stored", "options", "expected"),
  [
    (Image.fromarray(np.array([[0, 1]], np.uint8)), {}, [0, 1]),
    (Image.fromarray(np.array([[0, 1]], np.uint16)), {}, [0, 1]),
    (Image.fromarray(np.array([[0, 65535]], np.uint16)), {}, [0, 255]),
    (Image.fromarray(np.array([[False, True]])), {}, [0, 255]),
    (Image.fromarray(np.uint8([[[0] * 3, [255] * 3]])), {}, [0, 255]),
    (Image.fromarray(np.uint8([[[0] * 4, [9, 9, 9, 255]]])), {}, [0, 255]),
    (
      Image.fromarray(np.uint8([[[9, 9, 9, 255], [0] * 3 + [255]]])),
      {},
      [9, 0],
    ),
    (palette_of((0, 0, 0), (255, 255, 255)), {}, [0, 255]),
    (palette_of((0, 0, 0), (128, 0, 0)), {}, [0, 255]),
    (palette_of((9, 8, 7), (1, 2, 3)), {"transparency": 0}, [0, 255]),
  ],
  ids=[
    "gray 0/1",
    "16 bits 0/1",
    "16 bits",
    "1 bit",
    "RGB",
    "alpha",
    "opaque alpha",
    "black and white palette",
    "coloured palette",
    "transparent palette",
  ],
)
def test_masks_are_read_as_people_draw_them(stored, options, expected):
  mask = images.read(encoded(stored, "PNG", **options), "mask")
  np.testing.assert_array_equal(mask, [[[value] for value in expected]])


def test_unknown_modes_are_refused():
  with pytest.raises(ValueError, match="'HSV'; expected RGB, RGBA, L, mask"):
    images.read(b"", "HSV")


def test_cmyk_becomes_rgb():
  image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
  read = images.read(encoded(image, "TIFF"))
  np.testing.assert_array_equal(read[0, 0], [255, 0, 0])


def test_one_bit_is_black_and_white():
  image = Image.new("1", (2, 1))
  image.putpixel((1, 0), 1)
  read = images.read(encoded(image, "PNG"))
  np.testing.assert_array_equal(read, [[[0, 0, 0], [255, 255, 255]]])


@pytest.mark.parametrize("file_format", ["WEBP", "PNG", "TIFF"])
def test_first_frame_of_an_animation(file_format):
  frames = [Image.new("RGB", (6, 4), c) for c in [(200, 0, 0), (0, 0, 200)]]
  options = {"lossless": True} if file_format == "WEBP" else {}
  data = encoded(
    frames[0], file_format, save_all=True, append_images=frames[1:], **options
  )
  np.testing.assert_array_equal(images.read(data)[0, 0], [200, 0, 0])


def test_exif_orientation_is_not_applied():
  exif = Image.Exif()
  exif[0x0112] = 6  # turn by 90 degrees
  image = Image.fromarray(picture(4, 9))
  assert images.read(encoded(image, "JPEG", exif=exif)).shape == (4, 9, 3)


@pytest.mark.parametrize(
  ("content", "message"),
  [
    (b"", "is empty"),
    (b"<html>not found</html>", "is not a picture"),
    (b"\x89PNG\r\n\x1a\n", "is not a picture|damaged"),
  ],
)
def test_what_is_no_picture_is_named(tmp_path, content, message):
  path = tmp_path / "bad.png"
  path.write_bytes(content)
  with pytest.raises(images.ImageError, match=message) as caught:
    images.read(path)
  assert str(path) in str(caught.value)
  assert "remove it" in str(caught.value)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
def test_truncated_is_an_error(file_format):
  data = encoded(Image.fromarray(picture(64, 64)), file_format)
  with pytest.raises(images.ImageError, match=r"cut: is (truncated|not)"):
    images.read(data[: len(data) * 2 // 3], name="cut")


def test_damaged_bytes_are_an_error():
  data = bytearray(encoded(Image.fromarray(picture(64, 64)), "PNG"))
  middle = len(data) // 2
  data[middle : middle + 20] = bytes(20)
  with pytest.raises(images.ImageError, match="truncated or damaged"):
    images.read(bytes(data), name="hurt.png")


def test_oversized_is_an_error(monkeypatch):
  data = encoded(Image.new("RGB", (40, 30)), "PNG")
  for limit in (1199, 500):  # over it, and over twice of it
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(images.ImageError, match="too large"):
      images.read(data, name="bomb.png")
  monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1200)
  assert images.read(data).shape == (30, 40, 3)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
def test_size_is_that_of_what_is_read(tmp_path, file_format):
  path = tmp_path / "picture"
  exif = Image.Exif()
  exif[0x0112] = 6  # on its side, which only TIFF's reader heeds
  Image.fromarray(picture(5, 7)).save(path, file_format, exif=exif)
  assert images.size(path) == images.read(path).shape[:2]


def test_size_reads_only_the_header(tmp_path):
  path = tmp_path / "cut.png"
  data = encoded(Image.fromarray(picture(64, 80)), "PNG")
  path.write_bytes(data[: len(data) // 2])
  assert images.size(path) == (64, 80)


@pytest.mark.parametrize(
  ("content", "message"), [(b"", "is empty"), (b"<html>", "is not a picture")]
)
def test_size_of_what_is_no_picture(tmp_path, content, message):
  path = tmp_path / "bad.png"
  path.write_bytes(content)
  with pytest.raises(images.ImageError, match=f"bad.png: {message}"):
    images.size(path)


def test_missing_file_keeps_its_own_error(tmp_path):
  with pytest.raises(FileNotFoundError, match=r"none\.png"):
    images.read(tmp_path / "none.png")
  with pytest.raises(FileNotFoundError, match=r"none\.png"):
    images.size(tmp_path / "none.png")


def test_image_error_survives_a_process_boundary():
  import pickle

  error = pickle.loads(pickle.dumps(images.ImageError("a.png: is empty")))
  assert isinstance(error, ValueError)
  assert str(error) == "a.png: is empty"


@pytest.mark.parametrize("extension", ["png", "bmp", "tif", "ppm", "PNG"])
@pytest.mark.parametrize("channels", [1, 3])
def test_write_then_read(tmp_path, extension, channels):
  array = picture(channels=channels)
  path = tmp_path / "new" / f"a.{extension}"
  images.write(path, array)
  expected = np.broadcast_to(array, (5, 7, 3))
  np.testing.assert_array_equal(images.read(path), expected)
  assert os.listdir(path.parent) == [path.name]


def test_written_files_have_the_usual_permissions(tmp_path):
  (tmp_path / "plain").write_bytes(b"")
  images.write(tmp_path / "a.png", picture())
  plain = (tmp_path / "plain").stat().st_mode
  assert (tmp_path / "a.png").stat().st_mode == plain


def test_quality_of_jpeg(tmp_path):
  array = picture(64, 64)
  images.write(tmp_path / "high.jpg", array, quality=95)
  images.write(tmp_path / "low.jpg", array, quality=20)
  high, low = ((tmp_path / n).stat().st_size for n in ("high.jpg", "low.jpg"))
  assert low < high / 2


def test_full_disk_names_the_path_and_keeps_the_old_file(tmp_path, monkeypatch):
  path = tmp_path / "a.png"
  images.write(path, picture(seed=1))

  def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")

  monkeypatch.setattr(files.os, "replace", full)
  with pytest.raises(OSError, match="disk is full") as caught:
    images.write(path, picture(seed=2))
  assert caught.value.errno == errno.ENOSPC
  assert str(path) in str(caught.value)
  assert os.listdir(tmp_path) == ["a.png"]
  np.testing.assert_array_equal(images.read(path), picture(seed=1))


def test_unwritable_folder_is_named(tmp_path):
  (tmp_path / "file").write_bytes(b"")
  with pytest.raises(OSError, match=r"file/a\.png"):
    images.write(tmp_path / "file" / "a.png", picture())


def test_transparent_jpeg_is_refused(tmp_path):
  with pytest.raises(images.ImageError, match=r"a\.jpg: cannot be stored"):
    images.write(tmp_path / "a.jpg", picture(channels=4))


@pytest.mark.parametrize("name", ["a.gif", "a.txt", "a"])
def test_unknown_ending_is_refused(tmp_path, name):
  with pytest.raises(images.ImageError, match="not an ending"):
    images.write(tmp_path / name, picture())


@pytest.mark.parametrize(
  "array", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 2), np.uint8)]
)
def test_what_is_no_picture_is_not_written(tmp_path, array):
  with pytest.raises(images.ImageError, match="cannot write an array"):
    images.write(tmp_path / "a.png", array)
  assert not os.listdir(tmp_path)


def test_list_is_sorted_by_whole_path_and_recursive(tmp_path):
  names = ["b/1.JPG", "a/2.png", "a.webp", "c.Jpeg", "a/x/3.tiff", "A.bmp"]
  for name in [*names, "a/notes.txt", ".hidden/4.png", "a/._2.png"]:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
  expected = sorted(str(tmp_path / name) for name in names)
  assert images.list_images(tmp_path) == expected


def test_list_follows_links_once(tmp_path):
  (tmp_path / "real").mkdir()
  (tmp_path / "real" / "a.png").write_bytes(b"")
  (tmp_path / "real" / "up").symlink_to(tmp_path)
  listed = images.list_images(tmp_path / "real")
  assert listed == [str(tmp_path / "real" / "a.png")]


@pytest.mark.parametrize("kind", ["missing", "empty", "file"])
def test_list_of_nothing_is_an_error(tmp_path, kind):
  folder = tmp_path / kind
  if kind == "empty":
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"")
  if kind == "file":
    folder.write_bytes(b"")
  with pytest.raises(images.ImageError, match="jpg, jpeg, png") as caught:
    images.list_images(folder)
  assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
  "method", ["nearest", "bilinear", "bicubic", "lanczos"]
)
@pytest.mark.parametrize("size", [(3, 11), (9, 4)])
def test_resize_is_pillows(method, size):
  array = picture(8, 6)
  filtering = getattr(Image.Resampling, method.upper())
  expected = Image.fromarray(array).resize(size[::-1], filtering)
  resized = images.resize(array, size, method)
  np.testing.assert_array_equal(resized, np.asarray(expected))


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_resize_takes_any_number_of_channels(channels):
  array = picture(8, 6, channels)
  resized = images.resize(array, (5, 9))
  assert resized.shape == (5, 9, channels)
  for channel in range(channels):
    plane = images.resize(array[..., channel], (5, 9))
    np.testing.assert_array_equal(resized[..., channel], plane)


def test_resize_keeps_label_numbers():
  labels = np.array([[0, 26001], [26002, 33]], np.int32)
  resized = images.resize(labels, (4, 4), "nearest")
  np.testing.assert_array_equal(resized, labels.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
  ("size", "method", "message"),
  [((0, 4), "bicubic", "0 x 4"), ((4, 4), "cubic", "expected one of")],
)
def test_resize_refuses(size, method, message):
  with pytest.raises(ValueError, match=message):
    images.resize(picture(), size, method)


def test_unit_range_and_back():
  values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
  unit = images.to_unit_range(values)
  assert unit.dtype == np.float32
  assert (unit.min(), unit.max()) == (-1, 1)
  back = images.to_uint8(unit)
  assert back.shape == (16, 16, 3)
  # Truncation may lose one level, never more.
  difference = values.astype(int) - back
  assert difference.min() == 0
  assert difference.max() <= 1


def test_to_uint8_truncates_and_clips():
  values = np.array([[[-1.5, -1.0, 254.99 / 127.5 - 1]]], np.float32)
  np.testing.assert_array_equal(images.to_uint8(values), [[[0, 0, 254]]])
  np.testing.assert_array_equal(
    images.to_uint8(np.full((1, 1, 1), 1.01)), [[[255, 255, 255]]]
  )


@pytest.mark.parametrize(
  ("array", "message"),
  [(np.full((2, 2, 3), np.nan), "NaN"), (np.zeros((2, 2, 4)), "4 channels")],
)
def test_to_uint8_refuses(array, message):
  with pytest.raises(ValueError, match=message):
    images.to_uint8(array)


def test_no_other_file_opens_pictures():
  package = pathlib.Path(images.__file__).parents[1]
  users = {
    str(path.relative_to(package))
    for path in package.rglob("*.py")
    if "Image.open(" in path.read_text()
  }
  assert users == {"images/files.py"}


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_rotating_by_right_angles_is_exact(quarters):
  array = picture()
  turned = images.rotate(array, 90 * quarters)
  np.testing.assert_array_equal(turned, np.rot90(array, quarters))
  plane = array[..., 0].astype(np.float32)
  turned = images.rotate(plane, 90 * quarters, "bilinear")
  np.testing.assert_array_equal(turned, np.rot90(plane, quarters))


def test_rotating_turns_counter_clockwise_and_keeps_everything():
  plane = np.zeros((41, 61), np.float32)
  plane[19:22, 50:53] = 1  # right of the centre, at (20.5, 30.5)
  turned = images.rotate(plane, 30, "bilinear")
  rows, columns = np.indices(turned.shape) + 0.5
  height, width = turned.shape
  assert turned.sum() == pytest.approx(9, rel=0.05)
  angle = np.radians(30)
  middle = [(turned * x).sum() / turned.sum() for x in (rows, columns)]
  np.testing.assert_allclose(
    middle,
    [height / 2 - 21 * np.sin(angle), width / 2 + 21 * np.cos(angle)],
    atol=0.6,
  )
  assert (height, width) >= (65, 73)  # what the turned rectangle spans


def test_channels_are_rotated_alike():
  array = picture(9, 12, 4).astype(np.float32)
  turned = images.rotate(array, 17)
  for channel in range(4):
    np.testing.assert_array_equal(
      turned[..., channel], images.rotate(array[..., channel], 17)
    )


def test_rotating_refuses_what_pillow_cannot():
  with pytest.raises(ValueError, match="method is 'lanczos'"):
    images.rotate(picture(), 10, "lanczos")
  with pytest.raises(ValueError, match="cannot rotate float64"):
    images.rotate(np.zeros((3, 3)), 10)


@pytest.mark.parametrize(
  ("mode", "extension", "stored", "dtype"),
  [
    ("L", "png", np.uint8, np.uint8),
    ("I;16", "png", np.uint16, np.int32),
    ("I;16", "tif", np.uint16, np.int32),
    ("I", "tif", np.int32, np.int32),
  ],
)
def test_integers_are_read_unchanged(tmp_path, mode, extension, stored, dtype):
  values = np.array([[0, 7, 255]], np.int64)
  if stored != np.uint8:
    values = np.array([[0, 300, 65535]], np.int64)
  path = tmp_path / f"a.{extension}"
  picture = Image.fromarray(values.astype(stored))
  assert picture.mode == mode
  picture.save(path)
  for source in (path, path.read_bytes()):
    found = images.read_integers(source)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, values)


def test_indices_of_a_palette_are_integers(tmp_path):
  picture = Image.new("P", (3, 1))
  picture.putpalette([9, 9, 9, 200, 0, 0, 9, 9, 9])
  picture.putdata([2, 1, 0])
  picture.save(tmp_path / "a.png", transparency=1)
  assert images.read_integers(tmp_path / "a.png").tolist() == [[2, 1, 0]]


def test_one_bit_is_0_and_1(tmp_path):
  Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
  assert images.read_integers(tmp_path / "a.png").tolist() == [[1, 0]]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "RGB"])
def test_colours_come_as_they_are_without_transparency(tmp_path, mode):
  picture = Image.new(mode, (2, 1), (7, 8, 9, 10)[: len(mode)])
  picture.save(tmp_path / "a.png")
  expected = 7 if mode == "LA" else [7, 8, 9]
  found = images.read_integers(tmp_path / "a.png")
  assert found.tolist() == [[expected, expected]]


def test_lossy_integers_are_refused(tmp_path):
  images.write(tmp_path / "a.jpg", np.zeros((8, 8), np.uint8))
  with pytest.raises(images.ImageError, match=r"a\.jpg: is a JPEG"):
    images.read_integers(tmp_path / "a.jpg")
  Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "a.tif")
  with pytest.raises(
    images.ImageError, match=r"a\.tif: holds values of mode F"
  ):
    images.read_integers(tmp_path / "a.tif")


def test_lossy_colours_are_read_where_they_may_be(tmp_path):
  images.write(tmp_path / "a.jpg", np.full((8, 8, 3), 100, np.uint8))
  found = images.read_integers(tmp_path / "a.jpg", lossy_colors=True)
  np.testing.assert_array_equal(found, images.read(tmp_path / "a.jpg"))
  images.write(tmp_path / "gray.jpg", np.full((8, 8), 1, np.uint8))
  with pytest.raises(images.ImageError, match=r"gray\.jpg: is a JPEG"):
    images.read_integers(tmp_path / "gray.jpg", lossy_colors=True)


@pytest.mark.parametrize("extension", ["png", "tiff"])
def test_16_bits_are_written(tmp_path, extension):
  array = np.array([[0, 1, 65535], [7, 256, 300]], np.uint16)
  path = tmp_path / f"a.{extension}"
  images.write(path, array)
  np.testing.assert_array_equal(images.read_integers(path), array)
  with pytest.raises(
    images.ImageError, match="cannot write an array of uint16"
  ):
    images.write(tmp_path / "a.jpg", array)


@pytest.mark.parametrize("thickness", [1, 3, 4.5])
def test_a_line_covers_what_is_near_enough(thickness):
  y, x = np.mgrid[:20, :30]
  for start, end in (
    ((4, 3), (20, 11)),
    ((22.5, 2.25), (8, 17)),
    ((-9, 30), (12, -2)),  # leaves the picture
    ((7, 9), (7, 9)),  # a dot
    ((60, 60), (70, 60)),  # outside
  ):
    canvas = np.full((20, 30), 5, np.uint8)
    images.draw_line(canvas, start, end, thickness, 9)
    steps = np.linspace(0, 1, 2001)[:, None, None]
    along = [a + steps * (b - a) for a, b in zip(start, end, strict=True)]
    distance = np.hypot(x - along[0], y - along[1]).min(0)
    sure = np.abs(distance - thickness / 2) > 1e-3
    np.testing.assert_array_equal(
      canvas[sure], np.where(distance < thickness / 2, 9, 5)[sure]
    )


def test_a_thin_line_has_no_gaps():
  canvas = np.zeros((12, 40), np.uint8)
  images.draw_line(canvas, (0, 0.5), (39, 10.2), 1, 1)
  assert canvas.any(0).all()


def test_polygons_cover_their_outline_and_the_last_wins():
  square = [(1, 1), (3, 1), (3, 2), (1, 2)]
  line = [(-5, 2), (2, 2)]
  np.testing.assert_array_equal(
    images.fill_polygons((4, 5), [square, line]),
    [
      [-1, -1, -1, -1, -1],
      [-1, 0, 0, 0, -1],
      [1, 1, 1, 0, -1],
      [-1, -1, -1, -1, -1],
    ],
  )
  assert (images.fill_polygons((2, 3), []) == -1).all()
