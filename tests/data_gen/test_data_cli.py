"""The commands: what they write, what they refuse, and what they say."""

import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from official_files import write_cifar_binary
from typer.testing import CliRunner

import data_gen
from data_gen import archive, cluttered, load, occluded
from data_gen.cli import app

ROOT = Path(__file__).parents[2]


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.slow
def test_cluttered_mnist_is_written_with_its_description(tmp_path):
    out = tmp_path / "new" / "c.npz"
    said = run(
        "cluttered-mnist",
        "--digits",
        "mnist5k",
        "--train",
        1100,
        "--test",
        30,
        "--size",
        60,
        "--distractors",
        5,
        "--out",
        out,
    )
    assert "mnist5k" in said
    written, described = np.load(out), json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    digits = load("mnist5k")
    expected = cluttered(digits.images, digits.labels, n=1100, size=60, n_distractors=5, seed=0)
    for name, values in expected._asdict().items():
        assert np.array_equal(written[f"train_{name}"], values.numpy()), name
        assert (
            described["arrays"][f"train_{name}"]["sha256"]
            == hashlib.sha256(written[f"train_{name}"].tobytes()).hexdigest()
        )
    assert written["test_images"].shape == (30, 60, 60, 1) and written["train_images"].dtype == np.uint8
    assert described["seed"] == 0 and described["parameters"]["n_distractors"] == 5
    assert described["source"]["digits"]["train"]["name"] == "mnist5k"
    assert described["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert str(tmp_path) not in json.dumps(described)
    assert all(info.compress_type == zipfile.ZIP_DEFLATED for info in zipfile.ZipFile(out).infolist())
    assert sorted(p.name for p in out.parent.iterdir()) == ["c.json", "c.npz"]


@pytest.mark.slow
def test_occluded_cifar_takes_train_digits_over_train_images(tmp_path, cifar_rows):
    write_cifar_binary(tmp_path / "cifar", cifar_rows)
    out = tmp_path / "o.npz"
    run("occluded-cifar", "--digits", "mnist5k", "--data", tmp_path / "cifar", "--out", out, "--train", 40)
    written = np.load(out)
    for split, seed, n in (("train", 0, 40), ("test", 1, 20)):
        images, digits = load("cifar10", split, root=tmp_path / "cifar"), load("mnist5k", split)
        expected = occluded(
            images.images, images.labels, digits.images, digits.labels, seed=seed, indices=torch.arange(n)
        )
        for name, values in expected._asdict().items():
            assert np.array_equal(written[f"{split}_{name}"], values.numpy()), name
    assert "has 100 images" in run(
        "occluded-cifar",
        "--digits",
        "mnist5k",
        "--data",
        tmp_path / "cifar",
        "--out",
        out,
        "--force",
        "--train",
        101,
        code=1,
    )


@pytest.mark.slow
def test_shapes_are_the_ones_that_load_returns(tmp_path):
    out = tmp_path / "s.npz"
    run("shapes", "--train", 50, "--test", 20, "--out", out)
    written = np.load(out)
    for split, n in (("train", 50), ("test", 20)):
        loaded = load("shapes32", split)
        assert np.array_equal(written[f"{split}_images"], loaded.images[:n].numpy())
        assert np.array_equal(written[f"{split}_rotation"], loaded.factors.rotation[:n].numpy())


@pytest.mark.slow
def test_the_same_command_writes_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        run("shapes", "--train", 20, "--test", 5, "--out", tmp_path / f"{name}.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.slow
def test_nothing_is_overwritten_without_force(tmp_path):
    out = tmp_path / "s.npz"
    run("shapes", "--train", 5, "--test", 5, "--out", out)
    before = out.read_bytes()
    assert "is there already" in run("shapes", "--train", 6, "--test", 5, "--out", out, code=1)
    assert out.read_bytes() == before
    run("shapes", "--train", 6, "--test", 5, "--out", out, "--force")
    assert len(np.load(out)["train_labels"]) == 6


@pytest.mark.slow
def test_of_two_writers_of_one_file_the_second_is_refused(tmp_path, monkeypatch):
    """Both find the name free; the other one finishes while we write."""
    out, check = tmp_path / "s.npz", archive.check_target

    def check_then_wait(path, force):
        target = check(path, force)
        monkeypatch.setattr(archive, "check_target", check)
        run("shapes", "--train", 5, "--test", 5, "--out", out)
        return target

    monkeypatch.setattr(archive, "check_target", check_then_wait)
    assert "is there already" in run("shapes", "--train", 6, "--test", 5, "--out", out, code=1)
    assert len(np.load(out)["train_labels"]) == 5
    assert "as described" in run("verify", out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.json", "s.npz"]


@pytest.mark.slow
@pytest.mark.parametrize("umask", [0o077, 0o002])
def test_files_have_the_permissions_that_the_umask_leaves(tmp_path, umask):
    before = os.umask(umask)
    try:
        run("shapes", "--train", 5, "--test", 5, "--out", tmp_path / "s.npz")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o666 & ~umask}


@pytest.mark.slow
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    out = tmp_path / "s.npz"
    run("shapes", "--train", 5, "--test", 5, "--out", out)
    before = [p.read_bytes() for p in sorted(tmp_path.iterdir())]

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    said = run("shapes", "--train", 50, "--test", 5, "--out", out, "--force", code=1)
    assert "disk that holds" in said and "full" in said and "--out" in said
    assert [p.read_bytes() for p in sorted(tmp_path.iterdir())] == before


@pytest.mark.slow
def test_verify_reads_what_was_written(tmp_path):
    out = tmp_path / "s.npz"
    run("shapes", "--train", 5, "--test", 5, "--out", out)
    assert "as described (shapes, seed 32" in run("verify", out)
    content = bytearray(out.read_bytes())
    content[len(content) // 2] ^= 1
    out.write_bytes(bytes(content))
    assert "is not the file that s.json describes" in run("verify", out, code=1)
    assert "not here" in run("verify", tmp_path / "other.npz", code=1)


def test_verify_says_what_a_folder_holds(mnist_folder):
    said = run("verify", "mnist", "--data", mnist_folder.path)
    assert "mnist (unrecognised content) train: 30 images, not the official 60,000" in said
    mnist_folder.file("images-idx3").write_bytes(b"oops")
    assert "is not an MNIST file" in run("verify", "mnist", "--root", mnist_folder.path, code=1)


@pytest.mark.slow
def test_verify_of_everything_does_not_fail_for_what_was_never_fetched():
    said = run("verify")
    assert "mnist5k test: 1,000 images" in said and "mnist: not here" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("fetch", "mnist", "--offline"),
        ("cluttered-mnist", "--offline"),
        ("occluded-cifar", "--digits", "mnist5k", "--offline"),
    ],
)
def test_offline_says_which_command_gets_the_data(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "python -m data_gen fetch" in run(*arguments, code=1)
    assert list(tmp_path.iterdir()) == []


def test_embedded_sets_need_no_fetching():
    assert "nothing to fetch" in run("fetch", "shapes32")


@pytest.mark.parametrize("command", ["fetch", "cluttered-mnist", "occluded-cifar", "shapes", "verify"])
def test_help_has_an_example(command):
    assert f"python -m data_gen {command}" in run(command, "--help")


@pytest.mark.parametrize("command", ["fetch", "cluttered-mnist", "occluded-cifar", "shapes"])
def test_a_flag_is_shown_without_a_value(command):
    lines = run(command, "--help").splitlines()
    flags = [line for line in lines if "--offline" in line or "--force" in line]
    assert flags and not any("<bool>" in line for line in flags)


WATCHED = """
import atexit, sys
from data_gen.cli import main

atexit.register(lambda: print("torch" in sys.modules))
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "cluttered-mnist"),
        (["shapes", "--help"], "--train"),
        (["fetch", "cifar100"], "cifar100"),
        (["fetch", "shapes32"], "nothing to fetch"),
    ],
)
def test_what_makes_nothing_does_not_wait_for_torch(arguments, said):
    done = subprocess.run([sys.executable, "-c", WATCHED, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert said in done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "False"


def test_public_names_are_found_when_they_are_used():
    for name in data_gen.__all__:
        assert getattr(data_gen, name).__name__ == name and name in dir(data_gen)
    with pytest.raises(AttributeError, match="clutterd"):
        _ = data_gen.clutterd


@pytest.mark.slow
def test_the_module_runs_without_a_traceback(tmp_path):
    command = [
        sys.executable,
        "-m",
        "data_gen",
        "cluttered-mnist",
        "--data",
        str(tmp_path / "nowhere"),
        "--out",
        str(tmp_path / "x.npz"),
    ]
    result = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert (
        result.stderr.startswith("error: ") and "no such folder" in result.stderr and "Traceback" not in result.stderr
    )


def ended(command: str, **environment: str) -> tuple[int, str]:
    """How a shell command with `data_gen` in it ended, and what it said on stderr."""
    command = command.replace("data_gen", f"{sys.executable} -m data_gen", 1)
    result = subprocess.run(
        ["bash", "-c", command], check=False, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True
    )
    return result.returncode, result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_reader_that_reads_no_more_is_no_error(buffered):
    code, said = ended("data_gen verify mnist5k shapes32 | true", PYTHONUNBUFFERED=buffered)
    assert (code, said) == (0, "")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="NO /dev/full HERE: output to a full disk was not tested")
def test_output_that_cannot_be_written_is_one_line():
    code, said = ended("data_gen verify mnist5k > /dev/full")
    assert code == 1 and said == "error: cannot write the output: No space left on device.\n"


@pytest.mark.slow
@pytest.mark.parametrize(("level", "expected"), [("", 0), ("debug", 0), ("loud", 1)])
def test_the_level_of_the_log_is_a_word_in_any_case(level, expected):
    code, said = ended("data_gen verify mnist5k", IB_TUTORIAL_LOG=level)
    assert code == expected and "Traceback" not in said
    assert ("IB_TUTORIAL_LOG=LOUD: it must be one of CRITICAL" in said) == bool(expected)
