"""Random image files, most of them changed: read right, or refused by name."""

import io
import tracemalloc

import numpy as np
from PIL import Image, TiffImagePlugin

from benchmarks.faults.trials import Trial
from image_data.decoding import ImageForm, UnreadableImage, read_image

FORM = ImageForm(32, 3, "none")
RED, BLUE = (220, 30, 30), (20, 40, 200)
MODES = {  # those of each format that keep the two colours apart
    "JPEG": ("RGB", "CMYK"),
    "PNG": ("RGB", "RGBA", "P"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("RGB", "RGBA", "CMYK"),
    "BMP": ("RGB", "P"),
    "GIF": ("P",),
}
TOLERANCE = 45  # of CMYK and of palettes, in which the two colours are near others
TURNED = {1: 0, 3: 180, 6: 270, 8: 90}  # EXIF's orientation -> by how much the stored image is to be turned
MEGABYTES = 400  # no more memory than that for an image of some hundred pixels


def random_images(count, generator, folder):
    """Draw two colours side by side, in a random format, mode, size and orientation; change bytes of three in four.

    A file that is as it was written has its colours where they belong. Yields a Trial for each.
    """
    tracemalloc.start()
    for index in range(count):
        format_ = str(generator.choice(list(MODES)))
        content, what = draw(format_, generator)
        is_changed = generator.random() < 0.75
        if is_changed:
            content, change = changed(content, generator)
            what += f", {change}"
        path = folder / f"{index}.{generator.choice([format_.lower(), 'jpg', 'PNG'])}"
        path.write_bytes(content)
        tracemalloc.reset_peak()
        yield Trial(what, problem_of(path, is_changed))
        path.unlink()
    tracemalloc.stop()


def problem_of(path, is_changed):
    """What is wrong with how a file is read; "" for nothing."""
    try:
        pixels = read_image(path, FORM).pixels
    except UnreadableImage as reason:
        return "" if is_changed and str(reason) and "\n" not in str(reason) else f"refused: {reason}"
    except Exception as error:  # what a user would see as a traceback
        return f"{type(error).__name__}: {error}"
    if pixels.shape != FORM.shape or pixels.dtype != np.uint8:
        return f"{pixels.dtype} {pixels.shape}"
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    if peak > MEGABYTES:
        return f"{peak:.0f} MB of memory"
    if not is_changed:
        distance = np.abs(pixels[16, [4, 27]].astype(int) - [RED, BLUE]).max()
        return f"colours are {distance} away" if distance > TOLERANCE else ""
    return ""


def draw(format_, generator):
    """The bytes of an image file, red on the left and blue on the right, and what it is."""
    width, height = (int(side) for side in generator.integers(16, 300, 2))
    mode = str(generator.choice(MODES[format_]))
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:, : width // 2], pixels[:, width // 2 :] = RED, BLUE
    image = Image.fromarray(pixels)
    orientation, options = 1, {}
    if format_ in ("JPEG", "TIFF", "PNG", "WEBP") and mode != "P":
        orientation = int(generator.choice(list(TURNED)))
        image = image.rotate(-TURNED[orientation], expand=True)
        exif = Image.Exif()
        exif[0x0112] = orientation
        if format_ == "TIFF":
            options["tiffinfo"] = TiffImagePlugin.ImageFileDirectory_v2()
            options["tiffinfo"][0x0112] = orientation
        else:
            options["exif"] = exif
    if format_ == "JPEG":
        options |= {"quality": 95, "progressive": bool(generator.random() < 0.5)}
    if format_ == "WEBP":
        options["lossless"] = bool(generator.random() < 0.5)
    if format_ == "TIFF":
        options["compression"] = str(generator.choice(["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"]))
    file = io.BytesIO()
    image.convert(mode).save(file, format_, **options)
    return file.getvalue(), f"{format_} {mode} {width}x{height}, orientation {orientation}"


def changed(content, generator):
    """The bytes with a random change, and what it is."""
    kind = generator.integers(5)
    at = int(generator.integers(len(content)))
    if kind == 0:
        return content[:at], f"truncated to {at} of {len(content)} bytes"
    if kind == 1:
        return content[:at] + generator.bytes(20) + content[at:], f"20 bytes more at {at}"
    if kind == 2:
        return content[:at] + content[at + 20 :], f"20 bytes fewer at {at}"
    if kind == 3:
        return generator.bytes(at + 1), f"{at + 1} bytes of noise"
    array = np.frombuffer(content, np.uint8).copy()
    within = 200 if generator.random() < 0.5 else len(array)  # the headers, or all
    places = generator.integers(0, min(within, len(array)), 5)
    array[places] ^= np.uint8(1) << generator.integers(0, 8, 5).astype(np.uint8)
    return array.tobytes(), f"flipped bits of bytes {', '.join(map(str, sorted(places)))}"
