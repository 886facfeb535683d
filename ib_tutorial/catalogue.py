"""The experiments by name, and where the book's records of them are. No torch is imported here: that takes a second or two."""

from pathlib import Path

SHOWS = {
    "activation_priors": "Fig. 1: post-noise activations against the priors assumed for them",
    "mnist_widths": "Fig. 3a, tuned: error of small networks on MNIST, by kind of noise and width",
    "mnist_published": "Fig. 3a as published: error of small networks on MNIST at p = 0.5 and beta = 3",
    "cifar_filters": "Figs 3b and 6: error on CIFAR-10 by kind of noise and share of filters; information per layer",
    "information_maps": "Figs 2 and 7: where in cluttered images information flows, as beta grows",
    "occluded_nuisance": "Fig. 4: the picture's class and the occluding digit's, from one representation, as beta grows",
    "total_correlation": "Fig. 5: total correlation of the representation and test error, as beta grows",
    "vae_bound": "Table 1: the bounds of two variational autoencoders; total correlation of their latents against beta",
    "measuring_information": "Beyond the paper: what binned plots, estimators and known noise say of I(x;z)",
    "two_bottlenecks": "Beyond the paper: the deep VIB beside Information Dropout, on digits and on pictures under digits",
    "learned_versus_exact": "Information Dropout against the exact information curve of a small source",
}
"""What each experiment shows, by the name of its module in `ib_tutorial.experiments`."""

RECORDED = Path(__file__).resolve().parents[1] / "book" / "recorded"
if not RECORDED.is_dir():
    RECORDED = Path(__file__).resolve().parent / "recorded"  # no checkout: the wheel's copy (pyproject.toml)


def unknown(name: str) -> ValueError:
    """The error for a name that is no experiment's."""
    return ValueError(f"there is no experiment {name!r}; there are: {', '.join(SHOWS)}")
