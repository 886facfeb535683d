"""Slices of the paper's runs that fit into a few minutes of a borrowed GPU: `python -m ib_tutorial.experiments.slices --help`.

A GPU that is lent for minutes is well spent if the list of runs is ready. `SLICES` is that list, the most telling slice first. A slice takes
one data set and one call of the GPU machine. It runs ordinary experiments at the paper's size, with fewer epochs, values of beta and seeds,
and its networks train side by side, each in a process of its own. Its records are ordinary ones, `NAME.slice.json`. A call that is cut short
keeps the networks that were finished and the last epoch of the others, and the next call on such a machine resumes them.

The number of epochs of each slice is a guess, since nobody has timed these networks on such a GPU: after the first call correct it here.
`pack` makes CIFAR-10 small enough to be sent along.
"""

import io
import os
import signal
import tempfile
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ib_tutorial.experiments.runner import config, experiment, run
from ib_tutorial.stopping import sigterm_as_control_c

PROFILE = "slice"

PACKED = "cifar10.packed.npz"


@dataclass(frozen=True)
class Part:
    """An experiment within a slice: what differs from its profile `paper`, and how many networks train side by side."""

    experiment: str
    side_by_side: int
    changed: dict[str, Any] = field(default_factory=dict)

    def settings(self, smoke: bool = False) -> Any:
        """The settings of the part; at `smoke` those of the experiment's profile `smoke`, with one seed."""
        if smoke:
            return replace(config(self.experiment, "smoke"), n_seeds=1)
        return replace(config(self.experiment, "paper"), **self.changed)


@dataclass(frozen=True)
class Slice:
    """What one call computes."""

    name: str
    data: str
    minutes: int
    """Of the call, in which the machine's start counts."""
    brings: str
    parts: tuple[Part, ...]


SLICES = (
    Slice(
        name="figures-5-6-3b",
        data="cifar10",
        minutes=9,
        brings="All-CNN-32 with Softplus units at 25 % of the filters on 45,000 images: total correlation and error at five values of beta "
        "(Fig. 5), nats per layer (one width of Fig. 6), and the error of no noise, binary dropout at p = 0.5, the same with a gate, "
        "Information Dropout and constant noise (one width of Fig. 3b); one seed.",
        parts=(
            Part(
                "total_correlation",
                side_by_side=5,
                changed=dict(betas=(0.1, 1.0, 3.0, 10.0, 30.0), n_seeds=1, epochs=60, drops=(24, 36, 48)),
            ),
            Part(
                "cifar_filters",
                side_by_side=4,
                changed=dict(
                    widths=(0.25,), betas=(1.0,), drop_rates=(0.5,), growths=0, fixed_drop_rates=(), fixed_betas=(), n_seeds=1, epochs=60,
                    drops=(24, 36, 48),
                ),
            ),
        ),
    ),
    Slice(
        name="figures-2-7",
        data="mnist",
        minutes=4,
        brings="All-CNN-96 with all its filters on 50,000 cluttered images: the maps of nats per place at three values of beta and their scores "
        "(Figs 2 and 7), and the error without noise; one seed.",
        parts=(
            Part(
                "information_maps",
                side_by_side=3,
                changed=dict(betas=(0.01, 0.1, 0.5), caps=(), n_seeds=1, epochs=8, drops=(4, 7), kept=0),
            ),
        ),
    ),
    Slice(
        name="table-1-k3",
        data="mnist",
        minutes=9,
        brings="The two autoencoders at k = 3 at the paper's full length, 300 epochs, with their choice of a learning rate: the last row of "
        "Table 1 at three seeds.",
        parts=(Part("vae_bound", side_by_side=6, changed=dict(ks=(3,))),),
    ),
)


def run_slice(
    wanted: Slice, *, out: Path, data: Path | None = None, device: str = "cuda", minutes: float | None = None, smoke: bool = False
) -> bool:
    """Run the parts of a slice one after another, each into its record in `out`, and say what is there.

    Args:
        data: the folder that holds the data set, or CIFAR-10 as `pack` made it.
        minutes: the time after which the slice stops itself; what was finished is kept.
        smoke: a tiny run of the same experiments on the embedded images, one network at a time.

    Returns:
        Whether every part is finished.
    """
    timer = threading.Timer(60.0 * minutes, os.kill, (os.getpid(), signal.SIGTERM)) if minutes else None
    with sigterm_as_control_c(), tempfile.TemporaryDirectory() as folder:
        try:
            if timer:
                timer.daemon = True
                timer.start()
            if data is not None and (data / PACKED).exists() and wanted.data == "cifar10" and not smoke:
                data = unpack(data / PACKED, Path(folder))
            for part in wanted.parts:
                settings = part.settings(smoke)
                jobs = 1 if smoke else part.side_by_side
                record = run(part.experiment, PROFILE, settings=settings, device=device, data=data, out=out, jobs=jobs, progress=False)
                print(f"{part.experiment}: finished, {len(record.rows)} rows, {record.seconds:.0f} s of computing", flush=True)
        except KeyboardInterrupt:
            print(f"{wanted.name}: stopped; the same command on such a machine resumes from what is in {out.name}", flush=True)
            return False
        finally:
            if timer:
                timer.cancel()
    return True


def pack(source: Path, target: Path) -> None:
    """Pack a copy of CIFAR-10 as JPEG to a third of its size: the header that all its images share is kept once.

    Args:
        source: an .npz with the files' bytes one after another (`jpeg`), where each begins (`offsets`, one more than images) and `labels`. The
            first 50,000 images are for training.
        target: the .npz to write.
    """
    with np.load(source) as found:
        whole, offsets, labels = found["jpeg"], found["offsets"], found["labels"]
    sizes = np.diff(offsets)
    first = whole[: sizes.min()]
    same = np.ones(len(first), bool)
    for start in offsets[:-1]:
        same &= whole[start : start + len(first)] == first
    header = int(same.argmin()) if not same.all() else len(first)
    inside = np.arange(len(whole)) - np.repeat(offsets[:-1], sizes) >= header
    np.savez(target, header=first[:header], bodies=whole[inside], sizes=(sizes - header).astype(np.uint16), labels=labels)


def unpack(packed: Path, folder: Path) -> Path:
    """Write what `pack` made as CIFAR-10's binary files into `folder`, and return it; pillow decodes the images."""
    from PIL import Image

    with np.load(packed) as found:
        header, bodies, labels = found["header"].tobytes(), found["bodies"].tobytes(), found["labels"]
        ends = np.cumsum(found["sizes"], dtype=np.int64)
    rows = np.empty((len(labels), 3073), np.uint8)
    for row, start, end, label in zip(rows, ends - np.diff(ends, prepend=0), ends, labels, strict=True):
        image = np.asarray(Image.open(io.BytesIO(header + bodies[start:end])))
        row[0], row[1:] = label, image.transpose(2, 0, 1).reshape(-1)
    inner = folder / "cifar-10-batches-bin"
    inner.mkdir()
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    for name, batch in zip(names, np.array_split(rows, 6), strict=True):
        batch.tofile(inner / name)
    return folder


def described() -> str:
    """The list, for people: what each slice takes and brings back."""
    lines = []
    for each in SLICES:
        lines.append(f"{each.name} ({each.minutes} minutes, {each.data}): {each.brings}")
        for part in each.parts:
            settings = part.settings()
            cells = sum(map(len, experiment(part.experiment).stages(settings)))
            lines.append(f"    {part.experiment}: {settings.epochs} epochs, at most {cells} networks, {part.side_by_side} side by side")
    return "\n".join(lines)


app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.command("list")
def list_slices() -> None:
    """Say what each slice takes and brings back."""
    print(described())


def named(name: str) -> Slice:
    for each in SLICES:
        if each.name == name:
            return each
    raise typer.BadParameter(f"there is no slice {name!r}; there are: {', '.join(each.name for each in SLICES)}")


@app.command("run")
def run_named(
    wanted: Annotated[Slice, typer.Argument(parser=named, metavar="NAME", help="Of a slice, as `list` has it.")],
    out: Annotated[Path, typer.Option(help="Folder for NAME.slice.json, and for what is in progress.")] = Path("runs"),
    data: Annotated[Path | None, typer.Option(help=f"Folder of the images, or of {PACKED}.")] = None,
    device: str = "cuda",
    minutes: Annotated[float | None, typer.Option(help="Stop after so many minutes and keep what is finished.")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="See in seconds that it runs, on the embedded images.")] = False,
) -> None:
    """Run a slice. The exit status is 0 if it is finished."""
    if not run_slice(wanted, out=out, data=data, device=device, minutes=minutes, smoke=smoke):
        raise typer.Exit(1)


@app.command("pack")
def pack_into(
    source: Annotated[Path, typer.Argument(help="An .npz with jpeg, offsets and labels.")],
    folder: Annotated[Path, typer.Argument(help=f"Where {PACKED} is written.")],
) -> None:
    """Make a JPEG copy of CIFAR-10 small enough to be sent along."""
    folder.mkdir(parents=True, exist_ok=True)
    pack(source, folder / PACKED)


if __name__ == "__main__":
    app(prog_name="python -m ib_tutorial.experiments.slices")
