"""The arrows between files point one way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
OURS = {"assignment", "data_utils", "image_data", "models", "experiment", "benchmarks"}
# A file may import from files of lower layers only; within a layer from none.
LAYERS = [
    [
        "experiment.presets",
        "experiment.published",
        "experiment.rules",
        "experiment.atomic",
        "experiment.interruption",
        "experiment.figures",
        "experiment.paths",
    ],
    ["experiment.refusals", "image_data.records", "image_data.decoding", "image_data.cache"],
    ["image_data.arrays", "image_data.photographs"],
    ["image_data.mnist", "image_data.folders", "image_data.sprites"],
    ["image_data.digits", "image_data.celeba"],
    ["data_utils"],
    ["models.distributions", "models.networks", "experiment.config"],
    ["experiment.resolution", "models.base", "models.objective"],
    ["experiment.runs", "models.losses", "models.vae", "models.cvae", "models.hvae", "models.chain"],
    ["models.chvae"],
    ["models"],
    [
        "experiment.studies",
        "experiment.checkpoints",
        "experiment.records",
        "experiment.preprocessing",
        "experiment.chosen",
    ],
    ["experiment.schedules", "experiment.images", "experiment.evaluation.latents"],
    ["experiment.evaluation.disentanglement.histogram", "experiment.evaluation.disentanglement.groups"],
    [f"experiment.evaluation.disentanglement.{name}" for name in ("mig", "dci", "sap", "modularity")],
    [f"experiment.evaluation.disentanglement.{name}" for name in ("factor_vae", "beta_vae")],
    ["experiment.training", "experiment.audit", "experiment.evaluation.likelihood"],
    ["experiment.evaluation.reconstruction", "experiment.evaluation.classification"],
    ["experiment.board", "experiment.units", "experiment.report.export"],
    ["experiment.report.explorer"],
    ["experiment.report.page"],
    ["experiment.gallery", "experiment.assessment", "experiment.validation"],
    ["experiment.exploration"],
    ["experiment.session", "experiment.comparison", "experiment.report.of_run", "experiment.report.of_study"],
    ["experiment.run"],
    ["experiment.study"],
    ["assignment"],
]
LAYER_OF = {module: index for index, layer in enumerate(LAYERS) for module in layer}


def modules():
    folders = ("models", "experiment", "image_data")
    paths = [*PROJECT.glob("*.py"), *(path for folder in folders for path in (PROJECT / folder).rglob("*.py"))]
    for path in sorted(paths):
        parts = path.relative_to(PROJECT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_file_has_its_layer():
    with_code = {name for name, path in modules() if any(imports_of(path)) or name in LAYER_OF}
    assert with_code == set(LAYER_OF)


@pytest.mark.parametrize("name, path", modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_point_downwards(name, path):
    for imported in imports_of(path):
        if imported.split(".")[0] in OURS:
            assert imported in LAYER_OF, f"{name} imports {imported}, which has no layer"
            assert LAYER_OF[imported] < LAYER_OF[name], f"{name} imports {imported}, which is not below it"
        if name.startswith("models"):
            assert imported.split(".")[0] not in {
                "experiment",
                "data_utils",
                "image_data",
                "argparse",
                "matplotlib",
                "os",
                "pathlib",
            }


@pytest.mark.parametrize("module", ["experiment.config", "experiment.studies", "assignment"])
def test_the_command_line_starts_without_tensorflow_or_numpy(module):
    code = f"import sys, {module}; sys.exit(bool({{'tensorflow', 'keras', 'numpy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0
