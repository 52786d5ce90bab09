"""An array is built once, whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from image_data.cache import cached_array, digest, keras_home


@pytest.fixture
def build():
    """A builder of the numbers 0 .. 9 that counts its calls."""

    def write(path):
        write.calls += 1
        with path.open("wb") as file:
            np.save(file, np.arange(10, dtype=np.uint8))
        return {"calls": write.calls}

    write.calls = 0
    return write


def test_an_array_is_built_once_and_memory_mapped(build, tmp_path):
    for _ in range(2):
        array, record = cached_array("source", "state", 10, build, tmp_path)
        assert isinstance(array, np.memmap) and array.tolist() == list(range(10))
        assert record["calls"] == build.calls == 1


def test_another_state_replaces_the_older_array(build, tmp_path):
    cached_array("source", "state", 10, build, tmp_path)
    cached_array("other", "state", 10, build, tmp_path)
    cached_array("source", "newer", 10, build, tmp_path)
    assert build.calls == 3
    assert sorted(path.name for path in (tmp_path / "source").iterdir()) == ["newer.json", "newer.npy"]
    assert (tmp_path / "other" / "state.npy").is_file()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
def test_an_interrupted_build_is_not_taken_for_whole(interruption, build, tmp_path):
    def interrupted(path):
        path.write_bytes(b"half")
        raise interruption

    with pytest.raises(interruption):
        cached_array("source", "state", 10, interrupted, tmp_path)
    assert list((tmp_path / "source").iterdir()) == []
    assert cached_array("source", "state", 10, build, tmp_path)[0].tolist() == list(range(10))


def test_an_array_that_was_changed_is_built_again(build, tmp_path, capsys):
    cached_array("source", "state", 10, build, tmp_path)
    path = tmp_path / "source" / "state.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert cached_array("source", "state", 10, build, tmp_path)[0].tolist() == list(range(10))
    assert build.calls == 2 and f"{path}: was changed after it was written" in capsys.readouterr().out


def test_a_build_killed_between_its_two_files_is_done_again(build, tmp_path):
    cached_array("source", "state", 10, build, tmp_path)
    (tmp_path / "source" / "state.json").unlink()
    cached_array("source", "state", 10, build, tmp_path)
    assert build.calls == 2


def test_a_truncated_array_is_built_again(build, tmp_path):
    cached_array("source", "state", 10, build, tmp_path)
    path = tmp_path / "source" / "state.npy"
    path.write_bytes(path.read_bytes()[:-3])
    assert cached_array("source", "state", 10, build, tmp_path)[0].tolist() == list(range(10))
    assert build.calls == 2


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null", "\udcff"])
def test_a_damaged_record_is_no_record(content, build, tmp_path):
    cached_array("source", "state", 10, build, tmp_path)
    (tmp_path / "source" / "state.json").write_bytes(content.encode("utf-8", errors="surrogateescape"))
    assert cached_array("source", "state", 10, build, tmp_path)[0].tolist() == list(range(10))
    assert build.calls == 2


def test_an_array_of_other_contents_is_built_again(build, tmp_path):
    cached_array("source", "state", 10, build, tmp_path)
    path = tmp_path / "source" / "state.npy"
    path.write_bytes(b"x" * path.stat().st_size)
    assert cached_array("source", "state", 10, build, tmp_path)[0].tolist() == list(range(10))


def test_a_full_disk_is_said_before_anything_is_built(build, tmp_path):
    with pytest.raises(OSError, match="No space left"):
        cached_array("source", "state", 10**18, build, tmp_path)
    assert build.calls == 0


def test_a_user_without_a_home_keeps_arrays_until_the_end(build, without_home, capsys):
    for _ in range(2):
        array, _ = cached_array("source", "state", 10, build)
    assert build.calls == 1 and array.tolist() == list(range(10))
    folder = os.environ["HOME"]
    assert array.filename.is_relative_to(folder) and keras_home() == Path(folder) / ".keras"
    assert capsys.readouterr().out == (
        f"no home folder that can be written: caches are kept in {folder} until the end; see --cache_dir\n"
    )


def test_a_user_without_a_home_may_name_a_folder(build, without_home, capsys, tmp_path):
    array, _ = cached_array("source", "state", 10, build, tmp_path)
    assert array.filename.is_relative_to(tmp_path) and capsys.readouterr().out == ""


def test_a_home_that_cannot_be_written_is_no_home(build, without_home, capsys, tmp_path, monkeypatch):
    (tmp_path / ".keras").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    array, _ = cached_array("source", "state", 10, build)
    assert not array.filename.is_relative_to(tmp_path) and "--cache_dir" in capsys.readouterr().out
    with pytest.raises(OSError, match="Not a directory"):
        cached_array("source", "state", 10, build, tmp_path / ".keras" / "cache")


PROCESS = """
import sys, time
import numpy as np
from image_data.cache import cached_array

def build(path):
    print("built", flush=True)
    time.sleep(1)
    with path.open("wb") as file:
        np.save(file, np.arange(10, dtype=np.uint8))
    return {}

array, _ = cached_array("source", "state", 10, build, sys.argv[1])
assert array.tolist() == list(range(10))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_two_processes_build_one_array(tmp_path):
    command = [sys.executable, "-c", PROCESS, str(tmp_path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = [process.communicate(timeout=60)[0] for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert "".join(printed).count("built") == 1
    assert "".join(printed).count("waiting for it") == 2


def test_digest_tells_texts_apart():
    assert digest("a", "b") == digest("a", "b") != digest("ab")
    assert digest("\udcff") != digest("\udcfe"), "names of files need not be text"
