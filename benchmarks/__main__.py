"""python -m benchmarks [NAME ...] [--json FILE]: time ours against its peer, alternately, and print the ratio.

All of it is estimated at 40 minutes on two cores that do nothing else; --smoke sees in a few minutes that each comparison is sound.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from .harness import MIN_ROUNDS, Missing, Skipped, check, discover, run


def main() -> int:
    known = discover()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one or more of: {', '.join(known)} (all, if none is named)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too, after each comparison")
    parser.add_argument("--rounds", type=int, default=MIN_ROUNDS, help=f"timings of each side, at least {MIN_ROUNDS}")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N; what is not for it is skipped")
    parser.add_argument("--smoke", action="store_true", help="only check, at small sizes, that both sides agree")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        parser.error(f"no comparison is called {', '.join(unknown)}: there are {', '.join(known)}")
    try:
        device = usable(arguments.device)
    except ValueError as error:
        parser.error(str(error))
    if arguments.smoke:
        return smoke(arguments.names or list(known), device)

    print(f"{'name':<26}{'ours':>12}{'peer':>12}{'ratio':>9}{'spread':>16}{'target':>9}")
    results, failed = [], False
    for result in run(arguments.names, arguments.rounds, device):
        if isinstance(result, Skipped):
            print(f"{result.name:<26}{'FAILED' if result.failed else 'skipped'}: {result.why}", flush=True)
            failed |= result.failed
            continue
        results.append(asdict(result))
        low, high = result.spread
        verdict = "" if result.met else "  not met"
        print(
            f"{result.name:<26}{result.ours:>10.3f} s{result.peer:>10.3f} s{result.ratio:>8.2f}x"
            f"{f'{low:.2f} to {high:.2f}':>16}{result.target:>8.3g}x{verdict}"
        )
        print(f"    {result.note}")
        for row in result.rows:
            print(
                "   ",
                ", ".join(
                    f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
                ),
            )
        sys.stdout.flush()
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if results:
        print(results[-1]["machine"], results[-1]["versions"])
    return int(failed)


def usable(device: str) -> str:
    """The device's name; ValueError, saying what is needed, where this machine does not have it."""
    from ib_tutorial.experiments.runner import usable_device

    return str(usable_device(device))


def smoke(names: list[str], device: str) -> int:
    known = discover()
    for name in names:
        try:
            check(known[name], device)
            print(f"{name}: both sides compute the same", flush=True)
        except Missing as missing:
            print(f"{name}: skipped: {missing}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
