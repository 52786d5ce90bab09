"""MNIST and its kin: right arrays, disjoint splits, and a one-line refusal of everything else."""

import gzip
import struct
import zipfile

import numpy as np
import pytest

from data_utils import load_dataset
from image_data import mnist
from image_data.mnist import IDX_FILES, NUM_VALIDATION
from image_data.splits import DataError

NUM_TRAIN, NUM_TEST = NUM_VALIDATION + 30, 20


@pytest.fixture(scope="module")
def arrays():
    generator = np.random.default_rng(0)
    return {
        "x_train": generator.integers(0, 256, (NUM_TRAIN, 28, 28), dtype=np.uint8),
        "y_train": generator.integers(0, 10, NUM_TRAIN, dtype=np.uint8),
        "x_test": generator.integers(0, 256, (NUM_TEST, 28, 28), dtype=np.uint8),
        "y_test": generator.integers(0, 10, NUM_TEST, dtype=np.uint8),
    }


def write_idx(folder, arrays):
    for name, file in IDX_FILES.items():
        header = struct.pack(f">BBBB{arrays[name].ndim}I", 0, 0, 8, arrays[name].ndim, *arrays[name].shape)
        (folder / file).write_bytes(gzip.compress(header + arrays[name].tobytes()))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("form", ["npz", "npz itself", "idx"])
def test_mnist_like_data_from_a_folder(name, form, arrays, tmp_path):
    if form == "idx":
        write_idx(tmp_path, arrays)
    else:
        np.savez(tmp_path / f"{name}.npz", **arrays)
    dataset = load_dataset(name, tmp_path / f"{name}.npz" if form == "npz itself" else tmp_path)
    assert dataset.image_shape == (28, 28, 1)
    assert [len(split.images) for split in dataset[:3]] == [30, NUM_VALIDATION, NUM_TEST]
    joined = np.concatenate([dataset.train.images, dataset.validation.images])
    np.testing.assert_array_equal(joined[..., 0], arrays["x_train"])
    np.testing.assert_array_equal(dataset.test.labels.argmax(axis=1), arrays["y_test"])
    assert dataset.test.labels.sum(axis=1).tolist() == [1] * NUM_TEST


@pytest.mark.parametrize("dataset, folder", [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
@pytest.mark.parametrize("given", [".", "torchvision", "torchvision/raw"])
def test_unpacked_files_where_torchvision_keeps_them(dataset, folder, given, arrays, tmp_path):
    raw = tmp_path / folder / "raw"
    raw.mkdir(parents=True)
    write_idx(raw, arrays)
    for path in list(raw.iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    found = load_dataset(dataset, tmp_path / given.replace("torchvision", folder))
    np.testing.assert_array_equal(found.test.images[..., 0], arrays["x_test"])


@pytest.mark.parametrize("name", ["{0}", "{1}", "{1}.gz", "{0}.gz", "{0}/{0}", "{1}/{1}"])
@pytest.mark.parametrize("is_gzipped", [True, False])
def test_files_under_their_common_names(name, is_gzipped, arrays, tmp_path):
    """Packed or not, whatever the name says: browsers unpack files and leave them their names."""
    write_idx(tmp_path, arrays)
    for file in IDX_FILES.values():
        content = (tmp_path / file).read_bytes()
        (tmp_path / file).unlink()
        unpacked = file.removesuffix(".gz")
        path = tmp_path / name.format(unpacked, unpacked.replace("-idx", ".idx"))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if is_gzipped else gzip.decompress(content))
    dataset = load_dataset("mnist", tmp_path)
    np.testing.assert_array_equal(dataset.test.images[..., 0], arrays["x_test"])
    np.testing.assert_array_equal(dataset.test.labels.argmax(axis=1), arrays["y_test"])


def test_limit_takes_the_first_images_of_each_split(arrays, tmp_path):
    np.savez(tmp_path / "mnist.npz", **arrays)
    dataset = load_dataset("mnist", tmp_path, limit=7)
    assert [len(split.images) for split in dataset[:3]] == [7, 7, 7]
    np.testing.assert_array_equal(dataset.train.images[..., 0], arrays["x_train"][:7])


def test_binarized_mnist_is_static_and_has_no_labels(tmp_path):
    generator = np.random.default_rng(0)
    sizes = {"x_train": 12, "x_valid": 5, "x_test": 4}
    arrays = {name: generator.integers(0, 2, (size, 784), dtype=np.uint8) for name, size in sizes.items()}
    np.savez(tmp_path / "binarized_mnist.npz", **arrays)
    dataset = load_dataset("binarized_mnist", tmp_path)
    assert [len(split.images) for split in dataset[:3]] == [12, 5, 4]
    assert set(np.unique(dataset.train.images)) == {0, 255}
    assert dataset.train.labels is None and dataset.label_names == ()


def test_grey_images_are_refused_as_binarized_mnist(tmp_path):
    for other in (np.full((3, 784), 0.5), np.zeros((0, 784)), np.zeros((3, 784), complex), np.zeros((3, 100))):
        np.savez(tmp_path / "binarized_mnist.npz", x_train=other, x_valid=other, x_test=other)
        with pytest.raises(DataError, match="expected x_train of .N, 784. zeros and ones"):
            load_dataset("binarized_mnist", tmp_path)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def test_damaged_npz_is_refused_by_name(arrays, tmp_path):
    for damage in (
        truncate,
        flip,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("<html>404</html>"),
    ):
        np.savez(tmp_path / "mnist.npz", **arrays)
        damage(tmp_path / "mnist.npz")
        with pytest.raises(DataError, match="mnist.npz: damaged or not an .npz file"):
            load_dataset("mnist", tmp_path)


def test_other_files_named_npz_are_refused(tmp_path):
    path = tmp_path / "mnist.npz"
    np.save(path.open("wb"), np.zeros(3))
    with pytest.raises(DataError, match="damaged or not an .npz file"):
        load_dataset("mnist", tmp_path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x_train", "text")
    with pytest.raises(DataError, match="it holds other things than arrays"):
        load_dataset("mnist", tmp_path)


def test_an_npz_of_pickles_is_refused(arrays, tmp_path):
    np.savez(tmp_path / "mnist.npz", **{**arrays, "x_train": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(DataError, match="damaged or not an .npz file"):
        load_dataset("mnist", tmp_path)


def short(path):
    path.write_bytes(gzip.compress(b"\0\0\x08\x03short"))


def huge(path):
    """A header whose sizes, multiplied in 64 bits, would overflow to nothing."""
    path.write_bytes(gzip.compress(struct.pack(">BBBB4I", 0, 0, 8, 4, 2**31, 2**31, 4, 1)))


def other(path):
    """What a server sends in place of a file that it does not have."""
    path.write_text("<html>404</html>")


@pytest.mark.parametrize("damage", [truncate, flip, short, huge, other])
def test_damaged_idx_is_refused_by_name(damage, arrays, tmp_path):
    write_idx(tmp_path, arrays)
    damage(tmp_path / IDX_FILES["x_test"])
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte.gz: .*fetch it again"):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"x_train": np.zeros((NUM_TRAIN, 32, 32), np.uint8)}, r"expected uint8 images \[N, 28, 28\]"),
        ({"x_train": np.zeros((NUM_TRAIN, 28, 28), np.float32)}, "found x_train float32"),
        ({"x_train": np.zeros((), np.uint8)}, "it is not mnist's file"),
        ({"y_train": np.full(NUM_TRAIN, "7")}, "expected whole labels from 0 to 9"),
        ({"y_train": np.zeros(3, np.uint8)}, r"y_train \[3\]"),
        ({"y_train": np.full(NUM_TRAIN, 10, np.uint8)}, "expected whole labels from 0 to 9"),
        ({"y_train": np.zeros(NUM_TRAIN, np.float32)}, "expected whole labels from 0 to 9"),
        ({"x_train": np.zeros((9, 28, 28), np.uint8), "y_train": np.zeros(9, np.uint8)}, "expected more than 5000"),
    ],
)
def test_arrays_of_another_form_are_refused(change, message, arrays, tmp_path):
    np.savez(tmp_path / "mnist.npz", **{**arrays, **change})
    with pytest.raises(DataError, match=message):
        load_dataset("mnist", tmp_path)


def test_missing_files_are_named(arrays, tmp_path):
    with pytest.raises(DataError, match="no such folder; expected mnist.npz or train-images"):
        load_dataset("mnist", tmp_path / "nowhere")
    write_idx(tmp_path, arrays)
    (tmp_path / IDX_FILES["y_test"]).unlink()
    with pytest.raises(DataError, match="found no t10k-labels-idx1-ubyte.gz; expected"):
        load_dataset("mnist", tmp_path)
    np.savez(tmp_path / "mnist.npz", x_train=arrays["x_train"])
    with pytest.raises(DataError, match="found no y_train, x_test, y_test"):
        load_dataset("mnist", tmp_path)
    with pytest.raises(DataError, match="binarized_mnist.npz: no such file"):
        load_dataset("binarized_mnist", tmp_path)


def test_offline_without_a_cache_says_what_works(tmp_path, monkeypatch):
    def fail():
        raise Exception("URL fetch failure")  # what Keras raises

    import keras

    monkeypatch.setattr(keras.datasets.mnist, "load_data", fail)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(DataError, match="mnist.npz .*URL fetch failure.*--data_dir.*--dataset digits"):
        load_dataset("mnist")


def test_keras_cache_is_used_without_a_download(arrays, tmp_path, monkeypatch):
    (tmp_path / "datasets").mkdir()
    np.savez(tmp_path / "datasets" / "mnist.npz", **arrays)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(mnist, "_download", lambda *_: pytest.fail("tried to download"))
    assert len(load_dataset("mnist").train.images) == 30


def test_a_half_downloaded_cache_is_completed(arrays, tmp_path, monkeypatch):
    cache = tmp_path / "datasets" / "fashion-mnist"
    cache.mkdir(parents=True)
    (cache / IDX_FILES["x_train"]).write_bytes(b"")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(mnist, "_download", lambda name, cached: write_idx(cached, arrays))
    assert load_dataset("fashion_mnist").label_names[-1] == "ankle boot"


@pytest.mark.parametrize("name", ["mnist", "binarized_mnist"])
def test_real_data_has_its_published_sizes(name, real_data):
    dataset = load_dataset(name, real_data(name))
    expected = {"mnist": [55_000, 5_000, 10_000], "binarized_mnist": [50_000, 10_000, 10_000]}[name]
    assert [len(split.images) for split in dataset[:3]] == expected
