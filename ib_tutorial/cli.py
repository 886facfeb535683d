"""`python -m ib_tutorial`: list the experiments, run one into a record, judge the records."""

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Experiments of the information bottleneck book.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def fail(error: Exception) -> typer.Exit:
    message = "\n".join([f"error: {error}", *getattr(error, "__notes__", [])])
    typer.secho(message, err=True, fg="red")
    return typer.Exit(1)


@app.command("list")
def list_experiments() -> None:
    """List the experiments, what each shows, and which profiles the book has records of."""
    from rich import print as show
    from rich.table import Table

    from ib_tutorial.experiments import EXPERIMENTS
    from ib_tutorial.experiments.record import RECORDED

    table = Table("experiment", "shows", "recorded")
    for name, module in EXPERIMENTS.items():
        profiles = sorted(path.name.split(".")[1] for path in RECORDED.glob(f"{name}.*.json"))
        table.add_row(name, module.SHOWS, ", ".join(profiles) or "nothing yet")
    show(table)


@app.command(
    epilog="Examples:\n\n"
    "`python -m ib_tutorial run mnist_widths` (embedded digits, under a minute)\n\n"
    "`python -m ib_tutorial run mnist_widths --profile reduced --data ~/mnist --out book/recorded`"
)
def run(
    name: Annotated[str, typer.Argument(help="An experiment (see `list`), or 'all'.")],
    profile: Annotated[str, typer.Option(help="smoke, quick, reduced or paper.")] = "quick",
    seeds: Annotated[int | None, typer.Option(help="Repetitions, in place of the profile's.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
    beta: Annotated[
        list[float] | None, typer.Option(help="In place of the profile's betas; repeat it for several.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the real images, for reduced and paper; with --scheduler, on each worker's disk."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never download: use the folder or the cache.")] = False,
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
        bool, typer.Option("--deterministic", help="On a GPU: the same bits each time, somewhat slower.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Start anew over a record that is there.")] = False,
) -> None:
    """Run an experiment into a record. An unfinished record is gone on with, so an interrupted run is simply run again."""
    from ib_tutorial.experiments import EXPERIMENTS
    from ib_tutorial.experiments import run as run_experiment

    if offline and scheduler:
        raise fail(ValueError("--offline is about this machine; start the workers with IB_TUTORIAL_OFFLINE=1 instead"))
    if offline:
        os.environ["IB_TUTORIAL_OFFLINE"] = "1"
    for each in EXPERIMENTS if name == "all" else [name]:
        path = out / f"{each}.{profile}.json"
        was_finished = path.exists() and not force
        try:
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
            typer.secho(f"\nstopped; {kept}: run the same command to go on", err=True, fg="yellow")
            raise typer.Exit(130) from None
        state = "was finished before" if was_finished and record.finished else "finished"
        typer.echo(f"{each} at {profile} {state}: {len(record.rows)} rows, {record.seconds:.0f} s of computing, {path}")


@app.command()
def ledger() -> None:
    """Judge every claim of the paper by the records in book/recorded."""
    from rich import print as show
    from rich.table import Table

    from ib_tutorial.experiments import EXPERIMENTS
    from ib_tutorial.experiments import ledger as judge_all

    table = Table("where", "claim", "mean", "95 % interval", "unit", "profile", "verdict")
    for v in judge_all(finding for module in EXPERIMENTS.values() for finding in module.FINDINGS):
        profile = v.record.profile if v.record else ""
        numbers = [f"{v.mean:+.3f}", f"{v.low:+.3f} to {v.high:+.3f}"] if v.record else ["", ""]
        table.add_row(v.finding.where, v.finding.statement, *numbers, v.finding.unit, profile, v.verdict)
    show(table)


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
    """Say what this machine has, what each profile will cost on it, and what to do about what is missing.

    It reads the data sets in full, trains for two seconds and writes nothing. It exits with 1 where something is missing
    that the library, or an option given here, needs.
    """
    from rich.console import Console
    from rich.table import Table

    from ib_tutorial import doctor as room

    console = Console(highlight=False)
    versions = room.packages()
    problems = room.package_problems(versions)
    table = Table("packages", "installed", "missing or too old")
    for extra, found in versions.items():
        installed, wanting = ([p for p in found if p.fits is fits] for fits in (True, False))
        table.add_row(
            extra, ", ".join(f"{p.name} {p.version}" for p in installed), ", ".join(p.requirement for p in wanting)
        )
    console.print(table)

    if not any(problem.needed for problem in problems):
        try:
            device = device or room.best_device()
            here, found = room.machine(device, Path.cwd())
        except ValueError as error:
            raise fail(error) from error
        sets, missing = room.data_sets(data)
        problems += found + missing
        for title, rows in (("machine", here), ("data", sets)):
            table = Table(title, "found")
            for row in rows.items():
                table.add_row(*row)
            console.print(table)

        jobs = room.processes(device)
        costs = room.estimates(room.probe(device), jobs)
        profiles = list(next(iter(costs.values())))
        table = Table("experiment", *profiles, title=f"Estimated cost on {device}, {jobs} at a time")
        for name, by_profile in costs.items():
            table.add_row(name, *map(room.duration, by_profile.values()))
        console.print(table)

    for problem in problems:
        console.print(f"\n{'NEEDED' if problem.needed else 'missing'}: {problem.what}", markup=False, soft_wrap=True)
        console.print(f"    {problem.remedy}", markup=False, soft_wrap=True)
    if not problems:
        console.print("Nothing is missing.")
    if any(problem.needed for problem in problems):
        raise typer.Exit(1)
