import json
import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from ib_tutorial import __version__
from ib_tutorial.experiments import Record, load_record, recorded
from ib_tutorial.experiments import record as record_module
from ib_tutorial.experiments.record import commit, provenance

ROOT = Path(__file__).resolve().parents[2]
HERE = dict(device="CPU", precision="float32", threads=1, commit="c", code="0", versions={"torch": "2"})


def small(**changes):
    fields = dict(
        experiment="x", profile="smoke", config={"n": 1}, seeds=[0], commit="c", source={"name": "s", "sha256": "0"},
        device="CPU", versions={}, started="now", rows=[{"a": 1, "b": "u", "metric": "m", "value": 0.5}],
    )  # fmt: skip
    return Record(**(fields | changes))


def test_a_record_comes_back_as_it_was_written(tmp_path):
    small().write(tmp_path / "deep" / "x.smoke.json")
    assert load_record(tmp_path / "deep" / "x.smoke.json") == small()


def test_top_level_keys_are_those_that_the_design_names(tmp_path):
    small().write(tmp_path / "x.json")
    keys = set(json.loads((tmp_path / "x.json").read_text(encoding="utf-8")))
    assert {
        "experiment",
        "profile",
        "config",
        "seeds",
        "commit",
        "source",
        "device",
        "versions",
        "started",
        "seconds",
        "rows",
    } <= keys


def test_rows_are_found_by_their_entries():
    record = small(rows=[{"a": 1, "b": "u"}, {"a": 1, "b": "v"}, {"a": 2, "b": "u"}])
    assert record.select(a=1) == record.rows[:2]
    assert record.has({"a": 2, "b": "u"}) and not record.has({"a": 2, "b": "v"})


def test_a_write_that_fails_leaves_the_old_record_and_no_other_file(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    small().write(path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        small(profile="quick").write(path)
    assert load_record(path) == small()
    assert list(tmp_path.iterdir()) == [path]


def test_nan_is_not_written_into_a_record(tmp_path):
    with pytest.raises(ValueError):
        small(rows=[{"value": float("nan")}]).write(tmp_path / "x.json")


def written(**changes):
    """The text of a sound record, with changes."""
    record = small()
    record.add({"a": 2}, [{"metric": "m", "value": 1.0}], 1.0, HERE)
    return json.dumps(asdict(record) | changes)


GROUP = HERE | {"cells": [{"a": 2}]}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{", "Expecting"),
        ('{"experiment": "x"}', "it lacks commit, config"),
        (written(unknown=1), "it has the unknown unknown"),
        ("[]", "it holds a list"),
        ("3", "it holds a int"),
        (b"\xff\xfe", "utf-8"),
        (written(rows={}), "its rows is a dict, not a list"),
        (written(rows=[1]), "its rows are not all objects"),
        (written(seeds=["0"]), "its seeds are not all whole numbers"),
        (written(seconds="long"), "its seconds is a str, not a float"),
        (written(finished=1), "its finished is a int, not a bool"),
        (written(format=True), "its format is a bool, not a int"),
        (written(config=None), "its config is a NoneType"),
        (written(source={"name": "s"}), "its source lacks name or sha256"),
        (written(runs=[{"device": "CPU"}]), "one of its runs lacks cells, code, commit, precision, threads, versions"),
        (written(runs=[GROUP | {"cells": 3}]), "the cells of one of its runs are no list"),
        (written(runs=[GROUP, GROUP | {"threads": 2}]), "a cell stands in its runs twice"),
    ],
)
def test_a_file_that_is_no_record_is_refused_and_the_error_says_what_is_wrong(tmp_path, text, wrong):
    (tmp_path / "x.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=rf"x.json is not a record \(.*{wrong}.*--force"):
        load_record(tmp_path / "x.json")


def test_a_sound_record_is_read(tmp_path):
    (tmp_path / "x.json").write_text(written(), encoding="utf-8")
    assert load_record(tmp_path / "x.json").has({"a": 2})


def test_a_record_without_a_number_of_its_format_has_the_first_and_one_from_the_future_is_refused(tmp_path):
    old = json.loads(written())
    del old["format"], old["runs"]
    (tmp_path / "x.json").write_text(json.dumps(old), encoding="utf-8")
    assert load_record(tmp_path / "x.json").format == 1 and small().format == 2
    (tmp_path / "x.json").write_text(written(format=3), encoding="utf-8")
    with pytest.raises(ValueError, match="has format 3; this version reads up to 2"):
        load_record(tmp_path / "x.json")


def test_every_committed_record_loads():
    paths = [path for path in record_module.RECORDED.glob("*.json") if path.name != "benchmarks.json"]
    assert len(paths) >= 9 and all(load_record(path).rows for path in paths)


def test_every_cell_keeps_what_computed_it_and_the_record_joins_them():
    record = small(rows=[])
    elsewhere = HERE | {"device": "a GPU", "threads": 4, "versions": {"torch": "3", "numpy": "2"}}
    for seed, here in enumerate((HERE, elsewhere, HERE)):
        record.add({"seed": seed}, [{"metric": "m", "value": 0.5}], 2.0, here)
    assert [(run["device"], run["threads"], run["cells"]) for run in record.runs] == [
        ("CPU", 1, [{"seed": 0}, {"seed": 2}]),
        ("a GPU", 4, [{"seed": 1}]),
    ]
    assert record.device == "CPU and a GPU" and record.commit == "c"
    assert record.versions == {"torch": "2 and 3", "numpy": "2"} and record.seconds == 6.0


def test_a_cell_whose_rows_were_taken_out_stands_in_one_group_when_it_was_computed_again():
    record = small(rows=[])
    for here in (HERE, HERE | {"threads": 4}):
        record.rows.clear()
        record.add({"seed": 0}, [{"metric": "m", "value": 0.5}], 2.0, here)
    assert [(run["threads"], run["cells"]) for run in record.runs] == [(4, [{"seed": 0}])]


@pytest.mark.parametrize(
    "changed",
    [
        dict(cell={"seed": 1}),
        dict(part="reader"),
        dict(config={"n": 2}),
        dict(source={"name": "s", "sha256": "1"}),
        dict(here=HERE | {"device": "a GPU"}),
        dict(here=HERE | {"precision": "bfloat16"}),
        dict(here=HERE | {"threads": 2}),
        dict(here=HERE | {"code": "1"}),
        dict(here=HERE | {"versions": {"torch": "3"}}),
        dict(earlier=[{"stage": "selection", "value": 0.25}]),
        dict(format=3),
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_checkpoint_is_of_one_data_set_setting_code_and_machine_alone(tmp_path, monkeypatch, changed):
    """A run on other data once went on from the checkpoint of the first, and its record named the other data."""

    def name(cell=None, part="network", here=HERE, earlier=(), format=2, **fields):
        monkeypatch.setattr(record_module.checkpoint, "FORMAT", format)
        record = small(**fields)
        record.folder = tmp_path
        record.identify(here, earlier)
        return record.checkpoint(cell or {"seed": 0}, part)

    assert name() == name() and name().parent == tmp_path / "checkpoints" / "x.smoke"
    assert name(**changed) != name()


def test_neither_a_commit_of_other_files_nor_more_seeds_make_a_checkpoint_another(tmp_path):
    def name(seeds, commit):
        record = small(config={"n": 1, "n_seeds": seeds})
        record.folder = tmp_path
        record.identify(HERE | {"commit": commit}, [])
        return record.checkpoint({"seed": 0})

    assert name(3, "a") == name(5, "b")


def test_a_cell_that_measures_nan_is_named_before_it_is_in_the_record():
    record = small(rows=[])
    with pytest.raises(ValueError, match=r"the cell \{'seed': 4\} measured .*nan"):
        record.add({"seed": 4}, [{"metric": "m", "value": float("nan")}], 1.0, HERE)
    assert not record.rows and not record.runs


def test_provenance_says_threads_precision_and_code_and_times_nothing_on_a_cpu(monkeypatch):
    monkeypatch.setattr(record_module, "chosen", None)  # the probe would be made through it
    here = provenance(torch.device("cpu"))
    assert here["precision"] == "float32" and here["threads"] == torch.get_num_threads()
    assert here["device"].startswith("CPU, ") and "bfloat16" not in here["device"] and len(here["code"]) == 16


def said_commit(root, monkeypatch, **environment):
    """What a process says whose packages lie in `root`."""
    with monkeypatch.context() as patch:
        patch.setattr(record_module, "ROOT", root.resolve())
        for name, value in environment.items():
            patch.setenv(name, value)
        return commit.__wrapped__()


def test_the_commit_of_another_repository_is_never_taken_for_ours(tmp_path, monkeypatch):
    """Installed inside somebody's repository, or called by a git hook, records once carried that repository's commit."""
    others = tmp_path / "others"
    subprocess.run(["git", "init", "-q", str(others)], check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    subprocess.run(["git", "-C", str(others), *who, "commit", "-q", "--allow-empty", "-m", "theirs"], check=True)
    for place in (others / "lib", others):
        for package in ("ib_tutorial", "data_gen"):
            shutil.copytree(ROOT / package, place / package, ignore=shutil.ignore_patterns("__pycache__"))
        assert said_commit(place, monkeypatch) == f"ib_tutorial {__version__}, commit unknown"
    theirs = {"GIT_DIR": str(others / ".git"), "GIT_WORK_TREE": str(others)}
    assert said_commit(ROOT, monkeypatch, **theirs) == said_commit(ROOT, monkeypatch)


def test_the_fullest_record_comes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(record_module, "RECORDED", tmp_path)
    with pytest.raises(FileNotFoundError, match="run x --profile reduced --out book/recorded"):
        recorded("x")
    for profile in ("reduced", "paper"):
        small(profile=profile).write(tmp_path / f"x.{profile}.json")
    assert recorded("x").profile == "paper"
    assert recorded("x", ["reduced"]).profile == "reduced"
