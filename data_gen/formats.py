"""The official file layouts, read without trust: MNIST's idx, CIFAR-10's binary and python versions.

Each reader checks the whole file (magic number, counts, length, labels) and raises DataError saying what the file is instead.
"""

import gzip
import io
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from .errors import DataError

IDX_IMAGES, IDX_LABELS = 2051, 2049  # idx magic numbers: unsigned bytes in three dimensions, in one
GZIP = b"\x1f\x8b"
CIFAR_ROW = 1 + 3 * 32 * 32  # a label and the red, green and blue planes


def read_bytes(path: Path) -> bytes:
    """The file's content, uncompressed if it is gzipped, also if it is gzipped twice.

    Its first bytes decide, since browsers may unpack a file and keep its name.
    """
    raw = path.read_bytes()
    try:
        for _ in range(2):
            if raw[:2] != GZIP:
                break
            raw = gzip.decompress(raw)
        return raw
    except EOFError:
        raise DataError(
            f"{path.name} is truncated: its gzip stream ends early, after {len(raw):,} bytes. Copy or download it again."
        ) from None
    except (OSError, zlib.error) as error:
        raise DataError(f"{path.name} is corrupted: gzip says {error}. Copy or download it again.") from None


# How files begin that are often found in the place of the right one.
BEGINNINGS = {
    b"version https://git-lfs": "a Git LFS pointer, a few lines in the place of the file: run git lfs pull where it came from",
    b"<!doctype html": "an HTML page, as a server sends it in the place of a file: download the file again",
    b"<html": "an HTML page, as a server sends it in the place of a file: download the file again",
    b"pk\x03\x04": "a zip archive: unpack it",
    b"\x1f\x8b": "a gzip file in gzip files: unpack it",
    b"bzh": "a bzip2 file: unpack it",
    b"\xfd7zxz": "an xz file: unpack it",
    b"\x93numpy": "an array of numpy, which no official layout has",
    b"\x89png": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89hdf": "an HDF5 file",
    b"\x80": "a Python pickle",
}


def _kind_of(content: bytes) -> str:
    """A sentence that says what a file is, for one that is not what it should be."""
    start = content[:200].lstrip(b" \r\n\t\xef\xbb\xbf").lower()
    for beginning, kind in BEGINNINGS.items():
        if start.startswith(beginning):
            return f"it is {kind}"
    if content[257:262] == b"ustar":
        return "it is a tar archive: unpack it"
    return f"it begins with {content[:4].hex(' ') or 'nothing'}"


def parse_idx(content: bytes, magic: int, name: str) -> np.ndarray:
    """The array in an idx file with the given magic number, uint8.

    Raises:
        DataError: the file has another magic number (the message says what it is), a wrong length, or images that are not 28x28.
    """
    kinds = {IDX_IMAGES: "images", IDX_LABELS: "labels"}
    found = int.from_bytes(content[:4], "big")
    if len(content) < 4 or found not in kinds:
        raise DataError(
            f"{name} is not an MNIST file: {_kind_of(content)}. An idx file of {kinds[magic]} begins with "
            f"{magic.to_bytes(4, 'big').hex(' ')} ({magic}). Put the official file there, gzipped or not."
        )
    if found != magic:
        raise DataError(
            f"{name} holds {kinds[found]} (magic number {found}) where {kinds[magic]} ({magic}) are needed: the two files are swapped. "
            "Rename them."
        )
    n_dimensions = content[3]
    shape = tuple(int.from_bytes(content[4 + 4 * d : 8 + 4 * d], "big") for d in range(n_dimensions))
    header = 4 + 4 * n_dimensions
    expected = header + int(np.prod(shape, dtype=np.int64))
    if len(content) != expected:
        state = "truncated" if len(content) < expected else "too long"
        raise DataError(
            f"{name} is {state}: its header announces {' x '.join(map(str, shape))} bytes, {expected:,} with the header, and it has "
            f"{len(content):,}. Copy or download it again."
        )
    if magic == IDX_IMAGES and shape[1:] != (28, 28):
        raise DataError(
            f"{name} holds images of {shape[1]} x {shape[2]}; MNIST's are 28 x 28. This is another data set."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def parse_keras_npz(content: bytes, split: str, name: str) -> list[bytes]:
    """A split of Keras's mnist.npz as the two idx files, images and labels, that it was made from.

    Raises:
        DataError: the file is no such archive, or lacks an array.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            images, labels = archive[f"x_{split}"], archive[f"y_{split}"]
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{name} is not Keras's mnist.npz, which holds x_{split} and y_{split}: {error}.") from None
    if images.dtype != np.uint8 or images.ndim != 3:
        raise DataError(f"{name}: x_{split} is {images.dtype} of shape {images.shape}, and MNIST's are bytes, (n, 28, 28).")
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or (labels.size and not 0 <= labels.min() <= labels.max() <= 255):
        raise DataError(f"{name}: y_{split} is no row of labels from 0 to 9.")
    return [
        bytes([0, 0, 8, array.ndim])
        + b"".join(length.to_bytes(4, "big") for length in array.shape)
        + array.astype(np.uint8).tobytes()
        for array in (images, labels)
    ]


def check_labels(labels: np.ndarray, n_images: int, name: str) -> None:
    """Raise DataError unless there is one label in 0 .. 9 for each image."""
    if len(labels) != n_images:
        raise DataError(
            f"{name} has {len(labels):,} labels for {n_images:,} images: the files are of different splits. Replace one of them."
        )
    if labels.size and int(labels.max()) > 9:
        first = int(np.argmax(labels > 9))
        raise DataError(
            f"{name} has labels out of range: {int(labels[first])} at position {first:,}, where 0 to 9 are possible. "
            "This is another data set (EMNIST letters, CIFAR-100?) or a corrupted file."
        )


def parse_cifar_binary(content: bytes, name: str) -> np.ndarray:
    """The rows of a CIFAR-10 binary batch, uint8 (n, 3073): a label, then the red, green and blue planes.

    Raises:
        DataError: the file is not a whole number of rows (CIFAR-100's have two labels), or has labels over 9.
    """
    if not content or len(content) % CIFAR_ROW:
        if content and len(content) % (CIFAR_ROW + 1) == 0:
            raise DataError(
                f"{name} is CIFAR-100's binary layout (rows of 3,074 bytes, two labels each); CIFAR-10's rows have 3,073 bytes."
            )
        if content and content[0] > 9:
            raise DataError(f"{name} is not a CIFAR-10 batch: {_kind_of(content)}. Put the official file there.")
        raise DataError(
            f"{name} is truncated or not a CIFAR-10 batch: {len(content):,} bytes are not a whole number of rows of 3,073 (the official "
            "batches have 30,730,000). Copy or download it again."
        )
    rows = np.frombuffer(content, np.uint8).reshape(-1, CIFAR_ROW)
    check_labels(rows[:, 0], len(rows), name)
    return rows


def parse_cifar_python(content: bytes, name: str) -> np.ndarray:
    """The rows of a CIFAR-10 python batch, in the binary layout: uint8 (n, 3073).

    A pickle may call any function when it is read. This reader knows arrays, lists, dictionaries, strings and numbers.

    Raises:
        DataError: the pickle wants to call another function (the message names it; nothing is called), or holds something else.
    """
    try:
        batch = _ArraysAndLists(io.BytesIO(content), encoding="bytes").load()
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    except Exception as error:  # noqa: BLE001 (a damaged pickle can fail in any way)
        raise DataError(
            f"{name} is truncated, corrupted or not a CIFAR-10 python batch: {_kind_of(content)} "
            f"({type(error).__name__}: {' '.join(str(error).split())})."
        ) from None
    batch = {k.decode() if isinstance(k, bytes) else k: v for k, v in batch.items()} if isinstance(batch, dict) else {}
    if "fine_labels" in batch:
        raise DataError(f"{name} is a batch of CIFAR-100 (it has fine and coarse labels), not of CIFAR-10.")
    data, labels = batch.get("data"), batch.get("labels")
    if not (
        isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.ndim == 2 and data.shape[1] == CIFAR_ROW - 1
    ):
        raise DataError(
            f"{name} is not a CIFAR-10 python batch: it needs 'data', an array of bytes with 3,072 columns."
        )
    if isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iu":
        labels = labels.tolist()
    if not (isinstance(labels, list) and all(isinstance(label, int) for label in labels)):
        raise DataError(f"{name} is not a CIFAR-10 python batch: it needs 'labels', a list of integers.")
    labels = np.array(labels, np.int64)
    if labels.size and labels.min() < 0:
        raise DataError(f"{name} has labels out of range: {labels.min()}, where 0 to 9 are possible.")
    check_labels(labels, len(data), name)
    return np.ascontiguousarray(np.concatenate([labels.astype(np.uint8)[:, None], data], axis=1))


def _latin1(text: str, encoding: str) -> bytes:
    """Stands for `_codecs.encode(text, "latin1")`, by which Python 3 writes bytes into an old pickle, and for no other codec."""
    if encoding not in ("latin1", "latin-1"):
        raise DataError(f"the pickle asks for the codec {encoding!r}, which no CIFAR-10 batch needs: not read.")
    return text.encode("latin1")


_reconstruct = np.empty(0).__reduce__()[0]  # makes an empty array; its content follows as data


def _from_buffer(
    content: bytes | bytearray, dtype: np.dtype, shape: tuple[int, ...], order: Literal["C", "F"], axis_order: None = None
) -> np.ndarray:
    """Stands for the function by which numpy writes an array into a pickle of protocol 5."""
    if not isinstance(content, bytes | bytearray):
        raise DataError(f"the pickle makes an array of a {type(content).__name__}, which no CIFAR-10 batch needs: not read.")
    return np.frombuffer(content, dtype).reshape(shape, order=order)


class _ArraysAndLists(pickle.Unpickler):
    ALLOWED: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,  # the name in numpy 1, and in the official files
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy.core.numeric", "_frombuffer"): _from_buffer,
        ("numpy._core.numeric", "_frombuffer"): _from_buffer,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _latin1,
    }

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self.ALLOWED:
            raise DataError(
                f"the pickle wants to call {module}.{name}, which no CIFAR-10 batch needs: not read. "
                "Use the binary version (python -m data_gen fetch cifar10)."
            )
        return self.ALLOWED[module, name]
