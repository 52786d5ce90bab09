"""Files that are complete or absent, JSON that is as it was written, and folders that one process holds at a time."""

import errno
import json
import os
import shutil
import zlib
from contextlib import contextmanager
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks, so folders are not locked there
    fcntl = None

FORMAT = 1  # of sealed JSON

# What flock says on file systems that have no locks; EBADF, on some that would lock files but no folders.
WITHOUT_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}


@contextmanager
def atomic_path(path, num_bytes=0):
    """Yield a temporary path beside `path`. At the end of the block, what was written there replaces `path`.

    A killed process, a full disk or an exception within the block leaves the previous file unchanged. The temporary
    name keeps the file's suffixes, because writers choose their format by them. HDF5 crashes the interpreter on a full
    disk, so the free space is checked first.

    Args:
        path: of the file.
        num_bytes: space that the file needs.

    Raises:
        OSError: the file cannot be written, or the disk has less than num_bytes free. It names the file.
    """
    path = Path(path)
    temporary = path.with_name(f".tmp-{path.name}")
    try:
        if num_bytes > shutil.disk_usage(path.parent).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path):
    """Yield a temporary folder beside `path`. At the end of the block it takes the place of `path`.

    A killed process, a full disk or an exception within the block leaves the previous folder unchanged.

    Raises:
        OSError: the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".tmp-{path.name}")
    shutil.rmtree(temporary, ignore_errors=True)  # of a process that was killed
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with open(file, "rb+") as written:
                    os.fsync(written.fileno())
        if path.exists():  # a folder with files in it cannot be replaced
            shutil.rmtree(path)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path, text):
    """Write a small text file atomically; bytes of file names that are no text are spelled out."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def sealed(values):
    """The JSON of a dict, with the number of this format, and a checksum of its values as the last of them."""
    seal = {"format": FORMAT, "checksum": _checksum(values)}
    return json.dumps({**values, **seal}, indent=2, allow_nan=False) + "\n"


def unsealed(text):
    """The dict of `sealed`; of a text without a checksum, as older versions wrote them, as it is.

    Raises: ValueError where it is no dict of JSON, not what was sealed, or of a newer format.
    """
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError(f"it holds a {type(values).__name__}")
    if (found := values.pop("format", FORMAT)) != FORMAT:
        raise ValueError(f"its format is {found}; this version reads {FORMAT}")
    if "checksum" in values and values.pop("checksum") != _checksum(values):
        raise ValueError("it was changed after it was written")
    return values


def _checksum(values):
    return f"{zlib.crc32(json.dumps(values).encode()):08x}"


@contextmanager
def held(folder, wait=False):
    """Hold a folder for this process while the block lasts; raises BlockingIOError where another holds it.

    On a file system without locks nothing is held, which is said once.
    """
    if not fcntl:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor, operation):
    try:
        fcntl.flock(descriptor, operation)
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        _say_that_nothing_is_held(os.fstat(descriptor).st_dev, error.strerror)


@cache
def _say_that_nothing_is_held(device, reason):
    """Once for each file system."""
    print(f"a file system here has no locks ({reason}): start no two programs at once on the same run or images")
