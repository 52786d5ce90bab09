"""Tables as files: CSV for people and spreadsheets, NPZ for arrays. Rows are written as they come, never held."""

import csv
import shutil
from contextlib import ExitStack
from tempfile import TemporaryFile
from zipfile import ZipFile

import numpy as np

from atomic_files import atomic_path


def write_table(folder, stem, batches, names_of_units):
    """Write folder/stem.csv and folder/stem.npz, each whole or not at all. Returns their paths.

    Args:
        folder: that is there.
        stem: of the files' names.
        batches: dicts of name -> array [B, ...], an iterable of at least one. Their arrays have the same names, types
            and shapes but for B.
        names_of_units: of the columns of codes [B, units] in the .csv; in the .npz they are one array.
    """
    paths = folder / f"{stem}.csv", folder / f"{stem}.npz"
    with atomic_path(paths[0]) as table, atomic_path(paths[1]) as arrays, ExitStack() as stack:
        file = stack.enter_context(open(table, "w", newline="", encoding="utf-8", errors="surrogateescape"))
        rows, columns = csv.writer(file), {}
        for batch in batches:
            if not columns:
                rows.writerow([*(name for name in batch if name != "codes"), *names_of_units])
                columns = {name: Column(stack.enter_context(TemporaryFile(dir=folder))) for name in batch}
            for name, values in batch.items():
                columns[name].append(values)
            rows.writerows(zip(*map(_as_text, _flat(batch)), strict=True))
        with ZipFile(arrays, "w") as archive:
            for name, column in columns.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    column.write_to(entry)
    return paths


class Column:
    """An array that grows by its rows in a temporary file."""

    def __init__(self, file):
        self._file, self._num_rows, self._first = file, 0, None

    def append(self, values):
        """Add rows [B, ...]."""
        self._first = values[:0] if self._first is None else self._first
        self._file.write(np.ascontiguousarray(values, self._first.dtype).tobytes())
        self._num_rows += len(values)

    def write_to(self, entry):
        """Write the whole array [N, ...] in numpy's format."""
        header = {
            "descr": np.lib.format.dtype_to_descr(self._first.dtype),
            "fortran_order": False,
            "shape": (self._num_rows, *self._first.shape[1:]),
        }
        np.lib.format.write_array_header_1_0(entry, header)
        self._file.seek(0)
        shutil.copyfileobj(self._file, entry)


def _flat(batch):
    """The columns [B] of a batch; codes [B, units] have one for each unit."""
    for name, values in batch.items():
        yield from values.T if name == "codes" else (values,)


def _as_text(values):
    return [f"{value:.6g}" for value in values] if values.dtype.kind == "f" else values
