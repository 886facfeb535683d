"""README's promises: its Python runs as it stands there, its commands exist."""

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from ib_tutorial.nn import collect_kl
from ib_tutorial.training import information_bottleneck_loss

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


@pytest.mark.slow
def test_the_layer_in_a_block_of_ones_own_is_the_plain_layer_called_by_hand():
    (snippet,) = [each for each in blocks("python") if "collect_kl" in each]
    torch.manual_seed(0)
    page: dict = {}
    exec(snippet, page)
    network, x, y = page["network"], page["x"][:64], page["y"][:64]
    assert page["loss"] < 0.5 * math.log(10)  # it has learnt
    torch.manual_seed(1)
    with collect_kl(network) as kl_terms:
        logits = network(x)
    loss = information_bottleneck_loss(logits, y, kl_terms, beta=0.1, n_train=4000)
    gathered = torch.autograd.grad(loss, list(network.parameters()))
    torch.manual_seed(1)
    z, cost = network[0](x)
    by_hand = cross_entropy(network[2](z.flatten(1)), y) + 0.1 / 4000 * cost.sum() / 64
    assert len(kl_terms) == 1 and torch.equal(kl_terms[0], cost) and cost.shape == (64, 8, 14, 14)
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-6)
    expected = torch.autograd.grad(by_hand, list(network.parameters()))
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-7) for a, b in zip(gathered, expected, strict=True))


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
