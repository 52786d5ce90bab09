"""The notebook, run from its first cell to its last on a small run."""

import nbformat
import pytest
from conftest import PROJECT, QUICK
from nbclient import NotebookClient

NOTEBOOK = PROJECT / "notebooks/latent_traversal.ipynb"


@pytest.mark.parametrize(
    "flags", [[], ["--hierarchical", "--is_cvae", "--latent_size", "5", "4"]], ids=["vae", "chvae"]
)
def test_the_notebook_runs(trained, tmp_path, flags):
    trained(*QUICK, *flags)
    (run,) = (tmp_path / "model_ckpts").iterdir()
    book = nbformat.read(NOTEBOOK, as_version=4)
    parameters = book.cells[1]
    assert 'PROJECT / "model_ckpts/digits_vae"' in parameters.source
    folder = repr(str(run))
    parameters.source = parameters.source.replace('PROJECT / "model_ckpts/digits_vae"', folder)
    NotebookClient(book, timeout=240, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    pictures = [
        output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs if "data" in output
    ]
    assert sum("image/png" in output["data"] for output in pictures) == 2


def test_the_notebook_is_stored_with_its_pictures():
    book = nbformat.read(NOTEBOOK, as_version=4)
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert not [output for output in outputs if output.output_type == "error"]
