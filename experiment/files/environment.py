"""What a run was made with: the machine, the versions of what computes, and the commit of the program."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import tensorflow as tf

PROGRAM = Path(__file__).resolve().parents[2]
CPUINFO = Path("/proc/cpuinfo")
PATIENCE = 5.0  # seconds for another program to answer


def environment():
    """What the protocol says of the machine and the program: a dict.

    It holds cpu, cpus (logical cores), gpus (where there are some), versions, and commit (where the program is in a
    git repository). It names no folder, user or address of the machine.
    """
    gpus = [tf.config.experimental.get_device_details(each) for each in tf.config.list_physical_devices("GPU")]
    commit = commit_of(PROGRAM)
    return {
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        **({"gpus": [details.get("device_name", "unknown") for details in gpus]} if gpus else {}),
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("keras", "numpy")}
        | {"tensorflow": tf.__version__},
        **({"commit": commit} if commit else {}),
    }


def cpu_name():
    """The CPU's name as its maker gives it, 'Intel(R) Xeon(R) CPU @ 2.80GHz'; its architecture where it has none."""
    if platform.system() == "Linux" and CPUINFO.is_file():
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
        found = re.search(r"^(?:model name|Model|cpu model)[ \t]*:(.*)$", text, re.MULTILINE)
        name = found[1] if found else ""
    elif platform.system() == "Darwin":
        name = _answer("sysctl", "-n", "machdep.cpu.brand_string")
    else:
        name = platform.processor()
    return " ".join(name.split()) or platform.machine()


def cpu_flags():
    """What the CPU can do, in the words of Linux, such as 'amx_bf16': a set, empty where no Linux says it."""
    if not CPUINFO.is_file():
        return set()
    text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^flags[ \t]*:(.*)$", text, re.MULTILINE)
    return set(found[1].split()) if found else set()


def commit_of(folder):
    """The commit of a folder's files: '98614d5...', with '+changes' where they were changed since.

    Returns '' where git is missing, or no repository holds the folder.
    """
    if not _git(folder, "ls-files", "--", "*.py"):  # a folder that a repository around it ignores has no commit
        return ""
    status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no").splitlines()
    (commit,) = [line.split()[-1] for line in status if line.startswith("# branch.oid")] or [""]
    if not re.fullmatch("[0-9a-f]{40,64}", commit):
        return ""
    return commit + ("+changes" if any(not line.startswith("#") for line in status) else "")


def _git(folder, *arguments):
    """What git prints. It neither asks, nor takes locks, nor starts the programs that a repository may name."""
    return _answer("git", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments)


def _answer(*command):
    """What a command prints; '' if it is missing, fails, or takes longer than PATIENCE."""
    settings = os.environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            env=settings,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
