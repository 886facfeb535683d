"""README's promises: its Python runs as it stands there, its commands exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("snippet", blocks("python"))
def test_python_runs_as_it_stands(snippet, tmp_path):
    done = subprocess.run([sys.executable, "-c", snippet], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip(), "the snippet shows nothing"


def test_there_are_snippets():
    assert len(blocks("python")) >= 2


def test_every_make_target_named_exists():
    rules = re.findall(r"^([a-z][a-z -]*):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)\b", README, re.MULTILINE))
    assert {"book", "test"} <= named <= targets


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md"])
def test_every_local_link_leads_somewhere(name):
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / name).read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


def test_contributing_points_to_the_recipes_and_does_not_repeat_them():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "(book/contribute.md)" in text and len(text.split()) < 300


def test_continuous_integration_looks_and_runs_both_kinds_of_tests_and_nothing_more():
    commands = [
        line
        for line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(("#", "set ", "cd "))
    ]
    assert [command.split("  #")[0] for command in commands] == ["make lint", "make test", "make test-browser"]
