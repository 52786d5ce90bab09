"""A disk that fills while a run writes. Needs the right to mount a file system in memory."""

import csv
import json
import shutil
import subprocess
from contextlib import contextmanager

import numpy as np
from PIL import Image

from benchmarks.faults.trials import Trial, finish, last_line, printed
from experiment.files.checkpoints import weights_checksum

RUN = "full"
FIRST = ["--run_name", RUN, "--dataset", "digits", "--limit", "200", "--hidden_sizes", "32", "--num_epochs", "1"]
AGAIN = ["--resume", RUN, "--num_epochs", "2", "--every_epoch", "--tensorboard", "--codes", "--export", "savedmodel"]
AGAIN += ["--traverse", "0", "--interpolate", "0", "1", "--grid", "3"]
MEGABYTES = 100


class CannotMount(OSError):
    """This process has no right to mount a file system."""


def full_disk(count, generator, folder):
    """Continue a small run on a disk that has less room than it needs, by a random amount. Yields a Trial for each.

    The run is to end with one line that names the file and the reason. Files are whole: those from before, or new ones.
    """
    before, whole, small = folder / "before", folder / "whole", folder / "small"
    if finish(before, FIRST):
        raise RuntimeError(printed(before))
    shutil.copytree(before, whole)
    if finish(whole, AGAIN):
        raise RuntimeError(printed(whole))
    needed = sum(path.stat().st_size for path in whole.rglob("*") if path.is_file())
    small.mkdir()
    for _ in range(count):
        with in_memory(small):
            shutil.copytree(before, small, dirs_exist_ok=True)
            (small / "log.txt").unlink()
            room = int(needed * generator.uniform(0.0, 1.0))
            fill(small, room)
            yield end_of(small, before, room)


def end_of(small, before, room):
    """The Trial of the run on a disk with so much room, in bytes."""
    log = before.parent / "logs"  # elsewhere: what is printed needs room, too
    shutil.rmtree(log, ignore_errors=True)
    log.mkdir()
    code = finish(small, AGAIN, log=log / "log.txt")
    line = last_line(log)
    what = f"{room:,} bytes of room, exit {code}, {line[:160]}"
    problems = []
    if code == 0 and "No space left" in printed(log):
        problems.append("ends with 0")
    if code and not ("error: " in line and "No space left on device" in line and "/" in line):
        problems.append("no line that names the file and the reason")
    if "Traceback" in printed(log):
        problems.append("a traceback")
    for path in sorted(small.rglob("*")):
        name = path.relative_to(small)
        if not path.is_file() or name.name == "filler":
            continue
        if path.name.startswith(".tmp"):
            problems.append(f"{name} is left")
        elif not ((before / name).is_file() and (before / name).read_bytes() == path.read_bytes()) and not whole(path):
            problems.append(f"{name} is half-written")
    missing = [path.relative_to(before) for path in before.rglob("*") if path.is_file() and path.name != "log.txt"]
    problems += [f"{name} is gone" for name in missing if not (small / name).is_file()]
    return Trial(what, "; ".join(problems))


def whole(path):
    """Whether a file can be read to its end."""
    try:
        match path.suffix:
            case ".png" | ".gif":
                Image.open(path).load()
            case ".json":
                json.loads(path.read_text())
            case ".npz":
                dict(np.load(path))
            case ".csv":
                rows = list(csv.reader(path.open()))
                return len({len(row) for row in rows}) == 1
            case ".html":
                return path.read_text().rstrip().endswith("</html>")
            case ".h5":
                sums = path.with_name(f"{path.name}.sha256").read_text()
                return weights_checksum(path) in sums
    except (OSError, ValueError, SyntaxError):
        return False
    return True


@contextmanager
def in_memory(folder):
    """A small file system in memory at `folder`, while the block lasts."""
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", folder], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotMount(f"full_disk: cannot mount a file system in memory ({error}); run it as root") from error
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder, room):
    """Write a file that leaves so much room, in bytes."""
    free = shutil.disk_usage(folder).free
    (folder / "filler").write_bytes(bytes(max(0, free - room)))
