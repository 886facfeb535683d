"""A grid that is stopped at random moments, by whichever signal, and started again ends as one that was not stopped.

With other data put in its place in between, it is refused or ends as a run on those data alone.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import learner
import psutil
import pytest

from ib_tutorial.experiments import run
from ib_tutorial.experiments.record import as_json
from ib_tutorial.experiments.runner import EXPERIMENTS
from ib_tutorial.stopping import sigterm_as_control_c

ROOT = Path(__file__).resolve().parents[2]
MOMENTS = 2
"""How often each run is stopped."""

LEARNING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # pytest-xdist's workers ignore it, and so would their children
import learner
from ib_tutorial.experiments import EXPERIMENTS
from ib_tutorial.catalogue import SHOWS
from ib_tutorial.cli import app
EXPERIMENTS["learner"], SHOWS["learner"] = learner, learner.__doc__
learner.PROFILES["smoke"] = {"pause": 0.1}
app()
"""


def folder(tmp_path, n):
    """A folder of images number `n`."""
    path = tmp_path / f"data {n}"
    path.mkdir(exist_ok=True)
    (path / "images").write_text(str(n), encoding="utf-8")
    return path


@pytest.fixture
def data(tmp_path):
    return lambda n: folder(tmp_path, n)


@pytest.fixture(scope="module")
def learning():
    """Runs `learner` in two processes to its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EXPERIMENTS, "learner", learner)
        patch.setitem(learner.PROFILES, "smoke", {"pause": 0.1})
        yield lambda data, out=None: run("learner", "smoke", data=data, out=out, jobs=2, progress=False)


@pytest.fixture(scope="module")
def whole(learning, tmp_path_factory):
    """The records of runs that were not stopped, by the number of the images."""
    return {n: learning(folder(tmp_path_factory.mktemp("whole"), n)) for n in (1, 2)}


def started(data, out):
    """The same run from the command line, in a session of its own; returned once it trains, or has ended."""
    arguments = ["run", "learner", "--profile", "smoke", "--jobs", "2", "--data", str(data), "--out", str(out)]
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    running = subprocess.Popen(
        [sys.executable, "-c", LEARNING, *arguments], env=os.environ | {"PYTHONPATH": path}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    before = times_saved(out)
    wait_until(lambda: times_saved(out) != before or running.poll() is not None)
    return running


def times_saved(out):
    folder = out / "checkpoints" / "learner.smoke"
    found = {}
    for path in folder.glob("*.safetensors") if folder.exists() else ():
        try:
            found[path.name] = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return found


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stop(running, how, to_all):
    """Send the signal, wait for all processes, and return what they said."""
    workers = psutil.Process(running.pid).children(recursive=True) if running.poll() is None else []
    with suppress(ProcessLookupError):  # it has just ended by itself
        if to_all:
            os.killpg(running.pid, how)
        else:
            running.send_signal(how)
    said, _ = running.communicate(timeout=120)
    wait_until(lambda: not any(map(alive, workers)))
    return said


def cells(record):
    return sorted(as_json(cell) for run in record.runs for cell in run["cells"])


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_a_run_that_is_stopped_and_started_again_ends_as_one_that_was_not(how, whole, learning, data, tmp_path):
    """A terminal sends its signal to all processes, `kill` to the one, a batch system to the one or to all."""
    out, moments = tmp_path / "out", random.Random()
    for n in range(MOMENTS):
        running = started(data(1), out)
        time.sleep(moments.uniform(0, 0.8))
        said = stop(running, how, to_all=how == signal.SIGINT or how == signal.SIGTERM and n % 2 == 1)
        if "learner at smoke" not in said:  # else it had finished: the signal may have come while Python ended
            assert running.returncode == (-how if how == signal.SIGKILL else 130), said
            if how != signal.SIGKILL:
                assert said.endswith(": run the same command to go on\n") and "Traceback" not in said, said
        if how != signal.SIGKILL:
            assert not [*out.rglob("*.part")]

        swapped = tmp_path / "swapped"
        shutil.copytree(out, swapped)
        try:
            assert learning(data(2), swapped).rows == whole[2].rows
        except ValueError as error:
            assert "begun with another source" in str(error)
        shutil.rmtree(swapped)
    resumed = learning(data(1), out)
    assert resumed.rows == whole[1].rows and cells(resumed) == cells(whole[1])
    assert sorted(path.name for path in out.rglob("*") if path.is_file()) == ["learner.smoke.json"]


def test_sigterm_raises_once_and_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt), sigterm_as_control_c():
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)  # while we clean up
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_handler_that_somebody_has_set_stays():
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with sigterm_as_control_c():
            assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)
