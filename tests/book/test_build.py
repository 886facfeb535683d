"""What is executed, when, and what a failing cell says: on a small book of two chapters, run by papermill as the real one is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from ib_tutorial import waiting
from ib_tutorial.stopping import sigterm_as_control_c

BUILD = Path(__file__).resolve().parents[2] / "book" / "build.py"
PARAMETERS = new_code_cell("profile = 'quick'", metadata={"tags": ["parameters"]})


def write(path, *cells):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Chapter"), *cells]), path)


@pytest.fixture
def root(tmp_path):
    """A book in a folder whose name has a space."""
    root = tmp_path / "a book"
    write(root / "book" / "one.ipynb", PARAMETERS, new_code_cell("print(profile)"))
    write(root / "book" / "two.ipynb", new_code_cell("2 + 2"))
    (root / "book" / "index.md").write_text("# Front", encoding="utf-8")
    (root / "book" / "recorded").mkdir()
    (root / "book" / "recorded" / "alpha.reduced.json").write_text("{}", encoding="utf-8")
    (root / "_config.yml").write_text("title: x", encoding="utf-8")
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n  - file: book/one\n  - file: book/two\n",
        encoding="utf-8",
    )
    (root / "requirements.txt").write_text("torch==2\n", encoding="utf-8")
    for package in ("ib_tutorial", "data_gen"):
        (root / package).mkdir()
        (root / package / "__init__.py").write_text("", encoding="utf-8")
    return root


def only_the_first(root):
    """The same book without its second chapter: a kernel less to start."""
    toc = root / "_toc.yml"
    toc.write_text(toc.read_text(encoding="utf-8").replace("  - file: book/two\n", ""), encoding="utf-8")


def executed(runs):
    return [run.chapter for run in runs if run.executed]


def outputs(build, root, chapter):
    notebook = nbformat.read(build.executed_in(root) / f"{chapter}.ipynb", 4)
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.mark.slow
def test_sigterm_leaves_no_running_folder_and_begins_no_other_chapter(build, root):
    """A stopped build once left `_build/running-*` behind."""
    stops = "import os, signal\nos.kill(os.getppid(), signal.SIGTERM)"
    write(root / "book" / "one.ipynb", new_code_cell(stops))
    with pytest.raises(KeyboardInterrupt), sigterm_as_control_c():
        build.execute_all("smoke", 1, root)
    assert not [*(root / "_build").glob("running-*")]
    assert not (build.executed_in(root) / "book" / "two.ipynb").exists()


@pytest.mark.slow
def test_only_what_changed_is_executed_again(build, root):
    before = sorted((path, path.read_bytes()) for path in root.rglob("*") if path.is_file())
    assert executed(build.execute_all("smoke", 2, root)) == ["book/one", "book/two"]
    assert outputs(build, root, "book/one")[0].text == "smoke\n"
    after = sorted(
        (path, path.read_bytes()) for path in root.rglob("*") if path.is_file() and "_build" not in path.parts
    )
    assert before == after, "the source tree was written into"

    assert executed(build.execute_all("smoke", 1, root)) == []
    write(root / "book" / "two.ipynb", new_code_cell("3 + 3"))
    assert executed(build.execute_all("smoke", 1, root)) == ["book/two"]
    assert outputs(build, root, "book/two")[0].data["text/plain"] == "6"
    assert executed(build.execute_all("quick", 1, root)) == ["book/one", "book/two"]


@pytest.mark.slow
def test_the_chapters_kernels_bound_how_long_threads_spin(build, root, monkeypatch):
    for name in waiting.CHOICES:
        monkeypatch.delenv(name, raising=False)
    only_the_first(root)
    write(root / "book" / "one.ipynb", new_code_cell("import os\nprint(os.environ['GOMP_SPINCOUNT'])"))
    build.execute_all("smoke", 1, root)
    assert outputs(build, root, "book/one")[0].text.strip() == waiting.BOUND["GOMP_SPINCOUNT"]
    assert "GOMP_SPINCOUNT" not in os.environ


@pytest.mark.slow
def test_two_chapters_at_once_share_the_cores_by_default(build, root, monkeypatch):
    for name in build.THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(build, "cores", lambda: 2)
    barrier = """import os, pathlib, time
(pathlib.Path({root!r}) / {mine!r}).touch()
until = time.monotonic() + 60
while not (pathlib.Path({root!r}) / {theirs!r}).exists() and time.monotonic() < until:
    time.sleep(0.01)
print(time.monotonic() < until, os.environ["OMP_NUM_THREADS"])"""
    for mine, theirs in (("one", "two"), ("two", "one")):
        write(root / "book" / f"{mine}.ipynb", new_code_cell(barrier.format(root=str(root), mine=mine, theirs=theirs)))
    build.execute_all("smoke", root=root)
    for chapter in ("book/one", "book/two"):
        assert outputs(build, root, chapter)[0].text == "True 1\n"
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT"])
@pytest.mark.parametrize(("n", "chosen", "jobs", "share"), [(8, None, 2, "4"), (2, "3", 2, "3"), (1, None, 2, "1"), (8, None, 1, None)])
def test_chapters_share_the_cores_and_what_a_user_has_set_stays(build, monkeypatch, variable, n, chosen, jobs, share):
    for name in (*build.THREADS, build.PROCESSES):
        monkeypatch.delenv(name, raising=False)
    if chosen is not None:
        monkeypatch.setenv(variable, chosen)
    monkeypatch.setattr(build, "cores", lambda: n)
    with build.cores_shared(jobs):
        assert os.environ.get(variable) == share
    assert os.environ.get(variable) == chosen


@pytest.mark.slow
def test_a_failing_cell_fails_the_build_and_says_where_after_the_others_are_done(build, root):
    write(root / "book" / "one.ipynb", new_code_cell("x = 1"), new_code_cell("x / 0"))
    with pytest.raises(build.ChapterFailed) as failure:
        build.execute_all("smoke", 1, root)
    message = str(failure.value)
    assert "book/one.ipynb failed" in message and "ZeroDivisionError" in message and "x / 0" in message
    assert "Cell In[2]" in message, "the traceback is missing"
    assert (root / "_build" / "failed" / "one.ipynb").exists()
    assert not (build.executed_in(root) / "book" / "one.ipynb").exists()
    assert (build.executed_in(root) / "book" / "two.ipynb").exists()


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("ib_tutorial/module.py", True),
        ("ib_tutorial/other.py", False),
        ("data_gen/__init__.py", False),
        ("requirements.txt", True),
        ("book/recorded/alpha.reduced.json", True),
        ("book/recorded/alpha.layer.safetensors", True),
        ("book/recorded/beta.reduced.json", False),
        ("book/index.md", False),
        ("README.md", False),
    ],
)
def test_what_a_chapters_key_depends_on(build, root, changed, again):
    (root / "ib_tutorial" / "module.py").write_text("", encoding="utf-8")
    notebook = new_notebook(cells=[new_code_cell("from ib_tutorial import module"), new_code_cell("recorded('alpha')")])
    before = build.key(notebook, "quick", root)
    (root / changed).parent.mkdir(exist_ok=True)
    (root / changed).write_text("changed = 1\n", encoding="utf-8")
    assert (build.key(notebook, "quick", root) != before) == again


def test_a_key_depends_on_prose_and_profile_too(build, root):
    keys = {
        build.key(new_notebook(cells=[new_markdown_cell(text)]), profile, root)
        for text in ("a", "b")
        for profile in ("smoke", "quick")
    }
    assert len(keys) == 4


def test_the_ledger_shows_every_record(build, root):
    assert [path.name for path in build.records_shown("ledger(findings)", root)] == ["alpha.reduced.json"]
    assert build.records_shown("print('nothing')", root) == []


@pytest.mark.slow
def test_what_is_no_chapter_any_more_leaves_the_copy(build, root):
    for chapter in build.chapters(root):
        target = build.executed_in(root) / f"{chapter}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / f"{chapter}.ipynb", target)
    only_the_first(root)
    (root / "book" / "index.md").write_text("# New front", encoding="utf-8")
    build.stage(root)
    copy = build.executed_in(root)
    assert not (copy / "book" / "two.ipynb").exists() and (copy / "book" / "one.ipynb").exists()
    assert (copy / "book" / "index.md").read_text(encoding="utf-8") == "# New front"


def test_a_page_that_does_not_exist_is_said(build, root):
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters:\n  - file: book/three\n", encoding="utf-8")
    with pytest.raises(Exception, match=r"book/three.*neither book/three.ipynb nor book/three.md"):
        build.chapters(root)


@pytest.mark.slow
def test_stored_outputs_hold_nothing_of_the_run_but_its_results(build, root):
    only_the_first(root)
    write(
        root / "book" / "one.ipynb",
        PARAMETERS,
        new_code_cell("import sys\nprint('\\r 50%', file=sys.stderr)\nprint('shown')\nprofile"),
    )
    build.execute_all("quick", 1, root)
    notebook = build.with_outputs(root, "book/one")
    assert [cell.get("execution_count") for cell in notebook.cells if cell.cell_type == "code"] == [1, 2]
    stored = notebook.cells[-1].outputs
    assert [output.output_type for output in stored] == ["stream", "execute_result"] and stored[0].text == "shown\n"
    assert "papermill" not in str(notebook) and "execution" not in notebook.cells[-1].metadata
    assert notebook.metadata["book"] == {"outputs_of": build.digest(build.code(notebook).encode())}


def test_what_is_printed_in_pieces_is_stored_in_one(build):
    pieces = [("stdout", "a\n"), ("stdout", "b\n"), ("stderr", "c\n"), ("stdout", "d\n")]
    outputs = [new_output("stream", name=name, text=text) for name, text in pieces]
    assert [(each.name, each.text) for each in build.merged(outputs)] == [("stdout", "a\nb\n"), ("stderr", "c\n"), ("stdout", "d\n")]


@pytest.mark.slow
def test_a_sound_build_reports_no_interrupt(build, root, capfd):
    slow = """import time

handlers = get_ipython().kernel.shell_handlers
answer = handlers["kernel_info_request"]


async def answer_and_linger(*arguments):
    await answer(*arguments)
    time.sleep(1)


handlers["kernel_info_request"] = answer_and_linger"""
    only_the_first(root)
    write(root / "book" / "one.ipynb", new_code_cell(slow))
    build.execute_all("smoke", 1, root)
    assert "KeyboardInterrupt" not in capfd.readouterr().err


def test_an_unknown_profile_is_refused(build, root):
    with pytest.raises(Exception, match="no profile 'fast'"):
        build.execute_all("fast", 1, root)


@pytest.mark.slow
def test_chapters_are_not_built_where_their_asserts_vanish():
    command = [sys.executable, "-O", BUILD, "book", "--profile", "smoke"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "Unset PYTHONOPTIMIZE" in done.stdout
