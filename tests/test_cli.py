"""`python -m ib_tutorial` as a user meets it: what it prints, and how it exits."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from ib_tutorial import __version__, cli
from ib_tutorial.catalogue import SHOWS
from ib_tutorial.cli import app
from ib_tutorial.experiments import EXPERIMENTS, ledger, load_record, mnist_widths

ROOT = Path(__file__).resolve().parents[1]
FINDINGS = [finding for module in EXPERIMENTS.values() for finding in module.FINDINGS]


needs_shell = pytest.mark.skipif(shutil.which("sh") is None, reason="the system has no POSIX shell")


def call(*arguments, **environment):
    return CliRunner(env={"COLUMNS": None, **environment}).invoke(app, [str(argument) for argument in arguments])


def shell(command, **environment):
    """Run `command` in a POSIX shell; `ib` there is `python -m ib_tutorial`."""
    script = f"ib() {{ '{sys.executable}' -m ib_tutorial \"$@\"; }}; {command}"
    return subprocess.run(["sh", "-c", script], cwd=ROOT, capture_output=True, env=os.environ | environment)


def columns(printed):
    """The cells of each column of a printed table, joined: what a reader reads down the page, without spaces."""
    cells = [re.split("[│┃|]", line)[1:-1] for line in printed.splitlines() if line[:1] in "│┃|"]
    return ["".join("".join(column).split()) for column in zip(*cells, strict=True)]


def test_help_shows_examples():
    result = call("run", "--help")
    assert result.exit_code == 0 and "python -m ib_tutorial run mnist_widths" in result.output


def test_list_names_every_experiment():
    result = call("list")
    assert result.exit_code == 0 and "mnist_widths" in result.output and "Fig. 3a" in result.output


WATCHED = """
import atexit, sys
from ib_tutorial.cli import main

atexit.register(lambda: print("torch" in sys.modules))
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list"], "mnist_widths"),
        (["--help"], "doctor"),
        (["--version"], __version__),
        (["run", "--help"], "--profile"),
        (["doctor", "--help"], "--device"),
        (["run", "mnist_width"], "error: there is no experiment 'mnist_width'; there are: activation_priors"),
        (["run", "mnist_widths", "--offline", "--scheduler", "tcp://host:8786"], "error: --offline is about this machine"),
        (["ledger", "--json", "--markdown"], "not both"),
    ],
)
def test_what_computes_nothing_does_not_wait_for_torch(arguments, said):
    done = subprocess.run([sys.executable, "-c", WATCHED, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert said in done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.slow
def test_a_run_writes_its_record_and_a_second_one_says_that_it_is_there(tmp_path):
    arguments = ("run", "mnist_widths", "--profile", "smoke", "--jobs", 1, "--out", tmp_path)
    first = call(*arguments)
    assert first.exit_code == 0, first.output
    record = json.loads((tmp_path / "mnist_widths.smoke.json").read_text(encoding="utf-8"))
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
        done.append(arguments[0])
        return run_cell(*arguments)

    monkeypatch.setattr(mnist_widths, "run_cell", interrupted)
    result = call("run", "mnist_widths", "--profile", "smoke", "--jobs", 1, "--out", tmp_path)
    assert result.exit_code == 130 and "run the same command to go on" in result.output
    assert len(json.loads((tmp_path / "mnist_widths.smoke.json").read_text(encoding="utf-8"))["rows"]) == 3


@pytest.fixture
def instant(monkeypatch):
    """Let each cell of mnist_widths take no time."""
    monkeypatch.setattr(mnist_widths, "stages", lambda settings: [[{"seed": n} for n in range(settings.n_seeds)]])
    monkeypatch.setattr(mnist_widths, "run_cell", lambda *_: [{"metric": "error", "value": 0.5}])


def test_a_run_that_resumes_is_not_said_to_have_been_finished_before(tmp_path, instant):
    arguments = ("run", "mnist_widths", "--profile", "smoke", "--seeds", 2, "--jobs", 1, "--out", tmp_path)
    assert "smoke finished:" in call(*arguments).output
    path = tmp_path / "mnist_widths.smoke.json"
    record = load_record(path)
    record.rows, record.finished = record.rows[:1], False
    record.write(path)
    assert "smoke finished:" in call(*arguments).output
    assert "was finished before" in call(*arguments).output


def test_seeds_added_to_a_finished_run_are_not_said_to_have_been_there(tmp_path, instant):
    arguments = ("run", "mnist_widths", "--profile", "smoke", "--jobs", 1, "--out", tmp_path)
    assert "smoke finished: 2 rows" in call(*arguments, "--seeds", 2).output
    assert "smoke finished: 3 rows" in call(*arguments, "--seeds", 3).output


@pytest.mark.slow
def test_the_ledger_has_a_line_for_every_claim_and_record():
    result = call("ledger")
    wanted = Counter(verdict.finding.statement for verdict in ledger(FINDINGS))
    assert result.exit_code == 0
    assert all(result.output.count(statement) >= times for statement, times in wanted.items())
    assert result.output.count("Fig. 3a") == sum("Fig. 3a" in verdict.finding.where for verdict in ledger(FINDINGS))


@pytest.mark.slow
def test_in_a_pipe_no_line_of_the_ledger_is_folded():
    result = call("ledger")
    for finding in FINDINGS:
        assert any(finding.where in line and finding.statement in line for line in result.output.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("width", [40, 80])
def test_a_narrow_terminal_shows_the_whole_of_every_name_and_claim(width):
    names, shows, _ = columns(call("list", COLUMNS=str(width)).output)
    claims = columns(call("ledger", COLUMNS=str(width)).output)[1]
    assert all(name in names and "".join(what.split()) in shows for name, what in SHOWS.items())
    assert all("".join(finding.statement.split()) in claims for finding in FINDINGS)
    assert max(map(len, call("list", COLUMNS=str(width)).output.splitlines())) <= width


@pytest.mark.slow
def test_the_ledger_for_programs_is_json_that_any_parser_reads():
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    verdicts = json.loads(call("ledger", "--json").output, parse_constant=refuse)
    assert {verdict["name"] for verdict in verdicts} == {finding.name for finding in FINDINGS}
    assert all(verdict["low"] <= verdict["mean"] <= verdict["high"] for verdict in verdicts if verdict["n"] > 1)


def test_a_claim_without_a_record_has_null_for_its_numbers(monkeypatch, tmp_path):
    from ib_tutorial.experiments import ledger

    verdict = cli.described(ledger(mnist_widths.FINDINGS, folder=tmp_path)[0])
    assert verdict["verdict"] == "not run"
    assert [verdict[key] for key in ("mean", "low", "high", "profile", "commit", "source")] == [None] * 6


@pytest.mark.slow
def test_the_ledger_as_markdown_is_the_table_of_the_books_page():
    lines = call("ledger", "--markdown").output.splitlines()
    assert all(line.startswith("| ") and line.endswith(" |") for line in lines) and len(lines) >= len(FINDINGS) + 2


def test_the_ledger_takes_one_format_at_a_time():
    result = call("ledger", "--json", "--markdown")
    assert result.exit_code == 2 and "not both" in result.output


@pytest.mark.parametrize(
    ("raised", "said"),
    [(ValueError("x.json is not a record"), "x.json is not a record"), (ImportError("no scipy"), "pip install scipy")],
)
def test_a_ledger_that_cannot_be_made_says_why_in_one_line(monkeypatch, raised, said):
    import ib_tutorial.experiments

    def ledger(findings):
        raise raised

    monkeypatch.setattr(ib_tutorial.experiments, "ledger", ledger)
    result = call("ledger")
    assert result.exit_code == 1 and result.output.startswith("error: ") and said in result.output


@pytest.mark.slow
@needs_shell
@pytest.mark.parametrize("arguments", ["ledger", "ledger --markdown", "list"])
def test_an_output_that_cannot_show_a_character_gets_another(arguments):
    done = shell(f"ib {arguments}", PYTHONIOENCODING="ascii", COLUMNS="80")
    assert done.returncode == 0 and done.stdout and not done.stderr, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("arguments", ["list", "ledger --json", "--version", "run --help"])
def test_a_full_disk_is_one_line(arguments):
    done = shell(f"ib {arguments} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.decode() == "error: the output cannot be written: No space left on device; send it elsewhere\n"


@pytest.mark.slow
@needs_shell
@pytest.mark.parametrize("arguments", ["list", "ledger --json"])
def test_a_reader_that_leaves_ends_the_output_quietly(arguments):
    done = shell(f"ib {arguments} | true")
    assert not done.stdout and not done.stderr, done.stderr


def test_the_version_is_said():
    result = call("--version")
    assert result.exit_code == 0 and result.output == f"ib_tutorial {__version__}\n"


def test_the_help_of_a_flag_does_not_ask_for_a_value():
    flags = [p for command in get_command(app).commands.values() for p in command.params if getattr(p, "is_flag", False)]
    assert {"--offline", "--force", "--deterministic"} <= {name for flag in flags for name in flag.opts}
    assert {flag.metavar for flag in flags} == {""}
    assert call("run", "mnist_widths", "--offline", "true").exit_code == 2


def test_a_stream_that_is_no_file_is_written_as_it_is(monkeypatch):
    """A notebook's stream has no `reconfigure`."""
    heard = io.StringIO()
    monkeypatch.setattr(sys, "stdout", heard)
    monkeypatch.setattr(sys, "argv", ["ib_tutorial", "--version"])
    monkeypatch.setattr(cli, "bound_waiting", lambda: None)  # it is for a whole process
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0 and heard.getvalue().strip()
