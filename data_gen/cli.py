"""python -m data_gen: fetch the real data, verify it, write generated sets. `python -m data_gen COMMAND --help` has examples."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .archive import Member, check_target, verify_archive, write_archive
from .catalogue import NAMES, OFFICIAL_COUNTS, SPLIT_SEEDS, SPLIT_SIZES, SPLITS
from .download import CATALOGUE, fetch
from .errors import DataError, MissingData

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from .sources import Images

app = typer.Typer(
    help="Where images come from, and how nuisances are made to order.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

BATCH = 1000
"""Images made at a time."""


class Name(StrEnum):
    mnist = "mnist"
    cifar10 = "cifar10"
    mnist5k = "mnist5k"
    shapes32 = "shapes32"


class Digits(StrEnum):
    mnist = "mnist"
    mnist5k = "mnist5k"


class Photographs(StrEnum):
    cifar10 = "cifar10"
    shapes32 = "shapes32"


Data = Annotated[
    Path | None,
    typer.Option("--data", "--root", help="Folder that holds the official files; without it, the cache or a download."),
]
FLAG = ""
"""The metavar of an option that takes no value: without it the help shows `<bool>`, as if `--offline true` were meant."""

Offline = Annotated[bool, typer.Option("--offline", metavar=FLAG, help="Never use the network.")]
Force = Annotated[bool, typer.Option("--force", metavar=FLAG, help="Replace files that are there.")]
Seed = Annotated[int, typer.Option(help="Seed of the training split; the test split uses the next.")]
TRAIN = typer.Option("--train", min=0, help="Training images.")
TEST = typer.Option("--test", min=0, help="Test images.")


@contextmanager
def plain_errors() -> Iterator[None]:
    """A user's error is a message and exit code 1, not a traceback."""
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read our output has read enough: main ends quietly
    except (DataError, OSError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("interrupted; nothing half-written was left.")


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(1)


@app.command("fetch")
def fetch_command(
    name: Annotated[Name, typer.Argument(help="The data set.")],
    offline: Offline = False,
) -> None:
    """Download an official data set into the cache, checked by size and SHA-256.

    \b
    python -m data_gen fetch mnist        12 MB
    python -m data_gen fetch cifar10     170 MB, the binary version

    IB_TUTORIAL_CACHE names another folder for the cache.
    """
    with plain_errors():
        if name not in CATALOGUE:
            print(f"{name} is embedded: it is always there, nothing to fetch.")
            return
        if offline:
            print(_verify_set(name, None))  # says what is missing, if it is
            return
        print(f"{name} is in {fetch(name)}")


@app.command("verify")
def verify_command(
    targets: Annotated[
        list[str] | None,
        typer.Argument(help="Data sets, or .npz files that a command here wrote; all data sets if none."),
    ] = None,
    data: Data = None,
) -> None:
    """Read every byte of a data set or of a generated file, and say what it is. Never uses the network.

    \b
    python -m data_gen verify
    python -m data_gen verify mnist --data DIR
    python -m data_gen verify cluttered_mnist.npz
    """
    failed = False
    for target in targets or NAMES:
        try:
            if target.endswith(".npz"):
                record = verify_archive(Path(target))
                said = f"{target}: as described ({record['command']}, seed {record['seed']}, SHA-256 {record['sha256']})"
            else:
                said = _verify_set(target, data)
        except MissingData as error:
            print(f"{target}: not here. {error}", file=sys.stderr)
            failed = failed or bool(targets)  # without a list, a set that was never fetched is no failure
        except (DataError, OSError) as error:
            print(f"{target}: {error}", file=sys.stderr)
            failed = True
        else:
            print(said)
    if failed:
        raise typer.Exit(1)


def _verify_set(name: str, data: Path | None) -> str:
    from .sources import load

    lines = []
    for split in SPLITS:
        loaded = load(name, split, root=data, offline=True)
        expected = OFFICIAL_COUNTS.get(name, {}).get(split, len(loaded.labels))
        note = "" if len(loaded.labels) == expected else f", not the official {expected:,}"
        lines.append(
            f"{loaded.source.name} {split}: {len(loaded.labels):,} images{note}, from {loaded.source.origin}, SHA-256 {loaded.source.sha256}"
        )
    return "\n".join(lines)


@app.command("cluttered-mnist")
def cluttered_mnist_command(
    out: Annotated[Path, typer.Option(help="The .npz to write.")] = Path("cluttered_mnist.npz"),
    digits: Annotated[Digits, typer.Option(help="Where the digits come from.")] = Digits.mnist,
    data: Data = None,
    train: Annotated[int, TRAIN] = 50_000,
    test: Annotated[int, TEST] = 10_000,
    size: Annotated[int, typer.Option(help="The canvas' side, in pixels.")] = 96,
    distractors: Annotated[int, typer.Option(help="Distractors in each image.")] = 21,
    distractor_size: Annotated[int, typer.Option(help="Their side, in pixels.")] = 8,
    seed: Seed = 0,
    offline: Offline = False,
    force: Force = False,
) -> None:
    """Write Cluttered MNIST: a digit among pieces of other digits on a large canvas, as in the paper.

    \b
    python -m data_gen cluttered-mnist                                  50,000 / 10,000 at 96x96
    python -m data_gen cluttered-mnist --data DIR --out DIR/clutter.npz
    python -m data_gen cluttered-mnist --digits mnist5k --train 4000 --test 1000 --distractors 8
    """
    from .clutter import cluttered
    from .sources import load

    with plain_errors():
        check_target(out, force)
        geometry = {"size": size, "n_distractors": distractors, "distractor": distractor_size}
        sources = {split: load(digits, split, root=data, offline=offline or None) for split in SPLITS}

        def make(split: str, start: int, n: int) -> "dict[str, Tensor]":
            source = sources[split]
            made = cluttered(
                source.images, source.labels, n=n, start=start, seed=seed + SPLITS.index(split), **geometry
            )
            return {"images": made.images, "labels": made.labels, "box": made.box, "distractors": made.distractors}

        kinds = {
            "images": ((size, size, 1), "uint8"),
            "labels": ((), "uint8"),
            "box": ((4,), "int16"),
            "distractors": ((distractors, 4), "int16"),
        }
        _write(
            "cluttered-mnist",
            out,
            {"train": train, "test": test},
            kinds,
            make,
            seed,
            geometry,
            {"digits": sources},
            force,
        )


@app.command("occluded-cifar")
def occluded_cifar_command(
    out: Annotated[Path, typer.Option(help="The .npz to write.")] = Path("occluded_cifar.npz"),
    images: Annotated[Photographs, typer.Option(help="What is occluded.")] = Photographs.cifar10,
    digits: Annotated[Digits, typer.Option(help="What occludes it.")] = Digits.mnist,
    data: Data = None,
    train: Annotated[int | None, TRAIN] = None,
    test: Annotated[int | None, TEST] = None,
    shift: Annotated[int, typer.Option(help="The digit is off the centre by at most this many pixels.")] = 2,
    seed: Seed = 0,
    offline: Offline = False,
    force: Force = False,
) -> None:
    """Write Occluded CIFAR: every image with a digit over it, both labels and the mask.

    \b
    python -m data_gen occluded-cifar                                   50,000 / 10,000
    python -m data_gen occluded-cifar --data DIR                        DIR holds both official sets
    python -m data_gen occluded-cifar --images shapes32 --digits mnist5k --out occluded_shapes.npz
    """
    import torch

    from .occlusion import occluded
    from .sources import load

    with plain_errors():
        check_target(out, force)
        pictures, nuisances = (
            {split: load(name, split, root=data, offline=offline or None) for split in SPLITS}
            for name in (images, digits)
        )
        counts = {
            split: len(pictures[split].labels) if n is None else n for split, n in (("train", train), ("test", test))
        }
        for split, n in counts.items():
            if n > len(pictures[split].labels):
                raise DataError(f"--{split} {n}: {images}'s {split} split has {len(pictures[split].labels):,} images.")

        def make(split: str, start: int, n: int) -> "dict[str, Tensor]":
            under, over = pictures[split], nuisances[split]
            chosen = torch.arange(start, start + n)
            made = occluded(
                under.images,
                under.labels,
                over.images,
                over.labels,
                seed=seed + SPLITS.index(split),
                shift=shift,
                indices=chosen,
            )
            return made._asdict()

        kinds = {
            "images": ((32, 32, 3), "uint8"),
            "labels": ((), "uint8"),
            "digit_labels": ((), "uint8"),
            "mask": ((32, 32, 1), "uint8"),
        }
        sources = {"images": pictures, "digits": nuisances}
        _write("occluded-cifar", out, counts, kinds, make, seed, {"shift": shift}, sources, force)


@app.command("shapes")
def shapes_command(
    out: Annotated[Path, typer.Option(help="The .npz to write.")] = Path("shapes32.npz"),
    train: Annotated[int, TRAIN] = SPLIT_SIZES["train"],
    test: Annotated[int, TEST] = SPLIT_SIZES["test"],
    seed: Seed = SPLIT_SEEDS["train"],
    force: Force = False,
) -> None:
    """Write shapes32: procedural colour images in ten classes, with every generating factor.

    \b
    python -m data_gen shapes                            10,000 / 2,000: what load("shapes32") returns
    python -m data_gen shapes --train 50000 --seed 7 --out more_shapes.npz
    """
    from .shapes import shapes32

    with plain_errors():
        check_target(out, force)

        def make(split: str, start: int, n: int) -> "dict[str, Tensor]":
            made = shapes32(n, seed=seed + SPLITS.index(split), start=start)
            return {"images": made.images, "labels": made.labels, **made.factors._asdict()}

        example = {name: value.numpy() for name, value in make("train", 0, 1).items()}
        kinds = {name: (value.shape[1:], str(value.dtype)) for name, value in example.items()}
        kinds |= {name: ((), "uint8") for name in ("labels", "shape", "background")}
        _write("shapes", out, {"train": train, "test": test}, kinds, make, seed, {}, {}, force)


def _write(
    command: str,
    out: Path,
    counts: dict[str, int],
    kinds: dict[str, tuple[tuple[int, ...], str]],
    make: "Callable[[str, int, int], dict[str, Tensor]]",
    seed: int,
    parameters: dict,
    sources: "dict[str, dict[str, Images]]",
    force: bool,
) -> None:
    """Write the arrays SPLIT_FIELD of both splits. Each field is a pass over the set: memory stays that of a batch."""
    from rich.console import Console
    from rich.progress import Progress

    steps = sum(-(-n // BATCH) for n in counts.values()) * len(kinds)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(command, total=steps)

        def batches(split: str, field: str) -> "Iterator[np.ndarray]":
            for start in range(0, counts[split], BATCH):
                yield make(split, start, min(BATCH, counts[split] - start))[field].numpy()
                progress.advance(task)

        members = {
            f"{split}_{field}": Member(
                (counts[split], *shape), dtype, partial(batches, split, field)
            )
            for split in SPLITS
            for field, (shape, dtype) in kinds.items()
        }
        description = {
            "command": command,
            "parameters": {**counts, **parameters},
            "seed": seed,
            "source": {
                role: {split: loaded.source._asdict() for split, loaded in splits.items()}
                for role, splits in sources.items()
            },
        }
        record = write_archive(out, members, description, force=force)
    for role, splits in sources.items():
        print(f"{role}: {splits['train'].source.name}, from {splits['train'].source.origin}")
    print(
        f"{out}: {counts['train']:,} training and {counts['test']:,} test images, seed {seed}, SHA-256 {record['sha256']}"
    )
    print(f"{out.with_suffix('.json')}: how it was made")


def main() -> None:
    """Run a command. Output that nobody reads to its end is no error, and output that cannot be written is one line."""
    level = os.environ.get("IB_TUTORIAL_LOG", "").upper() or "WARNING"
    if level not in logging.getLevelNamesMapping():
        sys.exit(f"error: IB_TUTORIAL_LOG={level}: it must be one of {', '.join(logging.getLevelNamesMapping())}.")
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s")
    try:
        try:
            app(prog_name="python -m data_gen")
        except SystemExit as ended:
            code = ended.code
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        code = 1 if isinstance(error, BrokenPipeError) else f"error: cannot write the output: {error.strerror}."
    sys.exit(code)
