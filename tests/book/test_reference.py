"""The pages made from docstrings, and the glossary: nothing public is missing, and where the paper has an equation it is named."""

import importlib
import inspect
import pydoc
import re
from pathlib import Path

import pytest

from ib_tutorial.experiments import EXPERIMENTS

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("ib_tutorial.information", "ib_tutorial.nn", "ib_tutorial.training", "ib_tutorial.experiments", "data_gen")
PUBLIC = [
    (room, name)
    for room in ROOMS
    for name in importlib.import_module(room).__all__
    if callable(getattr(importlib.import_module(room), name))
]
EQUATIONS = {
    "eq. (2)": "information.blahut_arimoto information.information_curve information.Bottleneck",
    "eq. (3)": "information.variational_bound information.VariationalBound training.information_bottleneck_loss training.fit "
    "training.kl_per_image",
    "eq. (4)": "information.kl_log_uniform nn.InformationDropout",
    "eq. (5)": "information.kl_log_normal nn.InformationDropout",
    "eq. (7)": "information.kl_standard_normal information.linear_vae nn.vae training.evidence_bound training.EvidenceBound",
    "section 5": "information.total_correlation",
    "section 8": "information.gaussian_total_correlation training.fit",
    "Table 2": "nn.all_cnn_32 nn.all_cnn_96 nn.classifier_head",
    "Fig. 3a": "nn.mlp",
}


@pytest.mark.parametrize(("room", "name"), PUBLIC)
def test_everything_public_says_what_it_is(room, name):
    text = inspect.getdoc(getattr(importlib.import_module(room), name)) or ""
    assert len(text.split()) >= 4 and not text.startswith(f"{name}("), f"{room}.{name} has no docstring of its own"


@pytest.mark.parametrize(("equation", "name"), [(e, name) for e, names in EQUATIONS.items() for name in names.split()])
def test_a_docstring_names_the_papers_equation(equation, name):
    room, _, function = name.partition(".")
    assert equation in inspect.getdoc(getattr(importlib.import_module(f"ib_tutorial.{room}"), function)).replace(
        "Eq.", "eq."
    )


def test_a_function_whose_options_another_takes_is_on_a_page_too():
    for room, name in PUBLIC:
        text = inspect.getdoc(getattr(importlib.import_module(room), name)) or ""
        for other in re.findall(r"[Oo]ptions (?:as in|of) `(\w+)`", text):
            assert (room, other) in PUBLIC, f"{name} refers to {other}, which is on no page"


def test_the_first_screen_of_help_says_how_to_read_the_rest():
    text = pydoc.render_doc(importlib.import_module("ib_tutorial.nn"), renderer=pydoc.plaintext)
    assert "help(ib_tutorial.nn.mlp)" in "\n".join(text.splitlines()[:24])


@pytest.mark.parametrize(
    "room", [*ROOMS, "ib_tutorial.exercises", *(f"ib_tutorial.experiments.{n}" for n in EXPERIMENTS)]
)
def test_every_room_and_every_experiment_has_its_page(room):
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "book" / "api").glob("*.md"))
    assert f".. automodule:: {room}\n" in pages


SECTIONS = ("Args:", "Returns:", "Yields:", "Raises:", "Warns:")
DOCUMENTED = [(f"{room}.{name}", getattr(importlib.import_module(room), name)) for room, name in PUBLIC]


def outside_sections(text: str) -> list[str]:
    """The blocks of a docstring that are in no section of Google's form."""
    blocks = re.split(r"\n\n+(?=\S)", text)
    return [block for block in blocks if not block.startswith(SECTIONS)]


@pytest.mark.parametrize(("name", "each"), DOCUMENTED, ids=[name for name, _ in DOCUMENTED])
def test_arguments_have_a_section_and_what_stands_as_it_is_two_colons(name, each):
    try:
        parameters = set(inspect.signature(each).parameters)
    except ValueError:
        parameters = set()
    for block in outside_sections(inspect.getdoc(each)):
        first, *following = block.splitlines()
        assert first.partition(":")[0] not in parameters, f"{name}: {first!r} belongs under 'Args:'"
        if any(line.startswith("    ") for line in following):
            assert "::\n\n" in block, f"{name}: Sphinx indents {block!r} as a quotation; end the line before it with '::'"


@pytest.mark.parametrize(("name", "each"), [(n, e) for n, e in DOCUMENTED if hasattr(e, "_fields")])
def test_each_field_of_a_result_says_what_it_is(name, each):
    source = inspect.getsource(each)
    for field in each._fields:
        assert re.search(rf'^    {field}: .*(#: |\n    """)', source, re.MULTILINE), f"{name}.{field} is not documented"


def test_the_glossary_is_in_order_and_its_terms_are_used():
    text = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    (body,) = re.findall(r"```\{glossary\}\n(.*?)```", text, re.DOTALL)
    terms = re.findall(r"^(\S.*)$", body, re.MULTILINE)
    assert terms == sorted(terms, key=str.lower) and len(terms) == len(set(terms)) >= 30
    elsewhere = [
        path.name
        for path in (ROOT / "book").rglob("*")
        if path.suffix in (".md", ".ipynb") and "{term}" in path.read_text(encoding="utf-8")
    ]
    assert len(elsewhere) >= 3
