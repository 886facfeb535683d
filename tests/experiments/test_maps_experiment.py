"""Figs 2 and 7: fresh clutter in each epoch, which maps count, and what the findings make of the shares."""

from dataclasses import replace

import pytest
import torch

from ib_tutorial.experiments import information_maps as experiment
from ib_tutorial.experiments.experiment import Context
from ib_tutorial.experiments.record import Record, recorded
from ib_tutorial.experiments.runner import config
from ib_tutorial.experiments.verdicts import judge
from ib_tutorial.nn import NoisyNetwork

SMOKE = config("information_maps", "smoke")
CPU = torch.device("cpu")


def empty() -> Record:
    return Record("information_maps", "smoke", {}, [0], "", {}, "", {}, "")


def fresh(seed=0, **changed) -> experiment.FreshClutter:
    settings = replace(SMOKE, **changed)
    return experiment.FreshClutter(experiment.digits(settings, None, seed)[0], settings, seed)


def test_each_epoch_shows_every_digit_once_at_another_place_in_other_clutter():
    clutter = fresh(shrink=1)
    first, again = (torch.cat([x for x, _ in clutter]) for _ in range(2))
    labels = torch.cat([y for _, y in clutter])
    assert torch.equal(first, again) and first.shape == (SMOKE.n_train, 1, 96, 96)
    clutter.set_epoch(1)
    other, other_labels = (torch.cat(each) for each in zip(*clutter, strict=True))
    assert torch.equal(labels.sort().values, other_labels.sort().values)
    assert torch.equal(labels.sort().values, experiment.digits(SMOKE, None, 0)[0].labels.sort().values)
    same = (first[:, None] == other[None]).flatten(2).all(2)
    assert not same.any()


def test_training_images_are_standardised_by_themselves_and_batches_do_not_change_them():
    clutter = fresh()
    x = torch.cat([x for x, _ in clutter])
    assert x.mean().abs() < 1e-5 and x.std().item() == pytest.approx(1, abs=1e-5)
    assert torch.equal(x, torch.cat([x for x, _ in fresh(batch_size=7)]))


def test_held_out_digits_are_none_of_the_training_digits_and_each_seed_has_its_own():
    (train, held_out, test), (other, _, same) = (experiment.digits(SMOKE, None, seed) for seed in (0, 1))
    assert [len(part.images) for part in (train, held_out, test)] == [48, 16, 32]
    assert not (train.images[:, None] == held_out.images[None]).flatten(2).all(2).any()
    assert not torch.equal(train.labels, other.labels) and torch.equal(test.images, same.images)


def test_small_canvases_have_small_digits_and_small_distractors():
    settings = replace(SMOKE, n_distractors=3)
    made = experiment.clutter(experiment.digits(settings, None, 0)[0], settings, 5, seed=0)
    assert made.images.shape == (5, 48, 48, 1) and made.distractors.shape == (5, 3, 4)
    assert (made.box[:, 2] - made.box[:, 0]).unique().tolist() == [14]
    assert (made.distractors[..., 2] - made.distractors[..., 0]).unique().tolist() == [4]


def made_up(shares=None, train_error=None, caps=None) -> Record:
    """Two betas and two seeds. shares: by layer, of the small and of the large beta. caps: by cap, (training, test) error."""
    record = Record(
        "information_maps", "reduced", {"betas": [0.1, 1.0], "max_alpha": 0.7, "caps": [0.35, 1.0], "cap_beta": 0.1}, [0, 1], "", {}, "", {}, "",
        finished=True,
    )  # fmt: skip
    train_error = {0.1: 0.02, 1.0: 0.05} | (train_error or {})
    for seed in (0, 1):
        shift = 0.001 * seed
        for place, beta in enumerate((0.1, 1.0)):
            found = {"train_error": train_error[beta], "test_error": 0.06 + shift}
            found |= {f"distractor_share_{layer}": pair[place] + shift * (place + 1) for layer, pair in (shares or {}).items()}
            record.rows += [dict(method="information", seed=seed, beta=beta, cap=0.7, metric=m, value=v) for m, v in found.items()]
        for cap, errors in (caps or {}).items():
            for metric, value in zip(("train_error", "test_error"), errors, strict=True):
                row = dict(method="information", seed=seed, beta=0.1, cap=cap, metric=metric, value=value + 2 * shift)
                record.rows.append(row)
    return record


def verdicts(record: Record) -> dict[str, str]:
    return {finding.name.split(".")[1]: judge(finding, record).verdict for finding in experiment.FINDINGS}


def test_the_findings_follow_the_shares():
    found = verdicts(made_up({1: (0.9, 0.8), 2: (0.5, 0.3), 3: (0.1, 0.2)}))
    assert [found[f"localises_{layer}"] for layer in (1, 2, 3)] == ["not supported", "supported", "supported"]
    assert [found[f"drops_distractors_{layer}"] for layer in (1, 2, 3)] == ["supported", "supported", "not supported"]


def test_maps_of_networks_that_have_not_learned_do_not_count_however_low_their_test_error():
    record = made_up({1: (0.9, 0.1), 2: (0.9, 0.1), 3: (0.9, 0.1)}, train_error={1.0: 0.11})
    assert experiment.counting_betas(record) == [0.1]
    assert verdicts(record)["drops_distractors_1"] == "void" and verdicts(record)["localises_1"] == "not supported"
    assert set(verdicts(made_up(train_error={0.1: 0.2, 1.0: 0.2})).values()) == {"void"}


def test_a_test_error_decides_not_which_maps_count():
    record = made_up()
    for row in record.select(metric="test_error"):
        row["value"] = 0.9
    assert experiment.counting_betas(record) == [0.1, 1.0]


def test_a_large_cap_at_which_nothing_was_learned_shows_no_poor_generalisation():
    assert verdicts(made_up(caps={1.0: (0.03, 0.09)}))["large_cap_hurts"] == "supported"
    assert verdicts(made_up(caps={1.0: (0.03, 0.01)}))["large_cap_hurts"] == "not supported"
    assert verdicts(made_up(caps={1.0: (0.67, 0.67)}))["large_cap_hurts"] == "void"


def test_the_first_record_decides_nothing_and_its_betas_still_count():
    record = recorded("information_maps", ["reduced"])
    if record.format == 1:
        assert set(verdicts(record).values()) == {"void"}
        assert experiment.counting_betas(record) == [0.001, 0.01, 0.03, 0.1]


def test_the_authors_setting_is_what_their_code_has():
    settings, ours = config("information_maps", "authors"), config("information_maps", "reduced")
    assert (settings.variant, settings.max_alpha, settings.lr, settings.batch_size) == ("code", 1.0, 0.01, 128)
    assert settings.weight_decay == 0 and settings.betas[-1] / settings.n_train == pytest.approx(0.5 / 50_000)
    assert (settings.n_train, settings.epochs, settings.width) == (ours.n_train, ours.epochs, ours.width)


@pytest.mark.slow
def test_a_cell_of_the_authors_setting_runs(monkeypatch):
    built: list[NoisyNetwork] = []
    build = experiment.build
    monkeypatch.setattr(experiment, "build", lambda *which: built.append(build(*which)) or built[-1])
    settings = replace(SMOKE, variant="code", max_alpha=1.0, batch_size=32)
    cell = dict(method="information", seed=0, beta=0.1, cap=1.0)
    rows, kept = experiment.run_cell(cell, Context(settings, None, empty(), CPU))
    names = set(built[0].state_dict())
    assert {name.split("/")[1] for name in kept} >= {name for name in names if name.endswith("weight")}
    assert {f"distractor_share_{layer}" for layer in (1, 2, 3)} <= {row["metric"] for row in rows}
