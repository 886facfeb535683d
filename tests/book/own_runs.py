"""In how many of ten seeds an experiment at `quick`, as a chapter runs it, has the sign that its record has.

    python tests/book/own_runs.py                               all experiments, ten seeds each; prints a Markdown table
    python tests/book/own_runs.py activation_priors --seeds 3   one of them, three seeds
    python tests/book/own_runs.py --out runs                    keeps the records in runs/, and resumes there after Ctrl-C

Each test of an experiment has one value for each seed, and the claim says that it is positive. Where the record supports the claim, a seed
agrees if its value is above 0. Where the record does not, a seed agrees if its value is below 0. A record that decides nothing has no sign.
A verdict that does not stand after Holm's correction has a star: chance may have made it.
"""

import argparse
from pathlib import Path

from ib_tutorial.experiments import EXPERIMENTS, run
from ib_tutorial.experiments.findings import Finding
from ib_tutorial.experiments.record import Record
from ib_tutorial.experiments.verdicts import after_holm, ledger

NONE = "the record has no sign"
SIGNS = {"supported": 1, "not supported": -1}


def agreement(finding: Finding, verdict: str, live: Record) -> str:
    """How many seeds of `live` have the sign of the verdict, of how many that have a value."""
    if verdict not in SIGNS:
        return NONE
    try:
        values = list(finding.values(live))
    except (LookupError, TypeError, ValueError) as error:
        return f"not measured at quick ({type(error).__name__})"
    agreeing = sum(SIGNS[verdict] * value > 0 for value in values)
    return f"{agreeing} of {len(values)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "experiments", nargs="*", metavar="EXPERIMENT", help="names of experiments; all of them, if left out"
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, help="folder of the records; nothing is kept, if left out")
    options = parser.parse_args()
    print("| experiment | claim | record | seeds at quick with its sign |\n|---|---|---|---|")
    judged = ledger(finding for module in EXPERIMENTS.values() for finding in module.FINDINGS)  # one family of tests
    for name in options.experiments or EXPERIMENTS:
        verdicts = [each for each in judged if each.finding.experiment == name]
        has_sign = any(each.verdict in SIGNS for each in verdicts)
        live = run(name, "quick", seeds=options.seeds, jobs=1, out=options.out) if has_sign else None
        for each in verdicts:
            agreeing = agreement(each.finding, each.verdict, live) if live else NONE
            star = " *" if after_holm(each) == "no" else ""
            profile = f" ({each.record.profile})" if each.record else ""
            print("|", " | ".join((name, each.finding.statement, f"{each.verdict}{star}{profile}", agreeing)), "|", flush=True)


if __name__ == "__main__":
    main()
