"""A finding takes its name from its function and its test from the docstring, so that neither is written twice."""

import re

import pytest

from ib_tutorial.experiments import EXPERIMENTS, finding

LEARNED = 0.1
TOLD = dict(where="Fig. 3a", statement="It helps.", unit="points")


def helps(record, layer):
    """By seed: the gain of layer {layer}
    is above {LEARNED:.0%}."""
    return [layer * record]


def test_name_test_and_values_come_from_the_function():
    found = finding(**TOLD, given=dict(layer=3), condition="Void else.")(helps)
    assert found.name == "test_findings.helps_3" and found.experiment == "test_findings"
    assert found.test == "By seed: the gain of layer 3 is above 10%. Void else."
    assert found.values(2) == [6]


def test_a_function_without_a_test_is_no_finding():
    with pytest.raises(ValueError, match="<lambda> has no docstring, and that is a finding's test"):
        finding(**TOLD)(lambda record: [])


def test_every_finding_has_a_name_of_its_own_and_a_whole_test():
    found = [finding for module in EXPERIMENTS.values() for finding in module.FINDINGS]
    assert len({each.name for each in found}) == len(found) >= 33
    for each in found:
        assert each.name.startswith(each.experiment + ".") and "{" not in each.test
        assert re.search("is (above|below)", each.test), f"{each.name}: its docstring must say 'is above' or 'is below'"
        assert not each.test.endswith(" ") and "  " not in each.test
