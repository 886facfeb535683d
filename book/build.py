"""Execute the chapters, render the book, renew the outputs that the committed notebooks carry.

`book/make.py` calls this file; `python book/build.py --help` lists its commands. Chapters are run by papermill into
`_build/executed/`, a copy of the book from which Jupyter Book makes the HTML; the source tree is only written by `refresh`.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import nbformat
import papermill
import typer
from jupyter_client import AsyncKernelManager
from launch import Launch, address, configured, launch, with_install_cell, write_binder
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from reached import reached
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from sphinx_external_toc.parsing import parse_toc_yaml

from ib_tutorial.atomic import write_whole
from ib_tutorial.stopping import sigterm_as_control_c
from ib_tutorial.waiting import waiting_bounded

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ("_config.yml", "_toc.yml", "CHANGELOG.md", "CITATION.cff")
PROFILES = ("smoke", "quick", "reduced", "paper")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
console = Console(stderr=False)
Profile = Annotated[str, typer.Option(help=f"One of {', '.join(PROFILES)}.")]
Repository = Annotated[str, typer.Option(help="https://github.com/OWNER/NAME, for the Colab and Binder buttons.")]
Branch = Annotated[str, typer.Option(help="The branch that the built book is published on.")]
Jobs = Annotated[int | None, typer.Option(help="Chapters to run at once; two by default, where there are two cores.")]

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""The variables by which a user may have chosen how many threads a chapter computes on."""
PROCESSES = "LOKY_MAX_CPU_COUNT"
"""The variable by which a user may have chosen how many processes `experiments.run` starts by default."""


@dataclass(frozen=True)
class Run:
    """The result of a chapter: the seconds that it took when it was last executed, and whether that was in this build."""

    chapter: str
    seconds: float
    executed: bool


class PatientManager(AsyncKernelManager):
    """Stops a kernel without an interrupt before it.

    papermill asks the kernel for its language after the last cell, and stops it as soon as it has the answer. A kernel that
    is interrupted at that moment reports "KeyboardInterrupt caught in kernel", though nothing is wrong.
    """

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
        """Ask the kernel to stop, and end it where it does not within five seconds. It is asked even where `now` is set."""
        self.shutting_down = True
        self.stop_restarter()
        await self.request_shutdown(restart=restart)
        await self.finish_shutdown(restart=restart)
        await self.cleanup_resources(restart=restart)


class ChapterFailed(Exception):
    """A cell of a chapter raised; the message says which, with its traceback."""


def executed_in(root: Path) -> Path:
    """The copy of the book that is executed and rendered."""
    return root / "_build" / "executed"


def pages(root: Path) -> list[str]:
    """The pages of `_toc.yml` in reading order, without their endings: "book/index", ..."""
    listed = list(parse_toc_yaml(root / "_toc.yml"))
    for page in listed:
        if not any((root / f"{page}{ending}").exists() for ending in (".ipynb", ".md")):
            raise typer.BadParameter(f"_toc.yml lists {page}, and there is neither {page}.ipynb nor {page}.md")
    return listed


def chapters(root: Path) -> list[str]:
    """The pages that are notebooks."""
    return [page for page in pages(root) if (root / f"{page}.ipynb").exists()]


def code(notebook: NotebookNode) -> str:
    """The code of a notebook, cell by cell, on which its outputs depend."""
    return "\n\0\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def digest(*parts: bytes) -> str:
    h = hashlib.sha256()
    for part in parts:
        h.update(len(part).to_bytes(8, "big") + part)
    return h.hexdigest()


def records_shown(source: str, root: Path) -> list[Path]:
    """The records that code reads: those whose experiment it names, or all records if it judges the whole ledger."""
    paths = sorted((root / "book" / "recorded").glob("*"))
    if re.search(r"\bledger\(", source):
        return paths
    return [path for path in paths if re.search(rf"\b{re.escape(path.name.split('.')[0])}\b", source)]


def key(notebook: NotebookNode, profile: str, root: Path) -> str:
    """A digest of a chapter's cells, its records, the modules that it uses, the pins and the profile. If it changes, the chapter is executed again."""
    modules = reached(code(notebook).replace("\0", ""), root)
    files = [*records_shown(code(notebook), root), root / "requirements.txt"]
    cells = [f"{cell.cell_type}\0{cell.source}\0{cell.metadata}".encode() for cell in notebook.cells]
    named = [part for name in sorted(modules) for part in (name.encode(), modules[name])]
    named += [part for path in files for part in (path.relative_to(root).as_posix().encode(), path.read_bytes())]
    return digest(profile.encode(), *cells, b"files", *named)


def stage(root: Path, where: Launch | None = None) -> None:
    """Bring all but the notebooks up to date in the copy to be rendered, and drop notebooks that are no chapter any more."""
    executed = executed_in(root)
    executed.mkdir(parents=True, exist_ok=True)
    kept = set(chapters(root))
    for old in executed.rglob("*.ipynb"):
        if old.relative_to(executed).with_suffix("").as_posix() not in kept:
            old.unlink()
    sources = [root / name for name in SETTINGS]
    sources += [p for p in (root / "book").rglob("*") if p.suffix in {".md", ".bib"} or "_static" in p.parts]
    sources += (root / "book" / "_ext").glob("*.py")
    sources.append(root / "book" / "proofs.json")
    wanted = {path.relative_to(root) for path in sources if path.is_file()}
    for old in executed.rglob("*"):
        if old.is_file() and old.suffix != ".ipynb" and old.relative_to(executed) not in wanted:
            old.unlink()
    for relative in wanted:
        target = executed / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        content = (root / relative).read_bytes()
        if where is not None and relative.name == "_config.yml":
            content = configured(content.decode(), where).encode()
        if not target.exists() or target.read_bytes() != content:
            target.write_bytes(content)


def execute_chapter(chapter: str, profile: str, root: Path) -> Run:
    """Execute one chapter, unless what was executed before has the same key. Raises ChapterFailed."""
    source = root / f"{chapter}.ipynb"
    target = executed_in(root) / f"{chapter}.ipynb"
    notebook = nbformat.read(source, as_version=4)
    wanted = key(notebook, profile, root)
    has_profile = any("parameters" in cell.metadata.get("tags", []) for cell in notebook.cells)
    if target.exists():
        stored = nbformat.read(target, as_version=4).metadata.get("book", {})
        if stored.get("key") == wanted:
            return Run(chapter, stored["seconds"], executed=False)

    target.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=root / "_build", prefix="running-") as folder:
        output = Path(folder) / source.name
        try:
            papermill.execute_notebook(
                source,
                output,
                {"profile": profile} if has_profile else {},
                kernel_name="python3",
                language="python",
                resources={
                    "metadata": {"path": folder}
                },  # the kernel's folder; papermill's cwd would move this whole process
                progress_bar=False,
                kernel_manager_class=PatientManager,
                extra_arguments=["--IPKernelApp.log_level=ERROR"],  # no remarks about the kernel's transport
            )
        except PapermillExecutionError as error:
            failed = root / "_build" / "failed" / source.name
            failed.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(output, failed)
            raise ChapterFailed(describe(chapter, error, failed.relative_to(root))) from error
        except (DeadKernelError, CellTimeoutError) as error:
            raise ChapterFailed(f"{chapter}.ipynb: its kernel stopped: {error}; is there enough memory?") from error
        notebook = nbformat.read(output, as_version=4)
    seconds = round(time.perf_counter() - start, 1)
    notebook = clean(notebook)
    notebook.metadata["book"] = {"key": wanted, "seconds": seconds, "profile": profile}
    write_notebook(notebook, target)
    return Run(chapter, seconds, executed=True)


def describe(chapter: str, error: PapermillExecutionError, failed: Path) -> str:
    traceback = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    return (
        f"{chapter}.ipynb failed in its cell {error.cell_index} (execution count {error.exec_count}): "
        f"{error.ename}: {error.evalue}\n\nThe cell:\n{error.source}\n\n{traceback}\n\n"
        f"The notebook up to there: {failed}"
    )


def clean(notebook: NotebookNode) -> NotebookNode:
    """Take out of a notebook what differs between two runs on two machines: times, versions, papermill's notes, drawn progress bars.

    The cell in which papermill sets the profile goes too, since a reader's own choice, in the cell above it, would not count.
    """
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    notebook.cells = [cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        for noted in ("papermill", "execution", "trusted"):
            cell.metadata.pop(noted, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
        if cell.cell_type == "code":
            cell.outputs = merged(output for output in cell.outputs if not is_progress(output))
    return notebook


def merged(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """The outputs, with successive pieces of printed text joined. On a busy machine a text arrives in several pieces."""
    kept: list[NotebookNode] = []
    for output in outputs:
        if kept and output.output_type == kept[-1].output_type == "stream" and output.name == kept[-1].name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def is_progress(output: NotebookNode) -> bool:
    return output.output_type == "stream" and output.name == "stderr" and "\r" in output.text


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    write_whole(path, (nbformat.writes(notebook).rstrip("\n") + "\n").encode())


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def cores_shared(jobs: int) -> Iterator[None]:
    """Kernels that are started within this context compute on their share of the cores, in threads as in processes.

    Otherwise two chapters at once would start two processes for each core. What the user has set stays.
    """
    free = {PROCESSES} - set(os.environ)
    if not any(name in os.environ for name in THREADS):
        free.add(THREADS[0])
    shared = dict.fromkeys(free, str(max(1, cores() // jobs))) if jobs > 1 else {}
    os.environ.update(shared)
    try:
        yield
    finally:
        for name in shared:
            del os.environ[name]


def execute_all(profile: str, jobs: int | None = None, root: Path = ROOT) -> list[Run]:
    """Execute every chapter that needs it, and show which are running.

    Args:
        profile: the size of the chapters' computations.
        jobs: chapters to run at once, each in a process of its own. By default two, or one where there is one core.
        root: the checkout.

    Raises:
        ChapterFailed: a chapter failed. The others are finished first.
    """
    if not __debug__:
        raise ChapterFailed(
            "Python's optimised mode drops the assert statements with which the chapters check what they say. "
            "Unset PYTHONOPTIMIZE, and run Python without -O."
        )
    if profile not in PROFILES:
        raise typer.BadParameter(f"there is no profile {profile!r}; there are: {', '.join(PROFILES)}")
    jobs = min(2, cores()) if jobs is None else jobs
    stage(root)
    names = chapters(root)
    runs, failures = {}, []
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with (
        waiting_bounded(),
        cores_shared(jobs),
        Progress(*columns, console=console) as progress,
        ThreadPoolExecutor(jobs) as pool,
    ):
        overall = progress.add_task(f"chapters at {profile}", total=len(names))

        def work(name: str) -> Run:
            task = progress.add_task(name, total=None)
            try:
                return execute_chapter(name, profile, root)
            finally:
                progress.remove_task(task)

        try:
            for future in as_completed([pool.submit(work, name) for name in names]):
                try:
                    run = future.result()
                    runs[run.chapter] = run
                    progress.console.print(
                        f"{run.chapter}: {f'executed in {run.seconds} s' if run.executed else 'unchanged'}"
                    )
                except ChapterFailed as error:
                    failures.append(str(error))
                progress.advance(overall)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)  # or every chapter that has not begun would be run first
            raise
    if failures:
        raise ChapterFailed("\n\n".join(failures))
    return [runs[name] for name in names]


@app.command()
def book(
    profile: Profile = "quick",
    jobs: Jobs = None,
    repository: Repository = "",
    branch: Branch = "gh-pages",
) -> None:
    """Execute what changed, render all, and say where the book is and how long each chapter took."""
    start = time.perf_counter()
    try:
        runs = execute_all(profile, jobs)
    except ChapterFailed as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    html(repository, branch)
    table = Table("chapter", "seconds", "")
    for run in runs:
        table.add_row(run.chapter, f"{run.seconds:.1f}", "executed" if run.executed else "unchanged")
    console.print(table)
    console.print(f"The whole took {time.perf_counter() - start:.0f} s.")
    console.print(f"The book: {ROOT / '_build' / 'html' / 'index.html'}", soft_wrap=True)


@app.command()
def html(repository: Repository = "", branch: Branch = "gh-pages") -> None:
    """Render what is already executed; any warning of Sphinx fails the build."""
    missing = [chapter for chapter in chapters(ROOT) if not (executed_in(ROOT) / f"{chapter}.ipynb").exists()]
    if missing:
        console.print(f"not executed yet: {', '.join(missing)}; run `make book` first", style="red")
        raise typer.Exit(1)
    try:
        where = launch(repository or address(ROOT), branch)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not render(ROOT, where):
        console.print("Jupyter Book failed: its messages are above", style="red")
        raise typer.Exit(1)


def render(root: Path, where: Launch | None, builder: Literal["html", "linkcheck"] = "html") -> bool:
    """Make `_build/html` from the executed chapters, or look up the links in them. Returns whether Jupyter Book did so without a warning."""
    stage(root, where)
    executed = executed_in(root)
    for chapter in chapters(root):
        path = executed / f"{chapter}.ipynb"
        before = nbformat.read(path, as_version=4)
        after = with_install_cell(before, where)
        if after != before:
            write_notebook(after, path)
    jupyter_book = shutil.which("jupyter-book", path=Path(sys.executable).parent)  # on Windows it ends in .exe
    command = [jupyter_book, "build", str(executed), "--path-output", str(root), "--builder", builder]
    if subprocess.run([*command, "-W", "-n", "--keep-going", "-q"], check=False).returncode:
        return False
    if builder == "html":
        write_binder(root / "_build" / "html", where)
    return True


@app.command()
def stored() -> None:
    """Render the committed notebooks with the outputs that they carry, without running them, into _build/stored."""
    root = render_stored("html")
    console.print(f"The book as committed: {root / '_build' / 'html' / 'index.html'}", soft_wrap=True)


@app.command()
def links() -> None:
    """Ask for every address on the committed pages whether it still answers."""
    render_stored("linkcheck")


def render_stored(builder: Literal["html", "linkcheck"]) -> Path:
    """Give the committed notebooks to Jupyter Book as they are; returns the folder in which that was done."""
    root = ROOT / "_build" / "stored"
    shutil.rmtree(root, ignore_errors=True)  # Sphinx does not see that a style sheet or an extension has changed
    shutil.copytree(ROOT / "book", root / "book")
    for name in SETTINGS:
        shutil.copy2(ROOT / name, root / name)
    for chapter in chapters(root):
        target = executed_in(root) / f"{chapter}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / f"{chapter}.ipynb", target)
    if not render(root, None, builder):
        console.print("Jupyter Book failed: its messages are above", style="red")
        raise typer.Exit(1)
    return root


@app.command()
def refresh(jobs: Jobs = None) -> None:
    """Renew the outputs stored in the committed notebooks, from a run at quick."""
    try:
        execute_all("quick", jobs)
    except ChapterFailed as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    for chapter in chapters(ROOT):
        write_notebook(with_outputs(ROOT, chapter), ROOT / f"{chapter}.ipynb")
    console.print(f"renewed {len(chapters(ROOT))} notebooks; look at `git diff --stat book`")


def with_outputs(root: Path, chapter: str) -> NotebookNode:
    """The chapter with the outputs of its last execution, and the digest of the code that they came from."""
    notebook = with_install_cell(nbformat.read(executed_in(root) / f"{chapter}.ipynb", as_version=4), None)
    for count, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    notebook.metadata["book"] = {"outputs_of": digest(code(notebook).encode())}
    return notebook


if __name__ == "__main__":
    with sigterm_as_control_c():
        app()
