"""Every constructor takes a number or says, in a ValueError, which range it must lie in."""

import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ib_tutorial.nn import (
    BinaryDropout,
    GaussianDropout,
    InformationDropout,
    LogNormalDropout,
    TruncatedInformationDropout,
    VariationalDropout,
    all_cnn_32,
    all_cnn_96,
    classifier_head,
    mlp,
    vae,
)
from ib_tutorial.nn.networks import Dropout, all_cnn

COUNTS = st.integers(-2, 9)
NUMBERS = st.sampled_from(
    [-math.inf, -1.0, -0.0, 5e-324, 1e-6, 0.1, 0.5, 0.7, 1 - 2**-53, 1.0, 2.0, math.inf, math.nan]
)
DROPOUTS = st.sampled_from(Dropout.__args__)
F = nn.Linear(3, 4)

BUILD = {
    "InformationDropout": (lambda **options: InformationDropout(F, F, **options), {"max_alpha": NUMBERS}),
    "TruncatedInformationDropout": (
        lambda **options: TruncatedInformationDropout(F, F, **options),
        dict(least=NUMBERS, most=NUMBERS, max_alpha=st.none() | NUMBERS),
    ),
    "LogNormalDropout": (lambda **options: LogNormalDropout(F, **options), {"alpha": NUMBERS}),
    "GaussianDropout": (lambda **options: GaussianDropout(F, **options), {"alpha": NUMBERS}),
    "VariationalDropout": (lambda **options: VariationalDropout(F, **options), {"alpha": NUMBERS}),
    "BinaryDropout": (lambda **options: BinaryDropout(F, **options), {"p": NUMBERS}),
    "mlp": (
        mlp,
        dict(width=COUNTS, depth=COUNTS, n_inputs=COUNTS, n_classes=COUNTS, dropout=DROPOUTS, p=NUMBERS, max_alpha=NUMBERS),
    ),
    "all_cnn_32": (all_cnn_32, dict(channels=COUNTS, n_classes=COUNTS, dropout=DROPOUTS, p=NUMBERS, max_alpha=NUMBERS)),
    "all_cnn_96": (all_cnn_96, dict(channels=COUNTS, n_classes=COUNTS)),
    "all_cnn": (all_cnn, dict(filters=st.lists(COUNTS, max_size=3), width=NUMBERS)),
    "classifier_head": (classifier_head, dict(n_in=COUNTS, width=COUNTS, n_classes=COUNTS)),
    "vae": (vae, dict(hidden=COUNTS, n_latents=COUNTS, n_pixels=COUNTS, max_alpha=NUMBERS)),
}  # fmt: skip


def names(error, argument):
    return re.search(rf"\b{argument} ", str(error))


@pytest.mark.parametrize("dropout", Dropout.__args__)
@pytest.mark.parametrize("network", ["mlp", "all_cnn_32"])
def test_one_bad_argument_is_the_one_that_the_error_names(network, dropout):
    """A bad max_alpha of constant log-normal noise was once an error about `alpha`, which nobody had given."""
    size, layers = ({"width": 4}, 3) if network == "mlp" else ({"width": 0.02}, 2)
    bad = [("max_alpha", -1.0), ("max_alpha", math.nan), ("p", 1.0), ("n_classes", 0)]
    bad += [("alphas", (0.1,)), ("alphas", (math.inf,) * layers)]
    bad += [("keep_input", 5e-324)] if network == "all_cnn_32" else []
    refused = set()
    for argument, value in bad:
        try:
            BUILD[network][0](dropout=dropout, **size, **{argument: value})
        except ValueError as error:
            assert names(error, argument), f"{argument} was given: {error}"
            refused.add((argument, str(value)))
    assert {("p", "1.0"), ("n_classes", "0"), ("alphas", "(0.1,)")} <= refused
    assert dropout not in ("information", "log_normal") or ("max_alpha", "-1.0") in refused


@pytest.mark.parametrize("name", BUILD)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_a_number_out_of_range_is_named_in_a_value_error(name, data):
    build, arguments = BUILD[name]
    given_ = {argument: data.draw(values, label=argument) for argument, values in arguments.items()}
    try:
        built = build(**given_)
    except ValueError as error:
        assert any(names(error, argument) for argument in given_)
    else:
        parameters = nn.ModuleList(built if isinstance(built, list) else [built]).state_dict().values()
        assert all(torch.isfinite(each.float()).all() and each.numel() for each in parameters)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: mlp(8, "gaussian", p=1.0), "p is 1.0; a drop probability is in"),
        (lambda: mlp(8, n_classes=0), "n_classes 0"),
        (lambda: all_cnn_32(width=math.inf), "width is inf; it is the share of the filters"),
        (lambda: all_cnn((), "none"), r"filters is \(\)"),
        (lambda: vae(8, 4, n_pixels=0), "n_pixels 0"),
        (lambda: mlp(8, "log_normal", max_alpha=-1.0), "^max_alpha is -1.0; a constant noise scale is at least 0"),
        (lambda: mlp(8, "log_normal", alphas=(0.1, -1.0, 0.1)), r"^alphas is \(0.1, -1.0, 0.1\); a constant noise scale"),
        (lambda: all_cnn_32(keep_input=5e-324), "^keep_input is 5e-324"),
        (lambda: TruncatedInformationDropout(F, F, least=1 - 2**-53, most=1.0), "^least is .* apart"),
        (lambda: LogNormalDropout(F, math.inf), "alpha is inf; a noise scale is at least 0, and finite"),
    ],
)
def test_the_range_is_said(build, said):
    with pytest.raises(ValueError, match=said):
        build()
