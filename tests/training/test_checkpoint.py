"""A run that was killed and started again, against one that was not."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as as_safetensors

from ib_tutorial.nn import all_cnn_32
from ib_tutorial.training import fit
from ib_tutorial.training.checkpoint import load, save

SETTINGS = dict(lr=0.05, beta=0.1, batch_size=16, drops=(2,), weight_decay=1e-3, seed=3, progress=False)


def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(48, 3, 32, 32, generator=generator), torch.arange(48) % 10


def network():
    torch.manual_seed(0)
    return all_cnn_32(width=0.05, activation="softplus")


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "optimiser"), [("float32", "sgd"), ("bfloat16", "sgd"), ("float32", "adam")])
def test_a_run_resumed_is_the_run_uninterrupted_to_the_bit(tmp_path, precision, optimiser):
    whole, first, second = network(), network(), network()
    settings = SETTINGS | dict(precision=precision, optimiser=optimiser, lr=0.05 if optimiser == "sgd" else 1e-3)
    history = fit(whole, *images(), epochs=4, **settings)
    checkpoint = tmp_path / "run.safetensors"
    fit(first, *images(), epochs=2, checkpoint=checkpoint, **settings)
    with torch.no_grad():
        next(second.parameters()).fill_(7)  # whatever it starts from, the checkpoint's weights replace it
    resumed = fit(second, *images(), epochs=4, checkpoint=checkpoint, **settings)
    assert resumed == history
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


KILLED = """
import sys, torch
sys.path.insert(0, {tests!r})
from test_checkpoint import SETTINGS, images, network
from ib_tutorial.training import fit
torch.set_num_threads(1)
net = network()
fit(net, *images(), epochs=400, precision="float32", checkpoint={path!r}, **SETTINGS)
"""


@pytest.mark.slow
def test_a_killed_process_leaves_a_whole_checkpoint_from_which_the_run_goes_on(tmp_path):
    path = tmp_path / "run.safetensors"
    script = KILLED.format(tests=str(Path(__file__).parent), path=str(path))
    process = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).resolve().parents[2])
    try:
        deadline = time.monotonic() + 120
        while not path.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)  # somewhere within a later epoch, or within writing it down
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = len(load(path)[1]["history"])
    assert 1 <= done < 400

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole, resumed = network(), network()
        expected = fit(whole, *images(), epochs=done + 2, precision="float32", **SETTINGS)
        assert fit(resumed, *images(), epochs=done + 2, precision="float32", checkpoint=path, **SETTINGS) == expected
        assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    finally:
        torch.set_num_threads(threads)


def test_other_settings_are_refused_and_nothing_is_touched(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(network(), *images(), epochs=1, checkpoint=path, **SETTINGS)
    net = network()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(ValueError, match=r"begun with other settings: \{'beta': \(0\.1, 0\.2\)\}"):
        fit(net, *images(), epochs=2, checkpoint=path, **{**SETTINGS, "beta": 0.2})
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_a_finished_run_trains_no_further(tmp_path):
    path = tmp_path / "run.safetensors"
    history = fit(network(), *images(), epochs=2, checkpoint=path, **SETTINGS)
    again = network()
    assert fit(again, *images(), epochs=2, checkpoint=path, **SETTINGS) == history


def test_the_file_is_safetensors_with_json_in_its_header(tmp_path):
    from safetensors import safe_open

    path = tmp_path / "deep" / "x.safetensors"
    save(path, {"a": torch.arange(3)}, {"epoch": 2})
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["state"]) == {"epoch": 2}
    assert [p.name for p in path.parent.iterdir()] == ["x.safetensors"]
    tensors, state = load(path)
    assert torch.equal(tensors["a"], torch.arange(3)) and state == {"epoch": 2}


def test_a_file_that_is_no_checkpoint_is_said_to_be_none(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"not a checkpoint at all")
    with pytest.raises(ValueError, match="x.safetensors is not a checkpoint"):
        load(path)


FULL = """
import resource, sys, torch
from pathlib import Path
from ib_tutorial.training.checkpoint import save
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # as a full disk: the write begins, and fails
save(Path(sys.argv[1]), {"a": torch.ones(10_000)}, {"epoch": 2})
"""


@pytest.mark.slow
def test_a_write_that_fails_is_an_os_error_that_says_what_to_do_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.safetensors"
    save(path, {"a": torch.zeros(1)}, {"epoch": 1})
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True
    )
    assert re.search(r"\nOSError: .*x\.safetensors cannot be written: .*; free space there, or choose", done.stderr)
    assert load(path)[1] == {"epoch": 1} and list(tmp_path.iterdir()) == [path]


def test_files_have_the_permissions_that_the_umask_allows(tmp_path):
    before = os.umask(0o027)
    try:
        save(tmp_path / "x.safetensors", {"a": torch.zeros(1)}, {})
    finally:
        os.umask(before)
    assert (tmp_path / "x.safetensors").stat().st_mode & 0o777 == 0o640


def test_weights_of_an_older_format_load_and_a_run_of_an_older_format_says_why_not(tmp_path):
    older = {"state": "{}"}  # format 1 had no number
    (tmp_path / "weights.safetensors").write_bytes(as_safetensors({"layer": torch.ones(2)}, older))
    assert torch.equal(load(tmp_path / "weights.safetensors")[0]["layer"], torch.ones(2))
    run = {"network.layer": torch.ones(2), "random.cpu": torch.zeros(8, dtype=torch.uint8)}
    (tmp_path / "run.safetensors").write_bytes(as_safetensors(run, older))
    with pytest.raises(ValueError, match=r"run.safetensors was made with another generator layout \(format 1, here 2\)"):
        load(tmp_path / "run.safetensors")


def test_a_checkpoint_is_not_continued_on_other_images_or_for_fewer_epochs(tmp_path):
    path = tmp_path / "run.safetensors"
    x, y = images()
    fit(network(), x, y, epochs=3, checkpoint=path, **SETTINGS)
    with pytest.raises(ValueError, match="begun with other settings.*data"):
        fit(network(), x, (y + 1) % 2, epochs=4, checkpoint=path, **SETTINGS)
    with pytest.raises(ValueError, match="holds 3 epochs, and 2 were asked for"):
        fit(network(), x, y, epochs=2, checkpoint=path, **SETTINGS)
