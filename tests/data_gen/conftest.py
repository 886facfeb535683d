"""A world of its own for each test: no cache, no named folder, small files, a local server."""

from pathlib import Path

import numpy as np
import pytest
from official_files import Folder, Server

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_world(tmp_path_factory, monkeypatch):
    """No test reads this machine's cache or a folder that the user named."""
    monkeypatch.setenv("IB_TUTORIAL_CACHE", str(tmp_path_factory.mktemp("cache")))
    for name in ("IB_TUTORIAL_DATA", "IB_TUTORIAL_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("THE REAL DATA ARE NOT HERE: ../shared/data is absent, so the real files were not tested")
    return folder


@pytest.fixture
def mnist_folder(tmp_path) -> Folder:
    return Folder(tmp_path / "mine")


@pytest.fixture
def cifar_rows() -> np.ndarray:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 256, (6, 20, 3073)).astype(np.uint8)
    rows[:, :, 0] = np.arange(20) % 10
    return rows


@pytest.fixture
def server():
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()
