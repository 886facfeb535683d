"""Changes each formula of ib_tutorial/information in turn, and lists the changes that no test notices.

    python tests/proofs/mutate.py                                     at most 40 mutants of each module
    python tests/proofs/mutate.py kl gaussian --most 0                all mutants of two modules
    python tests/proofs/mutate.py kl --tests tests/information        without the slower tests of the proofs

A mutant lives in the memory of a forked process only, so no file is written. The tests of tests/information and tests/proofs are collected
once. A survey runs each of them and finds which lines of the package it reaches. Then each mutant meets the tests that reach its line, the
shortest first, until one fails or the budget is spent. On one core the survey of tests/information takes four minutes, and 94 mutants of kl
take a minute and a half; those of bottleneck take longer.

What is changed: + and -, * and /, ** becomes *, a minus is dropped, a number grows (1 -> 2, 0.5 -> 0.6), < becomes > or <=, min and max, log and
log1p, exp and expm1, sum and mean, the two branches of `where`. What is not: annotations, default arguments, error messages, numbers below
1e-3 or above 1e3 (guards against underflow, tolerances, limits of steps), and what `equivalent_mutants.json` lists, with its reason.
"""

import argparse
import ast
import gc
import importlib
import json
import os
import random
import signal
import sys
import time
import zlib
from collections import defaultdict
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType

import hypothesis
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path("ib_tutorial/information")
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.json")
OPERATORS = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.USub: [ast.UAdd],
}
COMPARISONS = {
    ast.Lt: [ast.Gt, ast.LtE],
    ast.LtE: [ast.GtE, ast.Lt],
    ast.Gt: [ast.Lt, ast.GtE],
    ast.GtE: [ast.LtE, ast.Gt],
}
PAIRS = [
    ("min", "max"),
    ("amin", "amax"),
    ("argmin", "argmax"),
    ("minimum", "maximum"),
    ("log", "log1p"),
    ("exp", "expm1"),
    ("sum", "mean"),
]
NAMES = {old: new for a, b in PAIRS for old, new in ((a, b), (b, a))}
SKIPPED = (ast.Raise, ast.arguments, ast.JoinedStr, ast.AnnAssign)


def changes(node):
    """(object, attribute, new value) of each way to change one node."""
    if isinstance(node, ast.BinOp | ast.UnaryOp):
        yield from ((node, "op", new()) for new in OPERATORS.get(type(node.op), []))
    elif isinstance(node, ast.Compare):
        yield from ((node, "ops", [new(), *node.ops[1:]]) for new in COMPARISONS.get(type(node.ops[0]), []))
    elif (
        isinstance(node, ast.Constant)
        and type(node.value) in (int, float)
        and (node.value == 0 or 1e-3 < abs(node.value) < 1e3)
    ):
        yield (
            node,
            "value",
            node.value + 1 if isinstance(node.value, int) or node.value == 0 else round(1.2 * node.value, 9),
        )
    elif isinstance(node, ast.Attribute | ast.Name | ast.keyword):
        attribute = {ast.Attribute: "attr", ast.Name: "id", ast.keyword: "arg"}[type(node)]
        if new := NAMES.get(getattr(node, attribute)):
            yield node, attribute, new
    elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "where" and len(node.args) == 3:
        yield node, "args", [node.args[0], node.args[2], node.args[1]]


def mutants(source, module):
    """(name, line, source) of each mutant of a module."""
    tree, seen = ast.parse(source), defaultdict(int)

    def visit(node, parents):
        if isinstance(node, SKIPPED):
            return
        for owner, attribute, new in changes(node):
            shown = node  # the largest expression around it that fits on a line
            for parent in reversed(parents):
                if (
                    isinstance(
                        parent, ast.expr | ast.comprehension | ast.keyword | ast.Assign | ast.Return | ast.AugAssign
                    )
                    and len(ast.unparse(parent)) <= 70
                ):
                    shown = parent
            functions = [parent.name for parent in parents if isinstance(parent, ast.FunctionDef | ast.ClassDef)]
            before, old = ast.unparse(shown), getattr(owner, attribute)
            setattr(owner, attribute, new)
            name = f"{'.'.join([module, *functions])}: {before}  ->  {ast.unparse(shown)}"
            seen[name] += 1
            yield (
                name + f"  (number {seen[name]})" * (seen[name] > 1),
                getattr(node, "lineno", parents[-1].lineno),
                ast.unparse(tree),
            )
            setattr(owner, attribute, old)
        for field, value in ast.iter_fields(node):
            if field not in ("returns", "annotation", "decorator_list"):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from visit(child, [*parents, node])

    return list(visit(tree, []))


def codes(code):
    """The code objects of the functions in a module, by qualified name."""
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return {each.co_qualname: each for each in inner} | {
        name: found for each in inner for name, found in codes(each).items()
    }


def put_in_place(module, source, functions):
    """Give the functions of an imported module, and its numbers, what the mutated source says."""
    imported = importlib.import_module(f"{str(PACKAGE).replace('/', '.')}.{module}")
    code = compile(source, imported.__file__, "exec")
    mutated, scratch = codes(code), {"__name__": imported.__name__}
    for function in [each for each in functions if each.__code__.co_filename == imported.__file__]:
        new = mutated.get(function.__qualname__)
        if new and new.co_freevars == function.__code__.co_freevars:
            function.__code__ = new
    exec(code, scratch)
    vars(imported).update({name: value for name, value in scratch.items() if isinstance(value, int | float)})


def in_a_fork(work, limit=0):
    """The exit status of work(), done by a child process that says nothing; not 0 past `limit` seconds."""
    if (child := os.fork()) == 0:
        signal.alarm(limit)
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        os._exit(work() or 0)
    return os.waitpid(child, 0)[1]


class Survey:
    """Which lines of the package each test reaches, and how long it takes."""

    def __init__(self):
        self.reached, self.seconds, self.now = defaultdict(set), {}, ""

    def trace(self, frame, event, _):
        if str(PACKAGE) not in frame.f_code.co_filename:
            return None
        self.reached[self.now].add((Path(frame.f_code.co_filename).stem, frame.f_lineno))
        return self.trace

    def pytest_runtest_setup(self, item):
        self.now = item.nodeid
        sys.settrace(self.trace)

    def pytest_runtest_teardown(self):
        sys.settrace(None)

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + (1e9 if report.failed else report.duration)


class StopAtFailure:
    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self):
        if (yield).excinfo:
            os._exit(1)


class Mutation:
    """The plugin that tries mutants in the place of the loop over tests."""

    def __init__(self, options):
        self.options, self.survivors = options, []

    def pytest_collection(self):
        phases = hypothesis.Phase.explicit, hypothesis.Phase.generate  # a failure need not be made small
        hypothesis.settings.register_profile("mutants", deadline=None, database=None, phases=phases, max_examples=25)
        hypothesis.settings.load_profile("mutants")

    def pytest_runtestloop(self, session):
        torch.set_num_threads(1)
        self.session, self.items = session, {item.nodeid: item for item in session.items}
        self.functions = [
            each
            for each in gc.get_objects()
            if type(each) is FunctionType and str(PACKAGE) in each.__code__.co_filename
        ]
        gc.freeze()  # so that a fork shares its memory
        survey = self.survey()
        print(
            f"\n{len(survey)} tests reach the package, in {sum(each[0] for each in survey.values()):.0f} s", flush=True
        )
        allowed, began, tried = json.loads(EQUIVALENT.read_text(encoding="utf-8")), time.time(), 0
        for module in self.options.modules or sorted(
            path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__"
        ):
            found = mutants((PACKAGE / f"{module}.py").read_text(encoding="utf-8"), module)
            if stale := [
                name for name in allowed if name.startswith(f"{module}.") and name not in {each[0] for each in found}
            ]:
                print("the list of equivalent mutants names what is no mutant:", *stale, sep="\n  ")
            found = [
                each for each in found if each[0] not in allowed and any(text in each[0] for text in self.options.only)
            ]
            if 0 < self.options.most < len(found):
                found = random.Random(self.options.seed).sample(found, self.options.most)
            before = len(self.survivors)
            for number, (name, line, source) in enumerate(found, 1):
                print(f"\r{module}: {number} of {len(found)}", end=" ", file=sys.stderr, flush=True)
                tests = self.tests_of(survey, module, line)
                status = in_a_fork(partial(self.try_out, module, source, tests), limit=self.options.limit)
                if status == 0:
                    self.survivors.append(name)
                    print(f"\rSURVIVES {len(tests)} tests, line {line}  {name}", flush=True)
                elif os.WIFSIGNALED(status):  # no test failed: it loops for ever, or the machine is slow
                    print(f"\rended at the limit of {self.options.limit} s, line {line}  {name}", flush=True)
            tried += len(found)
            print(
                f"\r{module}: {len(self.survivors) - before} of {len(found)} mutants survive ({time.time() - began:.0f} s)",
                flush=True,
            )
        print(f"{len(self.survivors)} of {tried} mutants survive")
        session.testsfailed = len(self.survivors)
        return True

    def run(self, items):
        for item, following in zip(items, [*items[1:], None]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)

    def survey(self):
        """Of each test: its seconds and the lines [module, number] that it reaches. From an earlier survey's file, unless a source is newer."""
        kept = ROOT / "_build" / f"survey-{zlib.crc32(' '.join(self.options.tests).encode()):08x}.json"
        kept.parent.mkdir(exist_ok=True)
        sources = [
            path
            for folder in (PACKAGE, Path("tests"))
            for path in folder.rglob("*.py")
            if path != Path("tests/proofs/mutate.py")
        ]

        def work():
            survey = Survey()
            self.session.config.pluginmanager.register(survey)
            self.run(list(self.items.values()))
            found = {
                test: [survey.seconds[test], sorted(lines)]
                for test, lines in survey.reached.items()
                if test in survey.seconds
            }
            kept.write_text(json.dumps(found), encoding="utf-8")

        if not kept.exists() or kept.stat().st_mtime < max(path.stat().st_mtime for path in sources):
            in_a_fork(work)
        return json.loads(kept.read_text(encoding="utf-8"))

    def tests_of(self, survey, module, line):
        """The tests that reach a line, or, for a line outside of functions, its module: the shortest first, within the budget."""
        reaching = [test for test, (_, lines) in survey.items() if [module, line] in lines]
        reaching = reaching or [test for test, (_, lines) in survey.items() if any(each == module for each, _ in lines)]
        chosen, total = [], 0.0
        for test in sorted(reaching, key=lambda test: survey[test][0]):
            total += survey[test][0]
            if total <= self.options.budget and test in self.items:
                chosen.append(test)
        return chosen

    def try_out(self, module, source, tests):
        put_in_place(module, source, self.functions)
        self.session.config.pluginmanager.register(StopAtFailure())
        self.run([self.items[test] for test in tests])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="names of modules, without .py; all of them, if left out")
    parser.add_argument("--most", type=int, default=40, help="mutants of each module, drawn at random; 0 for all")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--budget", type=float, default=15, help="seconds of tests that a mutant meets")
    parser.add_argument(
        "--limit", type=int, default=60, help="seconds after which a mutant counts as found, since it may never end"
    )
    parser.add_argument(
        "--tests", nargs="+", default=["tests/information", "tests/proofs"], help="folders or files of tests"
    )
    parser.add_argument("--only", nargs="+", default=[""], help="only mutants whose name holds one of these texts")
    options = parser.parse_args()
    os.chdir(ROOT)
    arguments = [*options.tests, "-q", "-s", "--tb=no", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    return pytest.main(arguments, plugins=[Mutation(options)])


if __name__ == "__main__":
    sys.exit(main())
