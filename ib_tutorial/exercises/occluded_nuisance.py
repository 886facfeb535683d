"""What a reader's cross-entropy proves about the nuisance."""

import numpy as np

from ib_tutorial.exercises.exercise import Exercise
from ib_tutorial.information import entropy, mutual_information


def readers(rng):
    """Pairs (p_zn [z, n], q_n_given_z [z, n]): joint tables with unequal classes, and readers made regardless of them."""
    for n_z, n_n in ((4, 3), (3, 5), (6, 2)):
        yield rng.dirichlet(np.ones(n_z * n_n)).reshape(n_z, n_n), rng.dirichlet(np.full(n_n, 2.0), n_z)


def cross_entropy(p_zn, q_n_given_z):
    return -(p_zn * np.log(q_n_given_z)).sum()


def proved(p_zn, q_n_given_z):
    return entropy(p_zn.sum(0)) - cross_entropy(p_zn, q_n_given_z)


PROVED = Exercise(
    name="occluded-bound",
    asks="a function of p_zn [z, n] and q_n_given_z [z, n] that returns the reader's lower bound of I(z;n), in nats",
    oracle=proved,
    inputs=readers,
    mistakes={
        "That is $I(z;n)$ itself, which no reader enters. What did this reader prove?":
            lambda p_zn, q_n_given_z: mutual_information(p_zn),
        "You took the logarithm of the number of classes for $H(n)$: these classes are not equally frequent.":
            lambda p_zn, q_n_given_z: np.log(p_zn.shape[1]) - cross_entropy(p_zn, q_n_given_z),
        "You took the mean of $-\\log q$ under the reader's own beliefs; the true classes decide.":
            lambda p_zn, q_n_given_z: entropy(p_zn.sum(0)) + (p_zn.sum(1) @ (q_n_given_z * np.log(q_n_given_z)).sum(1)),
        "You averaged over the values of $z$ as if they were equally frequent.":
            lambda p_zn, q_n_given_z: (
                entropy(p_zn.sum(0)) + (p_zn / p_zn.sum(1, keepdims=True) * np.log(q_n_given_z)).sum(1).mean()
            ),
        "The sign is turned round.":
            lambda *tables: -proved(*tables),
    },
    hints=(
        "Two terms: how uncertain $n$ is to begin with, and how uncertain the reader leaves it.",
        "The classes' frequencies are column sums of the first table.",
        "The cross-entropy is a sum over both tables, cell by cell: the one gives the weights, the other the logarithms.",
    ),
)
