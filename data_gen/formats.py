"""The official file layouts, read without trust: MNIST's idx, CIFAR-10's binary and python versions.

Each reader checks the whole file (magic number, counts, length, labels) and raises DataError saying what the file is instead.
"""

import gzip
import zlib
from pathlib import Path

import numpy as np

from .errors import DataError

IDX_IMAGES, IDX_LABELS = 2051, 2049  # idx magic numbers: unsigned bytes in three dimensions, in one
CIFAR_ROW = 1 + 3 * 32 * 32  # a label and the red, green and blue planes


def read_bytes(path: Path) -> bytes:
    """The file's content, uncompressed if it is gzipped (told from its first bytes: browsers unpack files and keep the name)."""
    raw = path.read_bytes()
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        return gzip.decompress(raw)
    except EOFError:
        raise DataError(f"{path.name} is truncated: its gzip stream ends early, after {len(raw):,} bytes. Copy or download it again.") from None
    except (OSError, zlib.error) as error:
        raise DataError(f"{path.name} is corrupted: gzip says {error}. Copy or download it again.") from None


def parse_idx(content: bytes, magic: int, name: str) -> np.ndarray:
    """The array in an idx file with the given magic number, uint8.

    Raises DataError for another magic number (naming what it is), a wrong length, or images that are not 28x28.
    """
    kinds = {IDX_IMAGES: "images", IDX_LABELS: "labels"}
    found = int.from_bytes(content[:4], "big")
    if len(content) < 4 or found not in kinds:
        raise DataError(
            f"{name} is not an MNIST file: it begins with {content[:4].hex(' ') or 'nothing'}, and an idx file of {kinds[magic]} with "
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
        raise DataError(f"{name} holds images of {shape[1]} x {shape[2]}; MNIST's are 28 x 28. This is another data set.")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def check_labels(labels: np.ndarray, n_images: int, name: str) -> None:
    """Raise DataError unless there is one label in 0 .. 9 for each image."""
    if len(labels) != n_images:
        raise DataError(f"{name} has {len(labels):,} labels for {n_images:,} images: the files are of different splits. Replace one of them.")
    if labels.size and int(labels.max()) > 9:
        first = int(np.argmax(labels > 9))
        raise DataError(
            f"{name} has labels out of range: {int(labels[first])} at position {first:,}, where 0 to 9 are possible. "
            "This is another data set (EMNIST letters, CIFAR-100?) or a corrupted file."
        )
