"""`python -m ib_tutorial`: list the experiments, run one into a record, judge the records."""

import io
import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ib_tutorial import __version__
from ib_tutorial.catalogue import RECORDED, SHOWS, unknown
from ib_tutorial.waiting import bound_waiting

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status
    from rich.table import Table

    from ib_tutorial.experiments import Verdict

app = typer.Typer(
    help="Experiments of the information bottleneck book.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

FLAG = ""
"""The metavar of an option that takes no value: without it the help shows `<bool>`, as if `--offline true` were meant."""

UNLIMITED = 10_000
"""Columns of an output that is no terminal. No line is that long, so none is folded."""


def main(prog_name: str | None = None) -> None:
    """Run the command line. A character that the output cannot show becomes "?", and a full disk is said in one line."""
    bound_waiting()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a notebook's or a test's own stream can show every character
            stream.reconfigure(errors="replace")
    try:
        try:
            app(prog_name=prog_name)
        finally:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python flushes again at its exit, and fails
        if not isinstance(error, BrokenPipeError):
            raise SystemExit(f"error: the output cannot be written: {error.strerror}; send it elsewhere") from None
        raise SystemExit(1) from None


def fail(error: Exception) -> typer.Exit:
    message = "\n".join([f"error: {error}", *getattr(error, "__notes__", [])])
    typer.secho(message, err=True, fg="red")
    return typer.Exit(1)


def console() -> "Console":
    """The console for tables. It is as wide as the terminal (or as COLUMNS says), and has no limit in a file or pipe."""
    from rich.console import Console

    limited = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if limited else UNLIMITED, highlight=False)


def doing(what: str) -> "Status":
    """Within this context a terminal shows what is being done."""
    from rich.console import Console

    return Console(stderr=True).status(f"{what} ...")


def table(*headers: str, rows: Iterable[Sequence[str]], title: str | None = None) -> "Table":
    """A table that folds what is too long for its column, and so cuts nothing."""
    from rich.table import Table

    made = Table(title=title)
    for header in headers:
        made.add_column(header, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ib_tutorial {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", metavar=FLAG, help="Show the version and exit.", callback=show_version, is_eager=True),
    ] = False,
) -> None:
    pass


@app.command("list")
def list_experiments() -> None:
    """List the experiments, what each shows, and which profiles the book has records of."""

    def profiles(name: str) -> str:
        return ", ".join(sorted(path.name.split(".")[1] for path in RECORDED.glob(f"{name}.*.json"))) or "nothing yet"

    rows = ((name, shows, profiles(name)) for name, shows in SHOWS.items())
    console().print(table("experiment", "shows", "recorded", rows=rows))


@app.command(
    epilog="Examples:\n\n"
    "`python -m ib_tutorial run mnist_widths` (embedded digits, under a minute)\n\n"
    "`python -m ib_tutorial run mnist_widths --profile reduced --data ~/mnist --out book/recorded`"
)
def run(
    name: Annotated[str, typer.Argument(help="An experiment (see `list`), or 'all'.")],
    profile: Annotated[
        str, typer.Option(help="smoke, quick, reduced or paper; for some experiments authors, the settings of the authors' code.")
    ] = "quick",
    seeds: Annotated[int | None, typer.Option(help="Repetitions, in place of the profile's.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
    beta: Annotated[
        list[float] | None, typer.Option(help="In place of the profile's betas; repeat it for several.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the real images, for reduced and paper; with --scheduler, on each worker's disk."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", metavar=FLAG, help="Never download: use the folder or the cache.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for NAME.PROFILE.json.")] = Path("runs"),
    jobs: Annotated[int | None, typer.Option(help="Processes (default: one per core; one on a GPU).")] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run on a Dask cluster: `dask scheduler` prints its ADDRESS (tcp://HOST:8786); on every machine, with this "
            "code and the data, start `dask worker ADDRESS --nworkers N --nthreads 1`.",
        ),
    ] = None,
    deterministic: Annotated[
        bool,
        typer.Option("--deterministic", metavar=FLAG, help="On a GPU: the same bits each time, somewhat slower."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", metavar=FLAG, help="Start anew over a record that is there.")
    ] = False,
) -> None:
    """Run an experiment into a record. An interrupted run resumes when the same command is given again."""
    if name != "all" and name not in SHOWS:
        raise fail(unknown(name))
    if offline and scheduler:
        raise fail(ValueError("--offline is about this machine; start the workers with IB_TUTORIAL_OFFLINE=1 instead"))
    if offline:
        os.environ["IB_TUTORIAL_OFFLINE"] = "1"

    from ib_tutorial.experiments import load_record
    from ib_tutorial.experiments import run as run_experiment

    for each in SHOWS if name == "all" else [name]:
        path = out / f"{each}.{profile}.json"
        try:
            before = load_record(path) if path.exists() and not force else None
            record = run_experiment(
                each,
                profile,
                seeds=seeds,
                device=device,
                betas=beta or (),
                data=data,
                out=out,
                jobs=jobs,
                scheduler=scheduler,
                deterministic=deterministic,
                force=force,
            )
        except (ValueError, OSError, FloatingPointError, ImportError) as error:
            raise fail(error) from error
        except KeyboardInterrupt:
            kept = f"{path} holds what was finished" if path.exists() else "nothing was finished"
            again = "run the same command without --force" if force else "run the same command"
            typer.secho(f"\nstopped; {kept}: {again} to go on", err=True, fg="yellow")
            raise typer.Exit(130) from None
        computed = before is None or not before.finished or before.rows != record.rows
        state = "finished" if computed else "was finished before"
        typer.echo(f"{each} at {profile} {state}: {len(record.rows)} rows, {record.seconds:.0f} s of computing, {path}")


@app.command()
def ledger(
    as_json: Annotated[
        bool, typer.Option("--json", metavar=FLAG, help="Print a JSON list with all that is known of each verdict.")
    ] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", metavar=FLAG, help="Print the table of the book's page, in Markdown.")
    ] = False,
) -> None:
    """Judge every claim of the paper by the records that the book shows."""
    if as_json and as_markdown:
        raise typer.BadParameter("give --json or --markdown, not both")

    from ib_tutorial.experiments import EXPERIMENTS
    from ib_tutorial.experiments import ledger as judge_all
    from ib_tutorial.experiments.verdicts import after_holm
    from ib_tutorial.experiments.verdicts import as_markdown as markdown

    try:
        verdicts = judge_all(finding for module in EXPERIMENTS.values() for finding in module.FINDINGS)
    except (ValueError, OSError) as error:
        raise fail(error) from error
    except ImportError as error:
        raise fail(ImportError(f"{error}; the intervals need `pip install scipy`")) from error
    if as_json:
        typer.echo(json.dumps([described(verdict) for verdict in verdicts], indent=1, allow_nan=False))
    elif as_markdown:
        typer.echo(markdown(verdicts))
    else:
        headers = ("where", "claim", "mean (95 % interval)", "profile and regime", "verdict", "stands after Holm")
        rows = (
            (v.finding.where, v.finding.statement, measured(v), profile_and_regime(v), v.verdict, after_holm(v))
            for v in verdicts
        )
        console().print(table(*headers, rows=rows))


def profile_and_regime(v: "Verdict") -> str:
    """ "reduced; learnt to a training error of 1.0% on average and 3.0% at most", empty where there is no record."""
    return f"{v.record.profile}; {v.regime}" if v.record else ""


def measured(v: "Verdict") -> str:
    """ "+0.42 (+0.31 to +0.53) nats", or why there is no number."""
    return f"{v.mean:+.3f} ({v.low:+.3f} to {v.high:+.3f}) {v.finding.unit}" if v.n else v.reason


def described(v: "Verdict") -> dict[str, Any]:
    """A verdict as JSON can hold it: null where there is no number, and where an interval has no end."""
    numbers = {"mean": v.mean, "low": v.low, "high": v.high, "p": v.p}
    claimed = {name: getattr(v.finding, name) for name in ("name", "experiment", "where", "statement", "test", "unit")}
    return {
        **claimed,
        "published": v.finding.published,
        **{name: value if math.isfinite(value) else None for name, value in numbers.items()},
        "n": v.n,
        "reason": v.reason,
        "profile": v.record and v.record.profile,
        "commit": v.record and v.record.commit,
        "source": v.record and v.record.source,
        "verdict": v.verdict,
        "regime": v.regime,
        "stands_after_holm": v.stands,
    }


@app.command(
    epilog="Examples:\n\n`python -m ib_tutorial doctor`\n\n"
    "`python -m ib_tutorial doctor --device cuda --data ~/images` (with the options of the run that is planned)"
)
def doctor(
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or cuda:N (default: the GPU where torch finds one).")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the real images.")] = None,
) -> None:
    """Say what this machine has, what each experiment will cost on it, and what to do about what is missing.

    It reads the data sets in full, trains for one second and writes nothing. It exits with 1 where something is missing
    that the library, or an option given here, needs.
    """
    from ib_tutorial import doctor as room

    screen = console()
    versions = room.packages()
    problems = room.package_problems(versions)
    rows: list[tuple[str, ...]] = []
    for extra, each in versions.items():
        installed, wanting = ([p for p in each if p.fits is fits] for fits in (True, False))
        rows.append(
            (extra, ", ".join(f"{p.name} {p.version}" for p in installed), ", ".join(p.requirement for p in wanting))
        )
    screen.print(table("packages", "installed", "missing or too old", rows=rows))

    if not any(problem.needed for problem in problems):
        try:
            with doing("Looking at the machine"):
                device = device or room.best_device()
                here, found = room.machine(device, Path.cwd())
        except ValueError as error:
            raise fail(error) from error
        with doing("Reading the data sets"):
            sets, missing = room.data_sets(data)
        problems += found + missing
        for what, entries in (("machine", here), ("data", sets)):
            screen.print(table(what, "found", rows=entries.items()))

        jobs = room.processes(device)
        with doing("Training for a second"):
            costs = room.estimates(room.probe(device), jobs)
        profiles = list(next(iter(costs.values())))
        rows = [(name, *map(room.duration, by_profile.values())) for name, by_profile in costs.items()]
        screen.print(
            table("experiment", *profiles, rows=rows, title=f"Estimated cost on {device}, {jobs} at a time")
        )
        screen.print("Scaled from recorded runs. A run takes between a third of this and three times as long.")

    for problem in problems:
        screen.print(f"\n{'NEEDED' if problem.needed else 'missing'}: {problem.what}", markup=False, soft_wrap=True)
        screen.print(f"    {problem.remedy}", markup=False, soft_wrap=True)
    if not problems:
        screen.print("Nothing is missing.")
    if any(problem.needed for problem in problems):
        raise typer.Exit(1)
