"""The notebook, run from its first cell to its last on a small run."""

from copy import deepcopy

import nbformat
import pytest
from conftest import PROJECT, QUICK
from nbclient import NotebookClient

NOTEBOOK = PROJECT / "notebooks/latent_traversal.ipynb"


@pytest.mark.slow
def test_the_notebook_runs(undrawn, trained, tmp_path):
    """On a VAE and, in the same kernel, once more on a conditional hierarchy."""
    book = nbformat.read(NOTEBOOK, as_version=4)
    cells = book.cells
    assert 'PROJECT / "model_ckpts/digits_vae"' in cells[1].source
    book.cells = []
    for flags in ([], ["--hierarchical", "--is_cvae", "--latent_size", "5", "4"]):
        trained(*QUICK, *flags)
        name = "digits_chvae" if flags else "digits_vae"
        folder = repr(str(tmp_path / "model_ckpts" / name))
        again = deepcopy(cells)
        again[1].source = again[1].source.replace('PROJECT / "model_ckpts/digits_vae"', folder)
        book.cells += again
    NotebookClient(book, timeout=240, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    pictures = [
        output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs if "data" in output
    ]
    assert sum("image/png" in output["data"] for output in pictures) == 2 * 2


def test_the_notebook_is_stored_with_its_pictures():
    book = nbformat.read(NOTEBOOK, as_version=4)
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert not [output for output in outputs if output.output_type == "error"]
