import json
import os

import pytest

from ib_tutorial.experiments import Record, load_record, recorded
from ib_tutorial.experiments import record as record_module


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
    keys = set(json.loads((tmp_path / "x.json").read_text()))
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


@pytest.mark.parametrize("text", ["{", '{"experiment": "x"}', '{"unknown": 1}'])
def test_a_file_that_is_no_record_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match="x.json is not a record.*--force"):
        load_record(tmp_path / "x.json")


def test_the_fullest_record_comes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(record_module, "RECORDED", tmp_path)
    with pytest.raises(FileNotFoundError, match="run x --profile reduced --out book/recorded"):
        recorded("x")
    for profile in ("reduced", "paper"):
        small(profile=profile).write(tmp_path / f"x.{profile}.json")
    assert recorded("x").profile == "paper"
    assert recorded("x", ["reduced"]).profile == "reduced"
