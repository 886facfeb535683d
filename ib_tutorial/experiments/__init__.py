"""One module per experiment, named by what it shows; `EXPERIMENTS` lists them, `recorded` reads what was run before.

Each module has the names of `Experiment`: a `Config` (its settings, with their defaults), `PROFILES` (the settings that differ by
profile), `FINDINGS` (what the paper says, and the test that was fixed before the run), `stages` (its grid) and `run_cell` (one cell of
the grid to rows, in a `Context`).
"""

from ib_tutorial.experiments.experiment import Context, Experiment
from ib_tutorial.experiments.findings import Finding, finding
from ib_tutorial.experiments.record import Record, load_record, recorded
from ib_tutorial.experiments.runner import EXPERIMENTS, run
from ib_tutorial.experiments.verdicts import Verdict, ledger

__all__ = ["EXPERIMENTS", "Context", "Experiment", "Finding", "Record", "Verdict", "finding", "ledger", "load_record", "recorded", "run"]
