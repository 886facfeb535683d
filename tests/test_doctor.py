"""`python -m ib_tutorial doctor`: what it finds, what it makes of it, and how it exits."""

import importlib.metadata
import re
import shlex
import sys
import tomllib
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from typer.testing import CliRunner

from ib_tutorial import doctor
from ib_tutorial.cli import app
from ib_tutorial.experiments import EXPERIMENTS, recorded
from ib_tutorial.experiments.runner import config

ROOT = Path(__file__).resolve().parents[1]
AS_RECORDED = {"dense": 1.0, "convolutional": 1.0}


@pytest.fixture
def call(monkeypatch):
    """Call the command with a probe that is not run, on a processor."""
    monkeypatch.setattr(doctor, "probe", lambda device: AS_RECORDED)
    return lambda *arguments: CliRunner().invoke(app, ["doctor", *map(str, arguments)])


@pytest.fixture
def without(monkeypatch):
    """Make distributions look as if they were not installed."""
    version = importlib.metadata.version

    def hide(*names):
        def hidden(name):
            if name in names:
                raise importlib.metadata.PackageNotFoundError(name)
            return version(name)

        monkeypatch.setattr(importlib.metadata, "version", hidden)

    return hide


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path):
    monkeypatch.delenv("IB_TUTORIAL_DATA", raising=False)
    monkeypatch.setenv("IB_TUTORIAL_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("requirement", "here", "fits"),
    [
        ("torch>=2.9", "2.13.0+cpu", True),
        ("torch>=2.9", "2.8.1", False),
        ("jupyter-book>=1.0.4,<2", "1.0.4.post1", True),
        ("jupyter-book>=1.0.4,<2", "2.0.0", False),
        ("jupyter-book>=1.0.4,<2", "1.0.3", False),
        ("dask[distributed]>=2024.8", "2026.8.0", True),
        ("torch>=2.9", "unknown", False),
    ],
)
def test_versions_are_compared_as_numbers(monkeypatch, requirement, here, fits):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: here)
    assert doctor.package(requirement) == (requirement, here, fits)


def test_requirements_are_read_alike_from_the_checkout_and_from_an_installed_package(monkeypatch, tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [
        *project["dependencies"],
        *(f"{line}; extra == '{name}'" for name, each in extras.items() for line in each),
    ]
    expected = {"library": project["dependencies"], **extras}
    assert doctor.requirements() == expected
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: lines)
    assert doctor.requirements() == expected


def test_every_extra_has_a_purpose():
    assert set(doctor.requirements()) <= set(doctor.PURPOSES)


@pytest.mark.slow
def test_a_sound_machine_passes_and_is_told_what_it_has(call):
    result = call("--device", "cpu")
    assert result.exit_code == 0, result.output
    for said in (f"torch {torch.__version__}", "bfloat16", "GB free", "mnist5k, embedded: 4,000 and 1,000", "shapes32"):
        assert said in re.sub(r"[\s│┃]+", " ", result.output)
    assert f"{shlex.quote(sys.executable)} -m data_gen fetch mnist" in result.output
    assert "NEEDED" not in result.output


def test_missing_extras_are_said_with_the_command_and_do_not_fail(call, without):
    without("pooch", "joblib")
    result = call("--device", "cpu")
    assert result.exit_code == 0, result.output
    assert f"{shlex.quote(sys.executable)} -m pip install 'pooch>=1.8'" in result.output
    assert "joblib>=1.5: to use more than one process" in result.output


def test_a_library_that_cannot_run_fails_before_anything_is_imported(call, without, monkeypatch):
    without("torch")
    monkeypatch.setattr(doctor, "machine", lambda *_: pytest.fail("torch would be imported"))
    result = call()
    assert result.exit_code == 1
    assert f"NEEDED: torch>=2.9: {doctor.PURPOSES['library']}" in result.output
    assert "-m pip install 'torch>=2.9'" in result.output


@pytest.mark.parametrize(("device", "said"), [("cuda:7", "CUDA GPUs here"), ("tpu", "no device 'tpu'")])
def test_a_device_that_is_not_there_fails(call, device, said):
    result = call("--device", device)
    assert result.exit_code == 1 and said in result.output


def test_a_named_folder_that_is_not_there_fails(call, tmp_path):
    result = call("--device", "cpu", "--data", tmp_path / "nowhere")
    assert result.exit_code == 1 and "there is no such folder" in result.output


def test_a_folder_without_the_data_is_said(call, tmp_path):
    result = call("--device", "cpu", "--data", tmp_path)
    assert result.exit_code == 0 and f"no mnist train split in root={tmp_path}" in result.output


def test_a_file_that_is_not_what_it_should_be_is_said(tmp_path):
    for name in (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ):
        (tmp_path / name).write_bytes(b"not an idx file")
    found, problems = doctor.data_sets(tmp_path)
    assert found["mnist"] == "not readable"
    assert any("train-images-idx3-ubyte" in problem.what and "verify mnist" in problem.remedy for problem in problems)


def test_a_system_that_does_not_say_how_much_memory_it_has_is_no_error(monkeypatch, tmp_path):
    monkeypatch.delattr(doctor.os, "sysconf")
    found, _ = doctor.machine("cpu", tmp_path)
    assert found["memory"] == "not known"


def test_little_disk_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1e8))
    found, problems = doctor.machine("cpu", tmp_path)
    assert found["disk"] == "0 GB free" and "only 0.1 GB are free" in problems[-1].what


@pytest.fixture
def kept(tmp_path):
    """Keep a record of an experiment that took some seconds, in a folder; returns the folder."""

    def keep(name, profile, seconds, **changed):
        record = recorded("mnist_widths")
        record.experiment, record.profile, record.seconds = name, profile, seconds
        record.config = asdict(config(name, profile)) | changed
        record.write(tmp_path / f"{name}.{profile}.json")
        return tmp_path

    return keep


def test_estimates_are_the_records_seconds_scaled_by_the_probe(kept):
    kept("mnist_published", "paper", 500.0)
    kept("mnist_published", "reduced", 100.0)
    folder = kept("cifar_filters", "reduced", 100.0)
    costs = doctor.estimates({"dense": 3.0, "convolutional": 7.0}, jobs=2, folder=folder)
    assert costs["mnist_published"] == {"reduced": 150.0, "paper": 750.0}
    assert costs["cifar_filters"]["reduced"] == 350.0
    assert set(costs["vae_bound"].values()) == {None}


def test_without_a_record_of_the_paper_its_cost_follows_from_the_size(kept):
    folder = kept("total_correlation", "reduced", 100.0)
    paper = doctor.estimates(AS_RECORDED, jobs=1, folder=folder)["total_correlation"]["paper"]
    networks, epochs, images = (6 * 3) / (7 * 3), 200 / 60, 45_000 / 1_000  # at a quarter of the filters in both
    assert paper == pytest.approx(100.0 * networks * epochs * images, rel=0.1)  # cells that train nothing count too


def test_an_estimate_is_for_the_settings_of_today_and_not_for_those_of_the_record(kept):
    """A record of 3,000 images once stood for a profile that trains on 1,000."""
    today = config("total_correlation", "reduced").n_train
    folder = kept("total_correlation", "reduced", 300.0, n_train=3 * today)
    assert doctor.estimates(AS_RECORDED, jobs=1, folder=folder)["total_correlation"]["reduced"] == pytest.approx(100.0)


def test_the_share_of_the_filters_counts_by_its_square():
    module = EXPERIMENTS["activation_priors"]
    quarter, whole = (replace(module.Config(), width=width) for width in (0.25, 1.0))
    assert doctor.size(whole, module) == 16 * doctor.size(quarter, module)
    module = EXPERIMENTS["mnist_widths"]  # numbers of units are no shares
    assert doctor.size(replace(module.Config(), widths=(50,)), module) == doctor.size(replace(module.Config(), widths=(9,)), module)


def test_the_probe_measures_and_leaves_threads_and_random_state_alone():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    slower = doctor.probe("cpu", seconds=0.03)
    assert slower.keys() == AS_RECORDED.keys() and all(value > 0 for value in slower.values())
    assert torch.get_num_threads() == threads and torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (89, "89 s"), (100, "2 min"), (5400, "2 h"), (50 * 3600, "2 days"), (None, "no record")],
)
def test_durations_are_rounded_to_what_an_estimate_is_worth(seconds, said):
    assert doctor.duration(seconds) == said


def test_help_shows_examples(call):
    result = call("--help")
    assert result.exit_code == 0 and "python -m ib_tutorial doctor --device cuda" in result.output
