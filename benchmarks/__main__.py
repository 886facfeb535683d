"""python -m benchmarks [NAME ...] [--json FILE]: time ours against its peer, alternately, and print the ratio."""

import argparse
import json
import sys
from pathlib import Path

from .harness import MIN_ROUNDS, discover, machine, run


def main() -> int:
    known = discover()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one or more of: {', '.join(known)} (all, if none is named)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--rounds", type=int, default=MIN_ROUNDS, help=f"timings of each side, at least {MIN_ROUNDS}")
    parser.add_argument(
        "--threads", type=int, default=1, help="torch threads; 1 sets one core against one core (the loops use one)"
    )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        parser.error(f"no comparison is called {', '.join(unknown)}: there are {', '.join(known)}")
    import torch

    torch.set_num_threads(arguments.threads)
    print(machine())
    print(f"{'name':<20}{'ours':>12}{'peer':>12}{'ratio':>9}{'spread':>16}{'target':>9}")
    results = []
    for result in run(arguments.names, arguments.rounds):
        results.append(result)
        low, high = result["spread"]
        verdict = "" if result["met"] else "  not met"
        print(
            f"{result['name']:<20}{result['ours']:>10.3f} s{result['peer']:>10.3f} s{result['ratio']:>8.1f}x"
            f"{f'{low:.1f} to {high:.1f}':>16}{result['target']:>8g}x{verdict}"
        )
        print(f"    {result['note']}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
