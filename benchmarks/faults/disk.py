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
DIGITS = ["--run_name", RUN, "--dataset", "digits", "--limit", "200", "--hidden_sizes", "32", "--num_epochs", "1"]
PHOTOGRAPHS = ["--run_name", RUN, "--dataset", "folder", "--data_dir", "photographs", "--cache_dir", "cache"]
PHOTOGRAPHS += ["--network", "mlp", "--hidden_sizes", "32", "--image_size", "16"]
ALL_FILES = ["--num_epochs", "2", "--every_epoch", "--tensorboard", "--codes", "--export", "savedmodel"]
ALL_FILES += ["--traverse", "0", "--interpolate", "0", "1", "--grid", "3"]
NUM_PHOTOGRAPHS = 40
MEGABYTES = 100


class CannotMount(OSError):
    """This process has no right to mount a file system."""


def full_disk(count, generator, folder):
    """Run on a disk that has less room than is needed, by a random amount. Yields a Trial for each.

    By turns, a run of digits is continued, and one of photographs begins, which writes an image cache too. Both write
    every kind of file. The run is to end with one line that names the file and the reason. Files are whole: those from
    before, or new ones.
    """
    kinds = []
    for kind in (a_run_of_digits, photographs):
        before, again = kind(folder / kind.__name__)
        after = folder / f"{kind.__name__}, with room"
        shutil.copytree(before, after)
        if finish(after, again):
            raise RuntimeError(printed(after))
        needed = size_of(after) - size_of(before)
        kinds.append((before, again, needed))
    small = folder / "small"
    small.mkdir()
    for index in range(count):
        before, again, needed = kinds[index % len(kinds)]
        with in_memory(small):
            shutil.copytree(before, small, dirs_exist_ok=True)
            room = int(needed * generator.uniform(0.0, 1.0))
            fill(small, room)
            yield end_of(again, small, before, room)


def size_of(folder):
    """The bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def a_run_of_digits(folder):
    """Train a small run in `folder`. Returns the folder, and the command that continues the run."""
    if finish(folder, DIGITS):
        raise RuntimeError(printed(folder))
    (folder / "log.txt").unlink()
    return folder, ["--resume", RUN, *ALL_FILES]


def photographs(folder):
    """Write photographs into `folder`. Returns the folder, and the command that trains on them."""
    images = folder / "photographs"
    images.mkdir(parents=True)
    for index in range(NUM_PHOTOGRAPHS):
        Image.linear_gradient("L").resize((16, 16)).rotate(9 * index).save(images / f"{index}.png")
    return folder, [*PHOTOGRAPHS, *ALL_FILES]


def end_of(command, small, before, room):
    """The Trial of a command on a disk with so much room, in bytes."""
    log = before.parent / "logs"  # elsewhere: what is printed needs room, too
    shutil.rmtree(log, ignore_errors=True)
    log.mkdir()
    code = finish(small, command, log=log / "log.txt")
    line = last_line(log)
    what = f"{before.name}, {room:,} bytes of room, exit {code}, {line[:160]}"
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
    missing = [path.relative_to(before) for path in before.rglob("*") if path.is_file()]
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
            case ".npy":
                np.load(path)
            case ".jsonl":
                return all(map(json.loads, path.read_text().splitlines()))
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
