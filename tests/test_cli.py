"""`python -m ib_tutorial` as a user meets it: what it prints, and how it exits."""

import json

import pytest
from typer.testing import CliRunner

from ib_tutorial.cli import app
from ib_tutorial.experiments import mnist_widths


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_help_shows_examples():
    result = call("run", "--help")
    assert result.exit_code == 0 and "python -m ib_tutorial run mnist_widths" in result.output


def test_list_names_every_experiment():
    result = call("list")
    assert result.exit_code == 0 and "mnist_widths" in result.output and "Fig. 3a" in result.output


def test_a_run_writes_its_record_and_a_second_one_says_that_it_is_there(tmp_path):
    arguments = ("run", "mnist_widths", "--profile", "smoke", "--jobs", 1, "--out", tmp_path)
    first = call(*arguments)
    assert first.exit_code == 0, first.output
    record = json.loads((tmp_path / "mnist_widths.smoke.json").read_text())
    assert record["experiment"] == "mnist_widths" and record["profile"] == "smoke" and record["finished"]
    second = call(*arguments)
    assert second.exit_code == 0 and "was finished before" in second.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "fig_3a"), "no experiment 'fig_3a'"),
        (("run", "mnist_widths", "--profile", "fast"), "no profile 'fast'"),
        (("run", "mnist_widths", "--beta", "-2"), "betas are [-2.0]"),
        (("run", "mnist_widths", "--device", "cuda:7"), "finds"),
        (("run", "mnist_widths", "--scheduler", "tcp://host:8786", "--jobs", "2"), "jobs is 2"),
        (("run", "mnist_widths", "--scheduler", "tcp://host:8786", "--offline"), "workers with IB_TUTORIAL_OFFLINE=1"),
        (("run", "mnist_widths", "--profile", "reduced", "--data", "no/such/folder"), "no/such/folder"),
    ],
)
def test_errors_are_one_line_and_exit_1(tmp_path, arguments, said):
    result = call(*arguments, "--out", tmp_path)
    assert result.exit_code == 1
    assert result.output.startswith("error: ") and said in result.output and "Traceback" not in result.output


def test_control_c_keeps_what_was_finished_and_says_how_to_go_on(tmp_path, monkeypatch):
    run_cell, done = mnist_widths.run_cell, []

    def interrupted(*arguments):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(arguments[-1])
        return run_cell(*arguments)

    monkeypatch.setattr(mnist_widths, "run_cell", interrupted)
    result = call("run", "mnist_widths", "--profile", "smoke", "--jobs", 1, "--out", tmp_path)
    assert result.exit_code == 130 and "run the same command to go on" in result.output
    assert len(json.loads((tmp_path / "mnist_widths.smoke.json").read_text())["rows"]) == 3


def test_the_ledger_has_a_line_for_every_claim():
    result = call("ledger")
    assert result.exit_code == 0 and result.output.count("Fig. 3a") == len(mnist_widths.FINDINGS)
