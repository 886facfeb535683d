"""The download against a real server on this machine: right bytes, and every way in which they can be wrong."""

import errno
import hashlib
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from data_gen import download
from data_gen.download import CATALOGUE, Remote, fetch
from data_gen.errors import DataError, MissingData

ROOT = Path(__file__).parents[2]
CONTENT = bytes(range(256)) * 300


def remote(server, *kinds: str, name: str = "file.gz", content: bytes = CONTENT) -> Remote:
    server.files[name] = content
    return Remote(
        name, len(content), hashlib.sha256(content).hexdigest(), tuple(f"{server.url}/{kind}/{name}" for kind in kinds)
    )


def get(tmp_path, *remotes: Remote, **options):
    options = {"rounds": 2, "pause": 0.01, "timeout": 5.0, "progress": False, **options}
    return fetch("set", cache=tmp_path, catalogue={"set": remotes}, **options)


def visible(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.name != ".lock")


def test_right_bytes_arrive_once(server, tmp_path):
    wanted = remote(server, "right")
    folder = get(tmp_path, wanted)
    assert (folder / "file.gz").read_bytes() == CONTENT
    get(tmp_path, wanted)
    assert server.requests == ["/right/file.gz"]
    assert visible(tmp_path) == ["file.gz"]


def test_a_downloaded_file_has_the_permissions_that_the_umask_leaves(server, tmp_path):
    before = os.umask(0o027)
    try:
        folder = get(tmp_path, remote(server, "right"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "file.gz").stat().st_mode) == 0o640
    assert visible(tmp_path) == ["file.gz"]


def test_a_damaged_file_in_the_cache_is_fetched_again(server, tmp_path):
    wanted = remote(server, "right")
    folder = get(tmp_path, wanted)
    (folder / "file.gz").write_bytes(CONTENT[:-1] + b"?")
    get(tmp_path, wanted)
    assert (folder / "file.gz").read_bytes() == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("wrong", "other bytes"),
        ("cut", "Incomplete|Connection|Chunked"),
        ("gone", "HTTP 404"),
        ("short", "76,793 bytes instead of 76,800"),
    ],
)
def test_a_bad_place_is_named_and_leaves_nothing(server, tmp_path, kind, said):
    with pytest.raises(MissingData, match=said) as caught:
        get(tmp_path, remote(server, kind))
    assert f"/{kind}/file.gz" in str(caught.value) and "--root DIR" in str(caught.value)
    assert visible(tmp_path) == []
    assert len(server.requests) == (1 if kind == "gone" else 2)  # a 404 is not asked again, the others are


@pytest.mark.parametrize("kind", ["wrong", "cut", "gone", "short"])
def test_the_next_mirror_is_tried(server, tmp_path, kind):
    folder = get(tmp_path, remote(server, kind, "right"))
    assert (folder / "file.gz").read_bytes() == CONTENT
    assert server.requests == [f"/{kind}/file.gz", "/right/file.gz"]


def test_no_server_at_all_is_an_error_with_advice(tmp_path):
    nowhere = Remote("file.gz", 3, "0" * 64, ("http://127.0.0.1:9/file.gz",))
    with pytest.raises(MissingData, match="ConnectionError(.|\n)*Check the network"):
        get(tmp_path, nowhere)


def test_retries_wait_longer_each_time(server, tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    server.failures = 3
    get(tmp_path, remote(server, "flaky"), rounds=4, pause=1.0)
    assert waits == [1.0, 2.0, 4.0]
    assert len(server.requests) == 4


@pytest.mark.slow
def test_two_processes_fetch_once(server, tmp_path):
    wanted = remote(server, "slow")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from data_gen.download import Remote, fetch\n"
        f"fetch('set', cache=Path({str(tmp_path)!r}), catalogue={{'set': ({wanted!r},)}}, progress=False)\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(ROOT)]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert server.requests == ["/slow/file.gz"]
    assert visible(tmp_path) == ["file.gz"]


def test_a_full_disk_is_named_and_leaves_nothing(server, tmp_path, monkeypatch):
    import pooch

    class FullDisk(pooch.HTTPDownloader):
        def __call__(self, url, output_file, pooch_):
            Path(output_file).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pooch, "HTTPDownloader", FullDisk)
    with pytest.raises(DataError, match="disk that holds .* is full.*MB free.*IB_TUTORIAL_CACHE"):
        get(tmp_path, remote(server, "right"))
    assert visible(tmp_path) == []


def test_an_unwritable_cache_is_named(server, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(DataError, match="IB_TUTORIAL_CACHE"):
        get(tmp_path / "cache", remote(server, "right"))


def tar_of(rows, extra: dict[str, bytes] | None = None) -> bytes:
    buffer = io.BytesIO()
    files = {f"cifar-10-batches-bin/{name}": batch.tobytes() for name, batch in zip(download.CIFAR_FILES, rows)}
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in {**files, **(extra or {})}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_the_cifar_archive_is_unpacked_and_official_from_then_on(server, cifar_rows, tmp_path, monkeypatch):
    from data_gen import load

    archive = tar_of(cifar_rows, {"../../escaped.bin": b"!", "cifar-10-batches-bin/readme.html": b"hello"})
    monkeypatch.setitem(CATALOGUE, "cifar10", (remote(server, "right", name="cifar.tar.gz", content=archive),))
    monkeypatch.setenv("IB_TUTORIAL_CACHE", str(tmp_path / "deep" / "cache"))
    first = load("cifar10", "train")
    again = load("cifar10", "train", offline=True)
    assert (first.source.name, first.source.origin) == ("cifar10", "download")
    assert (again.source.name, again.source.origin) == ("cifar10", "cache")
    assert len(server.requests) == 1
    assert visible(tmp_path) == sorted([*download.CIFAR_FILES, download.VERIFIED])

    batch = tmp_path / "deep/cache/cifar10/cifar-10-batches-bin/data_batch_3.bin"
    batch.write_bytes(batch.read_bytes()[:-1] + b"?")
    assert load("cifar10", "train", offline=True).source.name == "cifar10 (unrecognised content)"
    fetch("cifar10", progress=False)
    assert load("cifar10", "train", offline=True).source.name == "cifar10"


def test_offline_never_asks(server, monkeypatch):
    from data_gen import load

    monkeypatch.setitem(CATALOGUE, "mnist", (remote(server, "right"),))
    for call in (
        lambda: load("mnist", offline=True),
        lambda: (monkeypatch.setenv("IB_TUTORIAL_OFFLINE", "1"), load("mnist")),
    ):
        with pytest.raises(MissingData, match="python -m data_gen fetch mnist"):
            call()
    assert server.requests == []


def test_a_machine_without_pooch_is_told_what_to_do(monkeypatch):
    import importlib.util

    from data_gen import load

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "pooch" else real(name, *rest))
    with pytest.raises(MissingData, match="needs the package pooch(.|\n)*--data DIR"):
        load("cifar10")


def test_the_catalogue_is_the_official_one():
    """Sizes and hashes as the project's data notes give them; CIFAR-10 in its binary version, not the pickle."""
    assert [(r.name, r.size, r.sha256[:8]) for r in CATALOGUE["mnist"]] == [
        ("train-images-idx3-ubyte.gz", 9912422, "440fcabf"),
        ("train-labels-idx1-ubyte.gz", 28881, "3552534a"),
        ("t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b"),
        ("t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f9"),
    ]
    (archive,) = CATALOGUE["cifar10"]
    assert (archive.name, archive.size, archive.sha256[:8]) == ("cifar-10-binary.tar.gz", 170052171, "c4a38c50")
    json.dumps(CATALOGUE)
