"""The package `benchmarks` stands beside the library and is not installed."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


@pytest.fixture(autouse=True)
def no_data_of_this_machine(tmp_path_factory, monkeypatch):
    """Neither a folder that the user named nor the cache: random numbers in the shape of MNIST and CIFAR-10."""
    monkeypatch.setenv("IB_TUTORIAL_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("IB_TUTORIAL_DATA", raising=False)
