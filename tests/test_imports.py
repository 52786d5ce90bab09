"""The rooms of the house, and the arrows between them: a file imports from its own room and from lower ones."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
ROOMS = [
    "atomic_files",
    "image_data",
    "data_utils",
    "models",
    "experiment.settings",
    "experiment.files",
    "experiment.plan",
    "experiment.training",
    "experiment.evaluation",
    "experiment.export",
    "experiment.advice",
    "experiment.pictures",
    "experiment.tables",
    "experiment.report",
    "experiment.audit",
    "experiment.session",
    "experiment.run",
    "experiment.study",
    "experiment.api",
    "assignment",
]
OURS = {room.split(".")[0] for room in ROOMS} | {"benchmarks", "tests"}
NOT_MATHEMATICS = OURS - {"models"} | {"argparse", "matplotlib", "os", "pathlib", "time"}
MOST_FILES = 10  # of a room


def modules():
    """Name -> path of every file of the program."""
    folders = ("models", "experiment", "image_data")
    paths = [*PROJECT.glob("*.py"), *(path for folder in folders for path in (PROJECT / folder).rglob("*.py"))]
    named = {path: path.relative_to(PROJECT).with_suffix("").parts for path in sorted(paths)}
    return {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for path, parts in named.items()}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def height_of(module):
    """The place of a module's room among ROOMS, the lowest 0; None for a module that is in no room."""
    for height, room in enumerate(ROOMS):
        if module == room or module.startswith(f"{room}."):
            return height
    return None


MODULES = modules()
ARROWS = {name: {other for other in imports_of(path) if other in MODULES} for name, path in MODULES.items()}


def test_every_file_is_in_a_room():
    assert [name for name in MODULES if height_of(name) is None] == ["experiment"]  # the package itself


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_to_lower_rooms(name):
    for imported in imports_of(MODULES[name]):
        if imported.split(".")[0] in OURS and height_of(imported) is not None:
            assert height_of(imported) <= height_of(name), f"{name} imports {imported}, of a higher room"
        assert imported.split(".")[0] not in {"benchmarks", "tests"}
        if name.startswith("models"):
            assert imported.split(".")[0] not in NOT_MATHEMATICS, f"{name} imports {imported}"


def test_no_file_imports_itself_in_a_circle():
    TopologicalSorter(ARROWS).prepare()  # raises CycleError


def test_models_do_not_know_each_other_but_for_what_they_are_made_of():
    files = {"models.vae", "models.cvae", "models.m2", "models.hvae", "models.chvae", "models.chain"}
    known = {(name, other) for name in files for other in ARROWS[name] & files}
    with_labels, with_few = ("models.chvae", "models.hvae"), ("models.m2", "models.cvae")
    assert known == {with_labels, with_few}, "a CHVAE is an HVAE with labels, an M2 a CVAE with few"


def test_rooms_are_small_enough_to_be_seen_at_a_glance():
    folders = {path.parent for path in MODULES.values()} - {PROJECT}
    crowded = {folder.name: len([*folder.glob("*.py")]) - 1 for folder in folders}
    assert max(size for name, size in crowded.items() if name not in ("models", "image_data")) <= MOST_FILES
    entries = [each for each in (PROJECT / "experiment").iterdir() if not each.name.startswith("__")]
    assert len(entries) <= 15


@pytest.mark.parametrize("module", ["experiment.settings.config", "experiment.plan.comparison", "assignment"])
def test_the_command_line_starts_without_tensorflow_or_numpy(module):
    code = f"import sys, {module}; sys.exit(bool({{'tensorflow', 'keras', 'numpy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0
