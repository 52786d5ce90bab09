"""Arrays that are built from files once, and memory-mapped afterwards.

    <cache>/<source>/<state>.npy    the array
                     <state>.json   its record, written last, so that an interrupted build never looks complete

`source` names what is read and in which form, `state` the present state of the files. If the files change, the array is
built again, and the older array is removed.
"""

import errno
import hashlib
import os
import zlib
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from atomic_files import atomic_path, held, sealed, unsealed, write_text

BYTES_AT_ONCE = 2**24
NOT_OURS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}  # of a home that is not for us


def keras_home():
    """Keras's folder for what it downloads, where our cache stands too."""
    if not os.environ.get("KERAS_HOME"):
        ensure_home()
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def ensure_home():
    """Give a user without a home folder a temporary one: Keras and matplotlib expect one as well."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = _temporary_folder().name


def default_folder():
    """Where arrays are kept: image_cache beside what Keras downloads, or a temporary folder where that cannot be."""
    folder = keras_home() / "image_cache"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno not in NOT_OURS:
            raise
        return Path(_temporary_folder().name)
    return folder if os.access(folder, os.W_OK) else Path(_temporary_folder().name)


@cache
def _temporary_folder():
    """A folder of this process, removed at its end."""
    folder = TemporaryDirectory(prefix="vae_home-")
    print(f"no home folder that can be written: caches are kept in {folder.name} until the end; see --cache_dir")
    return folder


def digest(*texts):
    """A short hash of texts of any length."""
    joined = "\0".join(texts).encode("utf-8", errors="surrogateescape")
    return hashlib.sha256(joined).hexdigest()[:16]


def cached_array(source, state, num_bytes, build, cache_dir=None):
    """A memory-mapped array and its record, built now or earlier.

    Args:
        source: name of the folder.
        state: name of the files.
        num_bytes: maximum size of the array.
        build: a function that writes the array to a path in numpy's format and returns a record for JSON.
        cache_dir: a folder (default: image_cache beside Keras's downloads).

    Returns:
        The array, and the record (a dict).
    """
    folder = (Path(cache_dir) if cache_dir else default_folder()) / source
    folder.mkdir(parents=True, exist_ok=True)
    array_path, record_path = folder / f"{state}.npy", folder / f"{state}.json"
    with _held_patiently(folder):
        found = _read(array_path, record_path)
        if found is None:
            record_path.unlink(missing_ok=True)
            with atomic_path(array_path, num_bytes) as temporary:
                record = build(temporary)
                record["array_bytes"] = temporary.stat().st_size
                record["array_checksum"] = _checksum(temporary)
            write_text(record_path, sealed(record))
            for outdated in {*folder.glob("*.npy"), *folder.glob("*.json")} - {array_path, record_path}:
                outdated.unlink()
            found = np.load(array_path, mmap_mode="r"), unsealed(record_path.read_text(encoding="utf-8"))
        return found


def _read(array_path, record_path):
    """The array and its record, or None if they are missing, incomplete, damaged or of another origin."""
    try:
        record = unsealed(record_path.read_text(encoding="utf-8"))
        if record["array_bytes"] != array_path.stat().st_size:
            return None
        if "array_checksum" in record and record["array_checksum"] != _checksum(array_path):
            print(f"{array_path}: was changed after it was written; the images are read again")
            return None
        return np.load(array_path, mmap_mode="r"), record
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _checksum(path):
    """The CRC-32 of a file: a second for a gigabyte, where decoding the images takes minutes."""
    checksum = 0
    with path.open("rb") as file:
        while piece := file.read(BYTES_AT_ONCE):
            checksum = zlib.crc32(piece, checksum)
    return checksum


@contextmanager
def _held_patiently(folder):
    with ExitStack() as stack:
        try:
            stack.enter_context(held(folder))
        except BlockingIOError:
            print(f"another process is reading the same images into {folder}; waiting for it")
            stack.enter_context(held(folder, wait=True))
        yield
