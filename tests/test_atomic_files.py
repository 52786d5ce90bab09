"""A file is there whole or not at all, and a folder is held by one process."""

import errno
import os

import numpy as np
import pytest

import atomic_files
from atomic_files import atomic_folder, atomic_path, held, sealed, unsealed, write_text


def test_an_exception_leaves_the_previous_file(tmp_path):
    path = tmp_path / "results.json"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("ne")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_appears_before_the_end(tmp_path):
    path = tmp_path / "vae.weights.h5"
    with atomic_path(path) as temporary:
        assert temporary.name.endswith(".weights.h5")
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole_or_stays_as_it_was(tmp_path):
    path = tmp_path / "export"
    for name in ("old", "new"):
        with atomic_folder(path) as temporary:
            (temporary / "within").mkdir()
            (temporary / "within" / name).touch()
            assert not (path / "within" / name).exists()
        assert [each.name for each in (path / "within").iterdir()] == [name]
    with pytest.raises(RuntimeError), atomic_folder(path) as temporary:
        (temporary / "half").touch()
        raise RuntimeError
    assert [each.name for each in (path / "within").iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_names_of_files_that_are_no_text_can_be_written(tmp_path):
    write_text(tmp_path / "report.html", f"caf\u00e9 {os.fsdecode(bytes([255]))}")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "caf\u00e9 \\udcff"


@pytest.fixture
def flock_fails(monkeypatch):
    """A function: an errno that every lock fails with from then on."""
    if not atomic_files.fcntl:
        pytest.skip("no locks here")
    atomic_files._say_that_nothing_is_held.cache_clear()

    def fail(number):
        def flock(descriptor, operation):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(atomic_files.fcntl, "flock", flock)

    return fail


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EBADF])
def test_a_file_system_without_locks_is_said_once_and_works(number, flock_fails, tmp_path, capsys):
    flock_fails(number)
    for _ in range(2):
        with held(tmp_path):
            (tmp_path / "written").touch()
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and f"has no locks ({os.strerror(number)})" in out


def test_a_folder_that_another_holds_and_errors_within_are_still_raised(flock_fails, tmp_path):
    with pytest.raises(OSError, match="No locks"), held(tmp_path):
        raise OSError(errno.ENOLCK, "No locks, said from within")
    flock_fails(errno.EWOULDBLOCK)
    with pytest.raises(BlockingIOError), held(tmp_path):
        pass
    flock_fails(errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), held(tmp_path):
        pass


def test_sealed_json_is_what_it_was_or_refused():
    values = {"a": [1.5, None], "name": "caf\u00e9", "checksums": {}}
    text = sealed(values)
    assert unsealed(text) == values and unsealed('{"a": 1}') == {"a": 1}
    with pytest.raises(ValueError, match="it was changed after it was written"):
        unsealed(text.replace("1.5", "1.6"))
    with pytest.raises(ValueError, match="its format is 2; this version reads 1"):
        unsealed(text.replace('"format": 1', '"format": 2'))
    with pytest.raises(ValueError, match="it holds a list"):
        unsealed("[1]")
    generator = np.random.default_rng(0)
    for position, bit in zip(generator.integers(0, len(text), 300), generator.integers(0, 8, 300), strict=True):
        changed = bytearray(text.encode())
        changed[position] ^= 1 << int(bit)
        try:
            found = unsealed(changed.decode(errors="replace"))
        except ValueError:
            continue
        assert {name: found.get(name) for name in values} == values  # white space, or the name of the checksum
