"""Grids on several processes and on a real Dask cluster: nothing is lost, nothing in a record is run twice, errors are said.

`counted` is the experiment: its cells log that they ran. Waiting is by condition, since the machine may be busy.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import counted
import psutil
import pytest
import torch
from distributed import LocalCluster
from typer.testing import CliRunner

from ib_tutorial.catalogue import SHOWS
from ib_tutorial.cli import app
from ib_tutorial.experiments import grid, run
from ib_tutorial.experiments.record import code, commit, load_record
from ib_tutorial.experiments.runner import EXPERIMENTS, shared_circumstances

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def outside_a_checkout():
    """Every process finds the commit 'unknown', at whatever time it asks: somebody may commit while the tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "nowhere")  # no git there
        commit.cache_clear()
        yield
    commit.cache_clear()


@pytest.fixture(scope="module")
def cluster(outside_a_checkout):
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture
def experiment(monkeypatch, tmp_path):
    """Makes `counted` an experiment whose cells act as told."""

    def acting(act):
        monkeypatch.setitem(EXPERIMENTS, "counted", counted)
        monkeypatch.setitem(SHOWS, "counted", "its cells")
        monkeypatch.setitem(counted.PROFILES, "smoke", {"folder": str(tmp_path), "act": act})

    return acting


def run_counted(tmp_path, **how):
    return run("counted", "smoke", out=tmp_path, progress=False, **how)


def recorded(tmp_path):
    """(seed, process) of each cell in the record, as `log` has them."""
    path = tmp_path / "counted.smoke.json"
    return [(row["seed"], row["value"]) for row in load_record(path).rows] if path.exists() else []


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def times_begun(tmp_path):
    return Counter(seed for seed, _ in counted.log(tmp_path, "begins"))


def test_where_one_core_is_left_to_us_no_process_is_started(experiment, tmp_path, monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    experiment("")
    run_counted(tmp_path)
    assert {process for _, process in recorded(tmp_path)} == {os.getpid()}


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_no_recorded_cell_is_run_again(cluster, experiment, tmp_path):
    """The worker is killed in its third cell, once its first two, whose results it still holds, are in the record."""
    experiment("third hangs")

    def kill():
        wait_until(lambda: (tmp_path / "hanging").exists() and len(recorded(tmp_path)) == 7)
        (seed,) = {seed for seed, _ in counted.log(tmp_path, "begins")} - {seed for seed, _ in recorded(tmp_path)}
        process = dict(counted.log(tmp_path, "begins"))[seed]
        assert [held_by for _, held_by in recorded(tmp_path)].count(process) == 2
        os.kill(process, signal.SIGKILL)
        return seed

    with ThreadPoolExecutor(1) as thread:
        killing = thread.submit(kill)
        record = run_counted(tmp_path, scheduler=cluster.scheduler_address)
    assert record.finished and sorted(row["seed"] for row in record.rows) == list(range(8))
    assert times_begun(tmp_path) == Counter(range(8)) + Counter([killing.result()])


def test_control_c_on_a_cluster_cancels_what_is_pending_and_keeps_what_is_finished(
    request, cluster, experiment, tmp_path
):
    experiment("two end")
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)  # pytest-xdist's workers ignore Ctrl-C
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, ignored))

    def interrupt():
        wait_until(lambda: len(recorded(tmp_path)) == 2 and len(counted.log(tmp_path, "begins")) == 4)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    with ThreadPoolExecutor(1) as thread, pytest.raises(KeyboardInterrupt):
        thread.submit(interrupt)
        run_counted(tmp_path, scheduler=cluster.scheduler_address)
    assert sorted(recorded(tmp_path)) == sorted(counted.log(tmp_path, "ends"))
    wait_until(lambda: not cluster.scheduler.tasks)
    assert len(counted.log(tmp_path, "begins")) == 4

    (tmp_path / "go").touch()
    resumed = run_counted(tmp_path, scheduler=cluster.scheduler_address)
    assert resumed.finished and sorted(row["seed"] for row in resumed.rows) == list(range(8))
    assert times_begun(tmp_path)[0] == times_begun(tmp_path)[1] == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", ["one process", "two processes", "cluster"])
def test_an_error_names_the_cell_it_came_from(request, how, experiment, tmp_path):
    experiment("one fails")
    scheduler = request.getfixturevalue("cluster").scheduler_address if how == "cluster" else None
    jobs = {"one process": 1, "two processes": 2}.get(how)
    with pytest.raises(FloatingPointError, match="stopped being finite") as caught:
        run_counted(tmp_path, jobs=jobs, scheduler=scheduler)
    assert caught.value.__notes__ == ["in the cell {'seed': 3}"]


def test_the_command_line_says_the_cell_too(experiment, tmp_path):
    experiment("one fails")
    result = CliRunner().invoke(app, ["run", "counted", "--profile", "smoke", "--jobs", "1", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output.endswith("error: the loss stopped being finite\nin the cell {'seed': 3}\n")
    assert sorted(seed for seed, _ in recorded(tmp_path)) == [0, 1, 2]


@pytest.mark.slow
def test_a_killed_process_is_said(experiment, tmp_path):
    experiment("each kills")
    with pytest.raises(ChildProcessError, match="killed.*fewer --jobs"):
        run_counted(tmp_path, jobs=2)


@pytest.mark.slow
def test_a_cell_that_kills_its_workers_is_named(cluster, experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    experiment("each kills")
    with pytest.raises(ChildProcessError, match=r"1 workers died with the cell \{'seed': 0\}"):
        run_counted(tmp_path, seeds=1, scheduler=cluster.scheduler_address)  # one: Dask blames what waits there too


@pytest.mark.slow
def test_control_c_leaves_no_processes_and_one_message(tmp_path):
    """As from a terminal, which sends it to every process of the group."""
    script = (  # its own handler first: what pytest-xdist's workers ignore, their children ignore too
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "import counted; from ib_tutorial.cli import app; from ib_tutorial.experiments import EXPERIMENTS; "
        "from ib_tutorial.catalogue import SHOWS; SHOWS['counted'] = 'its cells'; "
        f"EXPERIMENTS['counted'] = counted; counted.PROFILES['smoke'] = dict(folder={str(tmp_path)!r}, act='two end'); app()"
    )
    arguments = ["run", "counted", "--profile", "smoke", "--jobs", "2", "--out", str(tmp_path)]
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    running = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], env=os.environ | {"PYTHONPATH": path}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(lambda: len(recorded(tmp_path)) == 2 and len(counted.log(tmp_path, "begins")) == 4)
        os.killpg(running.pid, signal.SIGINT)
        said, _ = running.communicate(timeout=120)
        assert running.returncode == 130
        assert "Traceback" not in said
        assert said.endswith("counted.smoke.json holds what was finished: run the same command to go on\n")
        wait_until(lambda: not any(alive(process) for _, process in counted.log(tmp_path, "begins")))
    finally:
        (tmp_path / "go").touch()
        running.kill()
    assert sorted(recorded(tmp_path)) == sorted(counted.log(tmp_path, "ends"))


def alive(process):
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_a_cluster_finds_what_one_process_finds_from_the_command_line(cluster, tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a worker that `dask worker` or LocalCluster starts
    alone = run("mnist_widths", "smoke", jobs=1, progress=False)
    torch.set_num_threads(threads)

    address = cluster.scheduler_address
    arguments = ["run", "mnist_widths", "--profile", "smoke", "--scheduler", address, "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "mnist_widths.smoke.json").read_text(encoding="utf-8"))
    assert record["finished"] and record["rows"] == alone.rows
    assert (record["commit"], record["source"], record["versions"]) == (alone.commit, alone.source, alone.versions)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize("address", [f"tcp://127.0.0.1:{free_port()}", "nonsense"], ids=["nobody", "nonsense"])
def test_an_address_where_nobody_answers_is_said(address, experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(grid, "ANSWERS_WITHIN", 1)
    experiment("")
    with pytest.raises(ConnectionError, match=f"answers at '{address}'.*`dask scheduler`.*`dask worker ADDRESS --nthr"):
        run_counted(tmp_path, scheduler=address)


@pytest.mark.slow
def test_a_scheduler_without_workers_is_said(experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(grid, "ANSWERS_WITHIN", 1)
    experiment("")
    with (
        LocalCluster(n_workers=0, processes=False, protocol="tcp://", dashboard_address=":0") as empty,
        pytest.raises(ConnectionError, match="has no workers; start some with `dask worker ADDRESS --nthreads 1`"),
    ):
        run_counted(tmp_path, scheduler=empty.scheduler_address)


def test_a_worker_with_two_threads_is_refused(experiment, tmp_path):
    experiment("")
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, protocol="tcp://", dashboard_address=":0"
        ) as threaded,
        pytest.raises(ValueError, match="has 2 threads.*--nthreads 1"),
    ):
        run_counted(tmp_path, scheduler=threaded.scheduler_address)
    assert not counted.log(tmp_path, "begins")


def test_workers_that_do_not_run_one_thing_are_refused():
    one = {"commit": "c", "code": code(), "source": {"sha256": "0"}, "versions": {"torch": "2"}, "device": "CPU, 4 cores"}
    assert shared_circumstances({"a": one, "b": one | {"device": "CPU, 2 cores"}}) == one | {
        "device": "CPU, 2 cores and CPU, 4 cores"
    }
    for what, other in {"source": {"sha256": "1"}, "versions": {"torch": "3"}, "code": "other"}.items():
        with pytest.raises(ValueError, match=f"one {what} everywhere.*restart the workers"):
            shared_circumstances({"a": one, "b": one | {what: other}})
    with pytest.raises(ValueError, match="one code everywhere.*this process"):
        shared_circumstances({"a": one | {"code": "older"}})
