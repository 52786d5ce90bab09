"""The machine and the commit that stand in the protocol."""

import os
import platform
import subprocess
from importlib.metadata import version

import pytest

from experiment.files import environment as made_with

INTEL = "processor\t: 0\nmodel\t\t: 143\nmodel name\t: Intel(R)  Xeon(R) CPU @ 2.80GHz\n\nprocessor\t: 1\n"
RASPBERRY = "processor\t: 0\nBogoMIPS\t: 108.00\n\nSerial\t\t: 1000\nModel\t\t: Raspberry Pi 5\n"


@pytest.fixture
def system(monkeypatch, tmp_path):
    """A function: the name of a system and the text of its cpuinfo -> what it is taken for."""

    def be(name, cpuinfo=None):
        monkeypatch.setattr(platform, "system", lambda: name)
        monkeypatch.setattr(platform, "machine", lambda: "riscv64")
        monkeypatch.setattr(made_with, "CPUINFO", tmp_path / "cpuinfo")
        if cpuinfo is not None:
            (tmp_path / "cpuinfo").write_text(cpuinfo)

    return be


@pytest.mark.parametrize(
    "cpuinfo, name",
    [
        (INTEL, "Intel(R) Xeon(R) CPU @ 2.80GHz"),
        (RASPBERRY, "Raspberry Pi 5"),
        ("model name\t:\nflags\t: fpu\n", "riscv64"),
        ("", "riscv64"),
    ],
)
def test_linux_names_its_cpu_in_a_file(system, cpuinfo, name):
    system("Linux", cpuinfo)
    assert made_with.cpu_name() == name


def test_other_systems_name_it_in_their_own_ways(system, tmp_path, monkeypatch):
    system("Darwin")
    command = tmp_path / "sysctl"
    command.write_text('#!/bin/sh\n[ "$*" = "-n machdep.cpu.brand_string" ] && echo "Apple M2"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert made_with.cpu_name() == "Apple M2"
    command.unlink()
    assert made_with.cpu_name() == "riscv64", "no sysctl"
    system("Windows")
    monkeypatch.setattr(platform, "processor", lambda: "AMD64 Family 25")
    assert made_with.cpu_name() == "AMD64 Family 25"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A function: arguments -> what git prints in a repository of one Python file, without the user's own settings."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "program.py").write_text("1\n")

    def git(*arguments):
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        command = ["git", "-C", str(folder), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    git.folder = folder
    return git


def test_the_commit_is_that_of_the_files(repository):
    folder = repository.folder
    assert made_with.commit_of(folder) == "", "nothing is committed"
    repository("add", "program.py")
    assert made_with.commit_of(folder) == "", "still nothing"
    repository("commit", "-m", "first")
    commit = repository("rev-parse", "HEAD")
    (folder / "outputs.txt").write_text("a file of a run is no change of the program")
    assert made_with.commit_of(folder) == commit
    (folder / "program.py").write_text("2\n")
    assert made_with.commit_of(folder) == f"{commit}+changes"


def test_a_program_that_the_repository_around_it_does_not_hold_has_no_commit(repository):
    repository("add", "program.py")
    repository("commit", "-m", "of another program")
    inner = repository.folder / "downloads/suite"
    inner.mkdir(parents=True)
    (inner / "assignment.py").touch()
    assert made_with.commit_of(inner) == ""


def test_without_git_or_a_repository_nothing_is_said(repository, tmp_path, monkeypatch):
    assert made_with.commit_of(tmp_path) == ""
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert made_with.commit_of(repository.folder) == ""


def test_a_git_that_asks_or_hangs_is_not_waited_for(tmp_path, monkeypatch):
    command = tmp_path / "git"
    command.write_text("#!/bin/sh\nread answer && echo $answer\nexec /bin/sleep 60\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(made_with, "PATIENCE", 0.2)
    assert made_with.commit_of(tmp_path) == ""


def test_the_environment_names_versions_and_no_folder(monkeypatch):
    monkeypatch.setattr(made_with, "commit_of", lambda folder: "")
    found = made_with.environment()
    assert found["versions"] | {"keras": version("keras"), "python": platform.python_version()} == found["versions"]
    assert found["cpu"] and found["cpus"] == os.cpu_count() and "commit" not in found
    assert str(made_with.PROGRAM) not in repr(found)
    assert (made_with.PROGRAM / "assignment.py").is_file()


def test_a_gpu_is_named(monkeypatch):
    monkeypatch.setattr(made_with.tf.config, "list_physical_devices", lambda kind: [kind])
    details = {"device_name": "NVIDIA A100", "compute_capability": (8, 0)}
    monkeypatch.setattr(made_with.tf.config.experimental, "get_device_details", lambda device: details)
    assert made_with.environment()["gpus"] == ["NVIDIA A100"]
