r"""The linear Gaussian variational autoencoder, solved: probabilistic principal components with a beta.

    prior z ~ N(0, I)    decoder x | z ~ N(W z + mean, s I)    encoder z | x ~ N(V (x - mean), diag(c))

The loss is distortion + beta rate, with distortion E[-log q(x|z)] and rate E KL( p(z|x) || N(0, I) ), averaged over
data of which only the covariance matters. With lambda_i its eigenvalues in falling order, latent i is used exactly
where lambda_i > beta s, and then costs 1/2 log( lambda_i / (beta s) ) nats.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ib_tutorial.information import _checks
from ib_tutorial.information._arrays import like

Nats = float | Float[Tensor, ""]


@dataclass(frozen=True)
class LinearVAE:
    r"""An optimal linear Gaussian VAE and what it achieves, in nats per image.

    Latents stand in the order of falling eigenvalues; unused ones are zero.
    """

    decoder: Float[Tensor, "pixels latents"] | Float[np.ndarray, "pixels latents"]  #: W
    encoder: Float[Tensor, "latents pixels"] | Float[np.ndarray, "latents pixels"]  #: V
    posterior_variance: Float[Tensor, "latents"] | Float[np.ndarray, "latents"]  #: c, 1 where unused
    rates: Float[Tensor, "latents"] | Float[np.ndarray, "latents"]  #: E KL of each latent
    rate: Nats  #: their sum
    distortion: Nats  #: E[-log q(x|z)]; q is a density, so this may be negative, and depends on the unit of x


def linear_vae(
    cov: Float[Tensor, "pixels pixels"] | Float[np.ndarray, "pixels pixels"],
    n_latents: int,
    beta: float,
    noise_variance: float,
) -> LinearVAE:
    r"""The minimum of distortion + beta rate, eq. (7), over W, V and c, in closed form.

    Let level = beta noise_variance, and let u_i and lambda_i be the eigenvectors and eigenvalues of cov, the largest first. A latent
    among the first n_latents with lambda_i > level has w_i = u_i sqrt(lambda_i - level), v_i = w_i / lambda_i and
    c_i = level / lambda_i. The others have 0, 0 and 1. At beta = 1 this is probabilistic PCA with a given noise variance
    (Tipping & Bishop 1999), and minus the sum of distortion and rate is the largest log-likelihood.

    It is computed in float64 and returned in the type of cov, without a gradient.

    Args:
        cov: the covariance of the data; it may be singular.
        n_latents: from 1 to the number of pixels.
        beta: the weight of the rate, positive.
        noise_variance: s, the variance of the decoder, positive.

    Raises:
        ValueError: cov is not square, finite and symmetric, or has a negative eigenvalue; or another argument is out of its range.
    """
    covariance = _checks.square(cov, "cov").detach().double()
    n_pixels = len(covariance)
    if not 1 <= n_latents <= n_pixels:
        raise ValueError(f"n_latents must be between 1 and the {n_pixels} dimensions of cov, but is {n_latents}")
    level = beta * noise_variance
    _checks.positive(beta=beta, noise_variance=noise_variance, **{"beta noise_variance": level})
    if not torch.allclose(covariance, covariance.T, rtol=1e-5, atol=1e-12):
        raise ValueError("cov must be symmetric")
    eigenvalues, vectors = (part.flip(-1) for part in torch.linalg.eigh((covariance + covariance.T) / 2))
    if eigenvalues[-1] < -1e-6 * max(eigenvalues[0].item(), 1e-300):
        raise ValueError(f"cov is no covariance: it has the negative eigenvalue {eigenvalues[-1].item():.3g}")
    eigenvalues = eigenvalues.clamp(min=0)
    kept, directions = eigenvalues[:n_latents], vectors[:, :n_latents]
    used = kept > level
    ratio = torch.where(used, kept / level, 1)
    gain = torch.where(used, kept - level, 0).sqrt()
    rates = torch.log(ratio) / 2
    squared_error = eigenvalues.sum() - torch.where(used, kept - level, 0).sum()
    distortion = n_pixels / 2 * math.log(2 * math.pi * noise_variance) + squared_error / (2 * noise_variance)
    encoder = torch.where(used, gain / kept, 0)[:, None] * directions.T
    results = (directions * gain, encoder, 1 / ratio, rates, rates.sum(), distortion)
    return LinearVAE(*(like(value, cov) for value in results))


def linear_vae_terms(
    cov: Float[Tensor, "pixels pixels"],
    decoder: Float[Tensor, "pixels latents"],
    encoder: Float[Tensor, "latents pixels"],
    log_var: Float[Tensor, "latents"],
    noise_variance: float,
) -> tuple[Float[Tensor, ""], Float[Tensor, "latents"]]:
    r"""(distortion, rate of each latent) of any linear Gaussian VAE, in nats per image, with exact expectations.

    For centred x and posterior variances c = exp(log_var)::

        E|x - W z|^2 = tr[(I - W V) cov (I - W V)^T] + tr[W diag(c) W^T]
        E KL_j       = 1/2 [(V cov V^T)_jj + c_j - 1 - log c_j]

    It takes tensors of torch and is differentiable, so that an optimiser can find the minimum without eigenvectors. No value is refused.
    """
    covered = decoder @ encoder
    through = covered @ cov
    squared_error = (
        cov.trace() - 2 * through.trace() + (through * covered).sum() + (decoder.square() * log_var.exp()).sum()
    )
    distortion = len(cov) / 2 * math.log(2 * math.pi * noise_variance) + squared_error / (2 * noise_variance)
    mean_square = ((encoder @ cov) * encoder).sum(1)
    return distortion, (mean_square + torch.expm1(log_var) - log_var) / 2
