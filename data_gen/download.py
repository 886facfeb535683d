"""The cache and how it is filled: official files from their mirrors, checked by size and SHA-256, fetched once.

`fetch("mnist")` returns the folder in the cache that holds the files. A file appears there only when it is complete and right; two
processes that ask at the same time fetch once; a mirror that fails is followed by the next, and all of them by a pause and another
round. `CATALOGUE` is the table of what is fetched from where: tests pass one of their own.
"""

import errno
import hashlib
import importlib.util
import json
import logging
import os
import shutil
import stat
import tarfile
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .errors import DataError, MissingData

log = logging.getLogger(__name__)


class Remote(NamedTuple):
    """An official file: what it must be, and the places to try, in order."""

    name: str
    size: int  # bytes
    sha256: str
    urls: tuple[str, ...]


def _mnist(name: str, size: int, sha256: str) -> Remote:
    mirrors = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    )
    return Remote(name, size, sha256, tuple(mirror + name for mirror in mirrors))


CATALOGUE: dict[str, tuple[Remote, ...]] = {
    "mnist": (
        _mnist(
            "train-images-idx3-ubyte.gz", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        _mnist(
            "train-labels-idx1-ubyte.gz", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
        _mnist(
            "t10k-images-idx3-ubyte.gz", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        _mnist("t10k-labels-idx1-ubyte.gz", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ),
    # The binary version: the python version is a pickle, which runs code when it is read.
    "cifar10": (
        Remote(
            "cifar-10-binary.tar.gz",
            170_052_171,
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
        ),
    ),
}

CIFAR_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6)) + ("test_batch.bin",)
VERIFIED = "verified.json"  # SHA-256 of each file as it came out of an archive that was itself checked


def cache_folder() -> Path:
    """The folder in which downloads are kept: $IB_TUTORIAL_CACHE, or the platform's folder for caches."""
    if named := os.environ.get("IB_TUTORIAL_CACHE"):
        return Path(named)
    if importlib.util.find_spec("platformdirs") is None:  # a GPU machine with the training path only
        return Path.home() / ".cache" / "ib-tutorial"
    import platformdirs

    return Path(platformdirs.user_cache_dir("ib-tutorial", appauthor=False))


def fetch(
    name: str,
    *,
    cache: Path | None = None,
    catalogue: Mapping[str, tuple[Remote, ...]] = CATALOGUE,
    rounds: int = 4,
    pause: float = 1.0,
    timeout: float = 30.0,
    progress: bool = True,
) -> Path:
    """Make sure that the cache holds `name` ("mnist" or "cifar10"), and return its folder there.

    Each file is tried at each of its places in order. What is in the cache already is checked, and fetched again only if it is not right.

    Args:
        name: of the data set.
        cache: the folder; by default that of `cache_folder`.
        catalogue: what is fetched from where.
        rounds: how often all places are tried.
        pause: seconds to wait after the first round; each later pause is twice as long.
        timeout: seconds in which a place must answer.
        progress: whether a bar is drawn.

    Raises:
        MissingData: no place gives the right bytes; the message lists what each one gave. Or a package for downloads is not installed.
        DataError: there is no such data set, the disk is full, or the cache cannot be written.
    """
    if name not in catalogue:
        raise DataError(f"nothing to fetch is called {name!r}: there are {', '.join(sorted(catalogue))}.")
    for package in ("pooch", "filelock", "tqdm"):
        if importlib.util.find_spec(package) is None:
            raise MissingData(
                f"a download needs the package {package}, which is not installed. Run: pip install pooch filelock platformdirs tqdm, "
                "or name a folder that holds the official files (--data DIR, root=DIR or IB_TUTORIAL_DATA)."
            )
    import filelock

    folder = (cache or cache_folder()) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0.1)
        except filelock.Timeout:
            log.warning("another process is fetching %s; waiting for it", name)
            lock.acquire()
        try:
            for remote in catalogue[name]:
                if remote.name.endswith(".tar.gz"):
                    _fetch_archive(remote, folder, rounds, pause, timeout, progress)
                elif not _is_right(folder / remote.name, remote):
                    _download(remote, folder, rounds, pause, timeout, progress)
        finally:
            lock.release()
    except OSError as error:
        raise DataError(explain_os_error(error, folder, "Name another cache folder in IB_TUTORIAL_CACHE.")) from error
    return folder


def explain_os_error(error: OSError, target: Path, advice: str) -> str:
    """A message for a person about a failed write, which ends with `advice`."""
    if error.errno == errno.ENOSPC:
        where = target if target.is_dir() else target.parent
        free = f" ({shutil.disk_usage(where).free / 1e6:,.0f} MB free)" if where.is_dir() else ""
        return (
            f"the disk that holds {where} is full{free}. Nothing half-written was left. Free some space, or: {advice}"
        )
    return f"cannot write {target}: {error.strerror or error}. {advice}"


def _usual_mode(folder: Path) -> int:
    """The permissions of a file that is made in `folder`, as the umask says."""
    probe = folder / f".mode.{os.getpid()}"
    probe.touch()
    try:
        return stat.S_IMODE(probe.stat().st_mode)
    finally:
        probe.unlink()


def verified_files(folder: Path) -> dict[str, str]:
    """SHA-256 by file name, as recorded when an archive with the official hash was unpacked here; empty if none was."""
    try:
        return json.loads((folder / VERIFIED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _is_right(path: Path, remote: Remote) -> bool:
    return path.is_file() and path.stat().st_size == remote.size and _sha256(path) == remote.sha256


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(remote: Remote, folder: Path, rounds: int, pause: float, timeout: float, progress: bool) -> Path:
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    # Some servers label a .gz as an encoding, and requests would then unpack it on the way: ask for the bytes as they are.
    http = pooch.HTTPDownloader(progressbar=progress, timeout=timeout, headers={"Accept-Encoding": "identity"})

    def sized(url: str, output: str, pooch_: object) -> None:
        http(url, output, pooch_)
        size = Path(output).stat().st_size
        if size != remote.size:
            raise ValueError(f"sent {size:,} bytes instead of {remote.size:,}")

    places, said = list(remote.urls), {}
    for number in range(rounds):
        for url in list(places):
            try:
                # pooch writes to a temporary file beside the target, checks its hash, and only then renames it
                pooch.retrieve(url, f"sha256:{remote.sha256}", fname=remote.name, path=folder, downloader=sized)
                (folder / remote.name).chmod(_usual_mode(folder))  # a temporary file is its owner's alone
                return folder / remote.name
            except requests.RequestException as error:
                status = getattr(error.response, "status_code", None)
                said[url] = f"HTTP {status}" if status else f"{type(error).__name__}: {error}"
                if status is not None and 400 <= status < 500 and status not in (408, 429):
                    places.remove(url)  # it will say so again
            except ValueError as error:
                said[url] = "sent other bytes (SHA-256 differs)" if "hash" in str(error) else str(error)
            log.warning("%s: %s %s", remote.name, url, said[url])
        if not places:
            break
        if number + 1 < rounds:
            time.sleep(pause * 2**number)
    report = "".join(f"\n  {url}: {what}" for url, what in said.items())
    raise MissingData(
        f"{remote.name} could not be fetched ({remote.size:,} bytes, SHA-256 {remote.sha256[:12]}...):{report}\n"
        "Check the network and try again, or put the official files in a folder and name it with --root DIR (or IB_TUTORIAL_DATA)."
    )


def _fetch_archive(remote: Remote, folder: Path, rounds: int, pause: float, timeout: float, progress: bool) -> None:
    """Fetch the archive, unpack its six batches beside each other in one rename, and remove it (it is as large again)."""
    target = folder / "cifar-10-batches-bin"
    hashes = verified_files(target)
    if hashes and all(_sha256(target / name) == hashes.get(name) for name in CIFAR_FILES):
        return
    archive = folder / remote.name
    if not _is_right(archive, remote):
        _download(remote, folder, rounds, pause, timeout, progress)
    with tempfile.TemporaryDirectory(dir=folder) as scratch, tarfile.open(archive) as tar:
        unpacked = Path(scratch, target.name)
        unpacked.mkdir()
        hashes = {}
        for member in tar:
            name = Path(member.name).name
            if name in CIFAR_FILES and member.isfile():  # by name: nothing in the archive chooses where it is written
                with tar.extractfile(member) as file:  # type: ignore[union-attr] # None of what is no file
                    content = file.read()
                (unpacked / name).write_bytes(content)
                hashes[name] = hashlib.sha256(content).hexdigest()
        (unpacked / VERIFIED).write_text(json.dumps(hashes, indent=1), encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)
    archive.unlink()
