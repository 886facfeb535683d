"""What a representation loses, the best invariant function, a weather station with another battery."""

import numpy as np

from ib_tutorial.examples import station_table
from ib_tutorial.exercises.exercise import Exercise
from ib_tutorial.information import (
    conditional_entropy,
    conditional_mutual_information,
    encoder_of,
    entropy,
    information_plane,
    marginal,
    minimal_sufficient,
    mutual_information,
    partitions,
    represent,
)


def random_encoders(rng):
    """Three pairs (p_xy [x, y], p_z_given_x [x, z]) without zeros."""
    for n_x, n_y, n_z in ((4, 3, 2), (5, 2, 3), (3, 3, 4)):
        yield rng.dirichlet(np.ones(n_x * n_y)).reshape(n_x, n_y), rng.dirichlet(np.ones(n_z), n_x)


def lost(p_xy, p_z_given_x):
    return conditional_mutual_information(represent(p_xy, p_z_given_x))


def surplus(p_xy, p_z_given_x):
    return conditional_mutual_information(represent(p_xy, p_z_given_x).swapaxes(1, 2))


def lost_unweighted(p_xy, p_z_given_x):
    tables = np.moveaxis(represent(p_xy, p_z_given_x), 2, 0)
    return np.mean([mutual_information(table / table.sum()) for table in tables])


def lost_with_weights(p_xy, p_z_given_x, p_x, swapped=False):
    """sum p(x) p(z|x) KL(p(y|x) || p(y|z)), with any p(x) in front, or with the arguments of KL swapped."""
    p_y_given_x = (p_xy / p_xy.sum(1, keepdims=True))[:, None]  # [x, 1, y]
    p_zy = p_z_given_x.T @ p_xy
    p_y_given_z = (p_zy / p_zy.sum(1, keepdims=True))[None]
    first, second = (p_y_given_z, p_y_given_x) if swapped else (p_y_given_x, p_y_given_z)
    return (p_x[:, None] * p_z_given_x * (first * np.log(first / second)).sum(2)).sum()


LOST = Exercise(
    name="lost-program",
    asks="a function of p_xy [x, y] and p_z_given_x [x, z] that returns I(x;y|z), a number, in nats",
    oracle=lost,
    inputs=random_encoders,
    mistakes={
        "That is $I(z;y)$, what $z$ keeps. What it loses is the rest of $I(x;y)$.":
            lambda p_xy, p_z_given_x: information_plane(p_xy, p_z_given_x)[1],
        "That is $I(x;z|y)$, what $z$ carries beyond the task. For what it loses, the condition is $z$, not $y$.":
            surplus,
        "That is $H(y|z)$, all that is left to know. A part of it is left even to one who sees $x$.":
            lambda p_xy, p_z_given_x: conditional_entropy(p_z_given_x.T @ p_xy),
        "You averaged over the messages as if they were equally likely: weigh each with $p(z)$.":
            lost_unweighted,
        "You averaged over the inputs as if they were equally likely: weigh each with $p(x)$.":
            lambda p_xy, p_z_given_x: lost_with_weights(p_xy, p_z_given_x, np.full(len(p_xy), 1 / len(p_xy))),
        "The arguments of KL are swapped: the posterior of one who sees $x$ is the truth, and stands first.":
            lambda p_xy, p_z_given_x: lost_with_weights(p_xy, p_z_given_x, p_xy.sum(1), swapped=True),
    },
    hints=(
        "Four expressions for it stand under the heading of what a representation loses. Which is easiest to compute?",
        "`p_z_given_x.T @ p_xy` is the joint table of $z$ and $y$.",
        "Mutual information of a joint table twice, once for $x$ and $y$ and once for $z$ and $y$; then compare.",
    ),
)


def station(weak):
    """p(x, y, battery) of the page's station without its case, x = 2 needle + battery."""
    return station_table(weak=weak).sum(3).reshape(4, 2, 2, 2).sum(1)


def nuisance_tables(rng):
    """Tables [x, y, n]: the station's needle and battery; three scenes in two lights; and one without any structure."""
    yield (station(0.4),)
    scenes = np.array([0.45, 0.33, 0.22])
    table = np.zeros((6, 3, 2))
    for n in range(2):
        table[n::2, :, n] = scenes[:, None] / 2 * rng.dirichlet(np.ones(3), 3)
    yield (table,)
    table = rng.dirichlet(np.ones(16)).reshape(4, 2, 2)
    yield (table.sum(2, keepdims=True) * table.sum((0, 1)) * 0.5 + 0.5 * table,)


def most_told(p_xyn, about=1, hidden=2, most_values=None):
    """The largest I(z; axis `about`) over the functions z of x with I(z; axis `hidden`) = 0."""
    best = 0.0
    for labels in partitions(len(p_xyn)):
        if most_values and max(labels) >= most_values:
            continue
        joint = represent(p_xyn, encoder_of(np.array(labels)))
        if hidden is None or mutual_information(marginal(joint, 3, hidden)) < 1e-12:
            best = max(best, mutual_information(marginal(joint, 3, about)))
    return best


INVARIANT = Exercise(
    name="search-invariant",
    asks=(
        "a function of p_xyn [x, y, n] that returns the largest I(z;y), in nats, "
        "over the functions z of x with I(z;n) = 0"
    ),
    oracle=lambda p_xyn: most_told(p_xyn),
    inputs=nuisance_tables,
    mistakes={
        "That is the most any function tells about $y$, namely $I(x;y)$: the requirement on the nuisance is missing.":
            lambda p_xyn: most_told(p_xyn, hidden=None),
        "Task and nuisance are exchanged: you found what can be told of $n$ without telling anything of $y$.":
            lambda p_xyn: most_told(p_xyn, about=2, hidden=1),
        "You tried the functions with two values only; the best may have more.":
            lambda p_xyn: most_told(p_xyn, most_values=2),
    },
    hints=(
        "Try every function: `partitions(len(p_xyn))` yields each once, as a list of labels.",
        "`represent(p_xyn, encoder_of(np.array(labels)))` is the joint table [x, y, n, z]; `marginal` takes two axes of it.",
        "$I(z;n)$ is hardly ever exactly 0 in floating point: compare it with something like 1e-12.",
    ),
)


def station_facts(weak):
    """I(x;y), H(T) and I(T;n) of a station (without its case)."""
    table = station(weak)
    posterior_map = encoder_of(minimal_sufficient(marginal(table, 0, 1)))
    return np.array(
        [
            mutual_information(marginal(table, 0, 1)),
            entropy(table.sum((1, 2)) @ posterior_map),
            mutual_information(marginal(represent(table, posterior_map), 3, 2)),
        ]
    )


DEAD_BATTERY = Exercise(
    name="dead-battery",
    asks="three numbers, (I(x;y), H(T), I(T;n)), in nats, to three decimals",
    oracle=lambda: station_facts(0.5),
    inputs=None,
    mistakes={
        "Those are the numbers of the station as the page has it.":
            lambda: station_facts(0.4),
        "$I(T;n)$ is not zero. A needle that says nothing still leaves a posterior: which one, "
        "and can a fresh station have it?":
            lambda: station_facts(0.5) * [1, 1, 0],
        "$T$ has three values, but are they equally likely?":
            lambda: station_facts(0.5) * [1, 0, 1] + [0, np.log(3), 0],
        "Needle and battery still take four values, but do all four have posteriors of their own?":
            lambda: station_facts(0.5) * [1, 0, 1] + [0, np.log(4), 0],
    },
    hints=(
        "Write down the posterior of rain for the four pairs of needle and battery.",
        "With a weak battery both needles have the same posterior, so $T$ merges them.",
        "$I(x;y)$ is the mean over the two batteries of what the needle tells; for $I(T;n)$, can the battery be read off $T$?",
    ),
    tolerance=1e-3,
)
