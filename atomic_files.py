"""Files that are there whole or not at all, and folders that one process holds at a time."""

import errno
import os
import shutil
from contextlib import contextmanager
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks: there, nobody watches
    fcntl = None

# What flock says on file systems that have no locks; EBADF, on some that would lock files but no folders.
WITHOUT_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}


@contextmanager
def atomic_path(path, num_bytes=0):
    """Yield a temporary path beside `path`; what was written there replaces `path` when the block ends.

    A process killed, a disk filled or an exception raised within the block leaves the previous file as it was. The
    temporary name keeps the file's suffixes, by which writers choose their format. Raises OSError that names the file;
    at once where the disk has no room for num_bytes, because HDF5 brings the interpreter down at the end of a disk.
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


def write_text(path, text):
    """Write a small text file atomically; bytes of file names that are no text are spelled out."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


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
