"""Information theory on tensors: divergences, entropies, total correlation, and exact solvers for the information bottleneck.

Nats everywhere. `beta` is the paper's everywhere: it multiplies I(x;z) in H(y|z) + beta I(x;z), and is 1/beta of Tishby, Pereira & Bialek.
"""

from ib_tutorial.information.kl import kl_log_normal, kl_log_uniform, kl_standard_normal

__all__ = ["kl_log_normal", "kl_log_uniform", "kl_standard_normal"]
