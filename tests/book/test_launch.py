"""Colab and Binder: where their buttons lead, what the notebooks they open do there, and that nothing is there without an address."""

import ast
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "https://github.com/someone/a-book"


@pytest.fixture(scope="module")
def launching(build):
    import launch

    return launch


@pytest.fixture
def where(launching):
    return launching.launch(ADDRESS, "gh-pages")


@pytest.mark.parametrize("address", [ADDRESS, ADDRESS + "/", ADDRESS + ".git"])
def test_an_address_may_be_written_in_several_ways(launching, address):
    assert launching.launch(address, "gh-pages").repository == ADDRESS


def test_no_address_is_no_launch(launching):
    assert launching.launch("", "gh-pages") is None


@pytest.mark.parametrize(
    "address", ["github.com/a/b", "https://gitlab.com/a/b", "https://github.com/a", ADDRESS + "/tree/main"]
)
def test_another_address_is_refused(launching, address):
    with pytest.raises(ValueError, match=re.escape(address)):
        launching.launch(address, "gh-pages")


def test_the_configuration_keeps_what_is_there(launching, where):
    before = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    after = yaml.safe_load(launching.configured((ROOT / "_config.yml").read_text(encoding="utf-8"), where))
    assert after["repository"]["url"] == ADDRESS
    for section in ("sphinx", "parse", "execute", "title"):
        assert after[section] == before[section]


def install_cell(launching, where):
    notebook = new_notebook(cells=[new_markdown_cell("# Title"), new_code_cell("1")])
    cells = launching.with_install_cell(notebook, where).cells
    assert [cell.source for cell in cells[1:]] == ["# Title", "1"]
    return cells[0]


def test_elsewhere_the_first_cell_does_nothing(launching, where, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("something was run"))
    before = list(sys.path)
    exec(install_cell(launching, where).source, {})
    assert sys.path == before and not list(tmp_path.iterdir())


def test_on_colab_the_first_cell_clones_installs_and_puts_the_clone_first(launching, where, monkeypatch, tmp_path):
    commands = []

    def run(command, check):
        assert check
        commands.append(command)
        if command[0] == "git":
            os.mkdir("a-book")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "google.colab", object())
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "path", list(sys.path))
    cell = install_cell(launching, where)
    exec(cell.source, {})
    assert commands[0][:2] == ["git", "clone"] and commands[0][-1] == ADDRESS
    assert commands[1][:4] == [sys.executable, "-m", "pip", "install"] and commands[1][-1].startswith("./a-book[")
    assert sys.path[0] == str(tmp_path / "a-book")
    exec(cell.source, {})
    assert len(commands) == 2, "the clone that is there was made again"


def test_what_is_installed_on_colab_and_binder_are_extras_of_the_package(launching):
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(launching.EXTRAS.split(",")) <= set(extras)


def test_the_owner_is_set_in_one_place(launching, tmp_path):
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert launching.address(ROOT) == "" or launching.launch(launching.address(ROOT), "gh-pages")
    for owner, found in (("OWNER", ""), ("someone", "https://github.com/someone/book")):
        url = f'Repository = "https://github.com/{owner}/book"'
        (tmp_path / "pyproject.toml").write_text(re.sub(r'^Repository = "[^"]*"', url, settings, flags=re.MULTILINE), encoding="utf-8")
        assert launching.address(tmp_path) == found


def test_the_cell_is_put_once_and_taken_away(launching, where):
    notebook = new_notebook(cells=[new_markdown_cell("# Title")])
    other = launching.launch("https://github.com/other/one", "gh-pages")
    twice = launching.with_install_cell(launching.with_install_cell(notebook, other), where)
    assert len(twice.cells) == 2 and ADDRESS in twice.cells[0].source
    assert [cell.source for cell in launching.with_install_cell(twice, None).cells] == ["# Title"]


@pytest.fixture(scope="module")
def rendered(build, launching, tmp_path_factory):
    """A book of one chapter with the real settings, rendered with an address and then without: two folders of HTML."""
    root = tmp_path_factory.mktemp("launch")
    (root / "book" / "_static").mkdir(parents=True)
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static", dirs_exist_ok=True)
    shutil.copytree(ROOT / "book" / "_ext", root / "book" / "_ext")
    shutil.copy(ROOT / "_config.yml", root)
    (root / "book" / "references.bib").write_text("", encoding="utf-8")
    (root / "book" / "index.md").write_text("# Front\n", encoding="utf-8")
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters:\n  - file: book/one\n", encoding="utf-8")
    chapter = new_notebook(
        cells=[new_markdown_cell("# One\n\nProse."), new_code_cell("x = 2\nx + 2")],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    for folder in (root / "book", root / "_build" / "executed" / "book"):
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(chapter, folder / "one.ipynb")
    html = root / "_build" / "html"
    assert build.render(root, launching.launch(ADDRESS, "pages"))
    shutil.copytree(html, root / "with")
    assert build.render(root, None)
    return root / "with", html


def links(page):
    return re.findall(r'href="([^"]+)"', page.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_buttons_lead_to_the_published_notebook(rendered):
    found = links(rendered[0] / "book" / "one.html")
    path = "_sources/book/one.ipynb"
    assert f"https://colab.research.google.com/github/someone/a-book/blob/pages/{path}" in found
    assert f"https://mybinder.org/v2/gh/someone/a-book/pages?urlpath=lab/tree/{path}" in found
    published = nbformat.read(rendered[0] / path, 4)
    assert ADDRESS in published.cells[0].source and published.cells[1].source.startswith("# One")
    assert "google.colab" not in (rendered[0] / "book" / "one.html").read_text(encoding="utf-8"), "the page shows the cell"


@pytest.mark.slow
def test_binder_finds_what_it_builds(rendered):
    script = rendered[0] / "binder" / "postBuild"
    assert ADDRESS in script.read_text(encoding="utf-8") and script.stat().st_mode & stat.S_IXUSR
    assert subprocess.run(["bash", "-n", script]).returncode == 0


@pytest.mark.slow
def test_without_an_address_there_is_no_button_and_no_cell(rendered):
    page = rendered[1] / "book" / "one.html"
    assert not [link for link in links(page) if "colab" in link or "binder" in link or "github.com" in link]
    assert "google.colab" not in (rendered[1] / "_sources" / "book" / "one.ipynb").read_text(encoding="utf-8")
    assert not list((rendered[1] / "binder").glob("*"))


@pytest.mark.slow
@pytest.mark.parametrize("with_address", [True, False])
def test_each_chapter_can_be_downloaded_as_a_script_that_runs(rendered, with_address):
    html = rendered[0] if with_address else rendered[1]
    assert "../_sources/book/one.py" in links(html / "book" / "one.html")
    assert "../_sources/book/one.ipynb" in links(html / "book" / "one.html")
    text = (html / "_sources" / "book" / "one.py").read_text(encoding="utf-8")
    ast.parse(text)
    assert "# Prose." in text
    assert subprocess.run([sys.executable, html / "_sources" / "book" / "one.py"]).returncode == 0


@pytest.mark.slow
def test_a_page_of_prose_has_no_script(rendered):
    assert not [link for link in links(rendered[1] / "index.html") if link.endswith(".py")]


@pytest.mark.slow
def test_an_address_that_does_not_answer_fails_the_check_of_links(build, rendered):
    root = rendered[1].parents[1]
    (root / "book" / "index.md").write_text("# Front\n\n[nobody](http://127.0.0.1:9/) listens there.\n", encoding="utf-8")
    assert not build.render(root, None, "linkcheck")
