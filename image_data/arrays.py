"""Readers for array files, .npz and idx. They read the whole file, or raise an error that names it."""

import gzip
import zlib
from math import prod

import numpy as np

from image_data.splits import DataError

GZIP_MAGIC = b"\x1f\x8b"


def read_npz(path):
    """The arrays of an .npz file, by name. Raises DataError if it is damaged or another kind of file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # the parsers of numpy and zipfile raise many types of errors
        raise DataError(f"{path}: damaged or not an .npz file ({_first_line(error)})") from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise DataError(f"{path}: damaged or not an .npz file (it holds other things than arrays)")
    return arrays


def pick(arrays, names, path):
    """The arrays of these names.

    Args:
        arrays: name -> array.
        names: of the arrays to pick.
        path: of their file, for errors.

    Raises:
        DataError: an array is missing.
    """
    missing = [name for name in names if name not in arrays]
    if missing:
        raise DataError(f"{path}: expected arrays {', '.join(names)}, found no {', '.join(missing)}")
    return {name: arrays[name] for name in names}


def read_idx(path):
    """An idx file of unsigned bytes (LeCun's format: two zero bytes, type 8, rank, big-endian sizes, data).

    It may be gzipped, which its first bytes say and not its name: browsers unpack files and leave them their names.
    """
    content = path.read_bytes()
    if content.startswith(GZIP_MAGIC):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path}: damaged or not a gzip file ({_first_line(error)}); fetch it again") from error
    header_size = 4 + 4 * content[3] if len(content) > 3 and content[:3] == b"\0\0\x08" else 0
    shape = np.frombuffer(content[4:header_size], ">u4").tolist() if header_size <= len(content) else []
    if not shape or header_size + prod(shape) != len(content):
        raise DataError(f"{path}: expected an idx file of unsigned bytes, found other contents; fetch it again")
    return np.frombuffer(content, np.uint8, offset=header_size).reshape(shape)


def _first_line(error):
    return str(error).splitlines()[0] if str(error) else type(error).__name__
