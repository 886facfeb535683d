"""The information bottleneck, derived and reproduced: the library behind the book.

`information` holds pure functions (entropies, divergences, bottleneck solvers), `nn` the noise layers and the paper's
networks, `training` the objective and the loop, `experiments` one module per figure or table of the paper, `figures`
what draws them. Each imports only those before it, and `data_gen`, beside this package, brings the images.
"""

__version__ = "0.2.0"
