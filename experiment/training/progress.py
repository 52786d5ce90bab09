"""Bars of progress: on a terminal and in a notebook, and none in a file."""

from tqdm.auto import tqdm
from tqdm.notebook import tqdm_notebook

IN_NOTEBOOK = issubclass(tqdm, tqdm_notebook)  # as tqdm.auto has found
SHOWN = {} if IN_NOTEBOOK else {"disable": None}  # None: shown where standard error is a terminal


def progress_bar(name, num_images):
    """A bar that counts images."""
    return tqdm(total=num_images, desc=name, unit=" images", dynamic_ncols=True, **SHOWN)
