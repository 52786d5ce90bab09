"""The values that settings accept, and the words for them."""

from collections.abc import Callable
from typing import Any, NamedTuple

NEWEST = "newest"
MAX_SIDE = 4096  # of an image
MAX_LEVELS = 1_000  # of one shape
MAX_INT, MAX_FLOAT = 2**31 - 1, 1e30  # what 32-bit integers hold, and what stays finite in 32-bit sums
NOT_IN_NAMES = '/\\:*?"<>|'  # on one system or another
MAX_NAME = 100  # bytes; file systems allow 255, of which numbers and file names take some


class Rule(NamedTuple):
    """The values of a setting: how to parse text, which values are valid, and the words for errors and help."""

    parse: Callable[[str], Any]
    accepts: Callable[[Any], bool]
    expected: str
    metavar: str


def whole_number(minimum, maximum=None):
    def accepts(value):
        return type(value) is int and minimum <= value <= (maximum or MAX_INT)

    limits = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
    return Rule(int, accepts, f"a whole number {limits}", "N")


def number(accepts, expected):
    return Rule(float, lambda value: type(value) in (int, float) and accepts(value), expected, "X")


def one_of(*choices):
    return Rule(str, lambda value: value in choices, "one of " + ", ".join(choices), "NAME")


def some_of(*choices):
    def accepts(value):
        return isinstance(value, tuple) and set(value) <= {*choices} and len(set(value)) == len(value)

    return Rule(str, accepts, "one or more of " + ", ".join(choices), "NAME")


def level(text):
    """Parse the size of a level: '64' -> 64, a vector; '7x7x4' stays text, a map of 7x7 pixels and 4 channels."""
    return int(text) if text.removeprefix("-").isdecimal() else text


def level_shapes(size):
    """The shapes of the levels that a size stands for: ((64,),) for 64, ((7, 7, 4), (7, 7, 4)) for '7x7x4*2'."""
    shape, _, count = str(size).partition("*")
    return (tuple(map(int, shape.split("x"))),) * int(count or 1)


def are_levels(value):
    if not (isinstance(value, tuple) and value and all(type(size) in (int, str) for size in value)):
        return False
    try:
        levels = [level_shapes(size) for size in value]
    except ValueError:
        return False
    return all(
        1 <= len(shapes) <= MAX_LEVELS and len(shapes[0]) in (1, 3) and are_sizes(shapes[0]) for shapes in levels
    )


def are_sizes(value):
    is_filled = isinstance(value, tuple) and value != ()
    return is_filled and all(type(size) is int and 1 <= size <= MAX_INT for size in value)


def is_folder_name(value):
    if (
        not isinstance(value, str)
        or not value.isprintable()
        or len(value.encode()) > MAX_NAME
        or value.strip(". ") in ("", NEWEST)
    ):
        return False
    return not set(value) & set(NOT_IN_NAMES)


def is_image_size(value):
    sides = value if isinstance(value, tuple) and len(value) == 2 else (value,)
    return all(type(side) is int and 1 <= side <= MAX_SIDE for side in sides)


RUN = Rule(str, lambda value: isinstance(value, str) and value != "", "a run's name, folder or weights", "RUN")
NORMALIZATION = one_of("none", "batch", "instance")
IMAGE_SIZE = Rule(
    int, is_image_size, f"a whole number from 1 to {MAX_SIDE}, or two of them, the height and the width", "N"
)
SHARE = number(lambda value: 0 < value < 1, "a number between 0 and 1")
PATH = Rule(str, lambda value: isinstance(value, str) and value != "", "a path", "DIR")
FILE = PATH._replace(expected="the path of a file", metavar="FILE")
SWITCH = Rule(bool, lambda value: isinstance(value, bool), "true or false", "")
RUN_NAME = Rule(
    str,
    is_folder_name,
    f"the name of a folder, at most {MAX_NAME} bytes, without {NOT_IN_NAMES}, not {NEWEST!r}",
    "NAME",
)
LEVELS = Rule(
    level, are_levels, "whole numbers of at least 1, or maps such as 7x7x4, or several levels such as 7x7x4*2", "SIZE"
)
IMAGES = Rule(
    str,
    lambda value: isinstance(value, tuple) and all(isinstance(each, str) and each for each in value),
    "paths of image files, indices of test images, or class:NAME",
    "IMAGE",
)
UNITS = Rule(
    int,
    lambda value: isinstance(value, tuple) and all(type(each) is int and 0 <= each <= MAX_INT for each in value),
    "whole numbers of at least 0",
    "N",
)
WEIGHTS = Rule(
    float,
    lambda value: (
        isinstance(value, tuple) and all(type(each) in (int, float) and 0 <= each < MAX_FLOAT for each in value)
    ),
    "numbers of at least 0",
    "X",
)
AT_LEAST_0 = number(lambda value: 0 <= value < MAX_FLOAT, "a number of at least 0")
ABOVE_0 = number(lambda value: 1 / MAX_FLOAT < value < MAX_FLOAT, "a number above 0")
SIZES = Rule(int, are_sizes, "whole numbers of at least 1, such as 400 400", "N")
BANDS = Rule(
    int,
    lambda value: value == () or (are_sizes(value) and len(value) in (1, 3)),
    "the number of one band or of three, counted from 1, such as 4 3 2",
    "N",
)
