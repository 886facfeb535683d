"""The harness: what it refuses to time, what it skips, and what it writes."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from benchmarks import __main__ as cli
from benchmarks import bounds as bounds_module
from benchmarks import harness
from benchmarks.harness import Comparison, Missing, Sides, Skipped, measure
from ib_tutorial.nn import Deterministic, NoisyNetwork, all_cnn_32, mlp

REQUIRED = {
    "name": str, "ours": float, "peer": float, "ratio": float, "spread": list, "target": (int, float), "met": bool,
    "note": str,
}  # fmt: skip


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch):
    """The rates of a tiny product: nothing here depends on them."""
    measured = bounds_module.bounds
    monkeypatch.setattr(bounds_module, "bounds", lambda device, threads: measured(device, threads, size=64))


def comparison_of(prepare, **changed):
    return Comparison(
        **(
            dict(name="made up", target=2, note="made up", prepare=prepare, smoke={}, threads=1, devices=("cpu",))
            | changed
        )
    )


def sums(n_ours=1000, n_peer=10, **more):
    x = torch.ones(n_ours)
    return Sides(
        ours=lambda: float(x.sum()) / n_ours,
        peer=lambda: sum(x[:n_peer].tolist()) / n_peer,
        same=lambda a, b: a == b,
        ours_units=n_ours,
        peer_units=n_peer,
        **more,
    )


def test_sides_that_differ_are_not_timed():
    calls = []
    sides = Sides(ours=lambda: calls.append("ours") or 1, peer=lambda: 2, same=lambda a, b: a == b)
    with pytest.raises(AssertionError, match="do not compute the same thing"):
        measure(comparison_of(lambda: sides))
    assert calls == ["ours"]


def test_seven_rounds_at_least_and_alternately():
    calls = []
    sides = Sides(ours=lambda: calls.append("ours"), peer=lambda: calls.append("peer"), same=lambda a, b: True)
    measure(comparison_of(lambda: sides), rounds=1)
    assert calls == ["ours", "peer"] * 8  # one to check and to warm up


@pytest.fixture
def clock(monkeypatch):
    """Each side takes as long as it says: `clock(seconds)` within it."""
    now = [0.0]
    monkeypatch.setattr(harness.time, "perf_counter", lambda: now[0])

    def takes(seconds):
        now[0] += seconds

    return takes


def test_times_are_scaled_to_the_units_that_they_are_given_for(clock):
    sides = Sides(
        ours=lambda: clock(1.0), peer=lambda: clock(3.0), same=lambda a, b: True,
        ours_units=20, peer_units=10, units=100, gflop=50.0,
    )  # fmt: skip
    result = measure(comparison_of(lambda: sides))
    assert (result.ours, result.peer, result.ratio) == pytest.approx((5.0, 30.0, 6.0))
    assert result.spread == pytest.approx((6.0, 6.0)) and result.met
    assert "we did 20 of 100" in result.note and "the peer did 10 of 100" in result.note
    assert "10 GFLOP/s in float32" in result.note


def test_a_target_that_is_missed_is_said_to_be(clock):
    sides = Sides(ours=lambda: clock(1.0), peer=lambda: clock(1.9), same=lambda a, b: True)
    assert not measure(comparison_of(lambda: sides)).met


def test_the_threads_are_as_they_were_afterwards():
    before = torch.get_num_threads()
    seen = []
    sides = Sides(ours=lambda: seen.append(torch.get_num_threads()), peer=lambda: None, same=lambda a, b: True)
    measure(comparison_of(lambda: sides, threads=before + 1))
    assert set(seen) == {before + 1} and torch.get_num_threads() == before


def missing():
    raise Missing("it needs a thing: pip install thing")


@pytest.fixture
def registry(monkeypatch):
    known = {
        "sums": comparison_of(lambda: sums(rows=lambda: [{"n": 3, "seconds": 0.5}]), name="sums"),
        "absent": comparison_of(missing, name="absent"),
    }
    monkeypatch.setattr(harness, "discover", lambda: known)
    monkeypatch.setattr(cli, "discover", lambda: known)
    return known


def test_what_is_missing_is_skipped_and_says_what_it_needs(registry):
    summed, skipped = harness.run([])
    assert summed.name == "sums" and skipped == Skipped("absent", "it needs a thing: pip install thing")


def run_cli(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["benchmarks", *arguments])
    return cli.main()


def test_a_comparison_whose_sides_disagree_fails_the_run_and_does_not_stop_it(registry, monkeypatch, capsys):
    registry["other"] = comparison_of(lambda: replace(sums(), same=lambda ours, peer: False), name="other")
    registry["more"] = comparison_of(sums, name="more")
    assert run_cli(monkeypatch, "other", "more") == 1
    printed = capsys.readouterr().out
    assert (
        "other" in printed
        and "FAILED: other: the two sides do not compute the same" in printed
        and "\nmore " in printed
    )


def test_the_json_holds_the_required_keys_the_machine_and_the_versions(registry, monkeypatch, tmp_path, capsys):
    assert run_cli(monkeypatch, "--json", str(tmp_path / "out.json")) == 0
    (entry,) = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    for key, kind in REQUIRED.items():
        assert isinstance(entry[key], kind), key
    low, high = entry["spread"]
    assert low <= entry["ratio"] <= high
    assert entry["met"] == (entry["ratio"] >= entry["target"])
    assert entry["machine"]["threads"] == 1 and entry["machine"]["device"].startswith("CPU")
    assert all(rate > 0 for rate in entry["machine"]["bounds"].values()) and len(entry["machine"]["bounds"]) == 4
    assert entry["versions"]["torch"] == torch.__version__ and entry["commit"]
    assert entry["rows"] == [{"n": 3, "seconds": 0.5}]
    assert "absent" in (printed := capsys.readouterr().out) and "skipped: it needs a thing" in printed


def test_smoke_checks_and_times_nothing(registry, monkeypatch, capsys):
    monkeypatch.setattr(harness, "measure", lambda *a, **k: pytest.fail("timed"))
    assert run_cli(monkeypatch, "--smoke") == 0
    assert "sums: both sides compute the same" in capsys.readouterr().out


def test_an_unknown_name_is_named(registry, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run_cli(monkeypatch, "sum")
    assert "no comparison is called sum: there are sums, absent" in capsys.readouterr().err


def test_an_mlps_operations_are_those_of_its_matrices():
    """2 operations for each weight forward, 2 for the weight's gradient, 2 for the input's, if it has one."""
    width, n_first = 30, 784 * 30
    n_weights = n_first + 2 * 30 * 30 + 10 * 30
    assert bounds_module.operations(lambda: mlp(width, dropout="none"), (784,)) == pytest.approx((6 * n_weights - 2 * n_first) / 1e9)


def test_a_convolutions_operations_are_counted_at_every_place():
    def build():
        f = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 3, stride=2, padding=1, bias=False))
        return NoisyNetwork(Deterministic(f), nn.Flatten(), nn.Linear(4 * 8 * 8, 10))

    first, second = 3 * 8 * 9 * 16 * 16, 8 * 4 * 9 * 8 * 8
    assert bounds_module.operations(build, (3, 16, 16)) == pytest.approx((4 * first + 6 * second + 6 * 4 * 64 * 10) / 1e9)


def test_all_cnn_32_computes_what_is_known_of_it():
    """1.94 GFLOP forward and backward for an image, with Information Dropout, and 1.68 without."""
    for dropout, gflop in (("information", 1.94), ("none", 1.68)):
        build = lambda dropout=dropout: all_cnn_32(dropout)
        assert bounds_module.operations(build, (3, 32, 32)) == pytest.approx(gflop, abs=0.01)


def test_bounds_are_rates_of_what_they_say():
    found = bounds_module.bounds("cpu", 1)
    assert found.matrix_product("float32") == found.float32_gflops > 0
    assert found.matrix_product("bfloat16") == found.bfloat16_gflops > 0


def test_only_launches_of_kernels_are_counted():
    events = [
        SimpleNamespace(key=key, count=count)
        for key, count in (("cudaLaunchKernel", 5), ("cuLaunchKernelEx", 2), ("cudaMemcpyAsync", 9), ("aten::mm", 7))
    ]
    assert bounds_module.launches(events) == 7


def test_kernels_of_a_step_leave_out_those_that_prepare(monkeypatch):
    launched = []

    class Profile:
        def __enter__(self):
            launched.clear()
            return self

        def __exit__(self, *error):
            pass

        def key_averages(self):
            return launched

    def train(steps):
        launched.append(SimpleNamespace(key="cudaLaunchKernel", count=100 + 7 * steps))

    monkeypatch.setattr("torch.profiler.profile", lambda **options: Profile())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    assert bounds_module.kernels_per_step(train) == 7
