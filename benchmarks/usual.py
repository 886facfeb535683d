"""The code that one would otherwise write, in the manner of most public code: the peer of the training benchmarks.

Images are read one by one through a Dataset, a transform and a DataLoader, noise and KL come from torch.distributions, tensors are
NCHW and float32, and the loss is looked at after each step. The networks are those of Table 2, with parameters in the same order as
`ib_tutorial.nn` has them, so that `copy_state` can give both the same weights.
"""

from collections.abc import Iterable
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.distributions import LogNormal, Normal, kl_divergence
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

MAX_ALPHA = 0.7


class UsualInformationDropout(nn.Module):
    """z = eps f(x), log eps ~ N(0, alpha(x)^2), and its KL per unit, to the log-uniform or to a learned log-normal prior."""

    def __init__(self, f: nn.Module, alpha: nn.Module, log_normal_prior: bool):
        super().__init__()
        if log_normal_prior:
            self.mu = nn.Parameter(torch.zeros(()))
            self.log_sigma = nn.Parameter(torch.zeros(()))
        self.log_normal_prior = log_normal_prior
        self.f, self.alpha = f, alpha
        self.max_alpha = MAX_ALPHA
        self.noisy = True

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        f = self.f(x)
        alpha = (self.max_alpha * torch.sigmoid(self.alpha(x))).clamp(min=1e-6)
        if self.log_normal_prior:
            posterior = LogNormal(torch.log(f.clamp(min=1e-4)), alpha)
            kl = kl_divergence(posterior, LogNormal(self.mu, self.log_sigma.exp()))
            return (posterior.rsample() if self.noisy else f), kl
        noise = LogNormal(torch.zeros_like(alpha), alpha)
        # torch.distributions has no log-uniform: up to a constant, the KL to it is minus the entropy of log z
        kl = Normal(0.0, self.max_alpha).entropy() - noise.base_dist.entropy()
        return (f * noise.rsample() if self.noisy else f), kl


class UsualNetwork(nn.Module):
    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        kls = []
        for layer in self.layers:
            if isinstance(layer, UsualInformationDropout):
                x, kl = layer(x)
                kls.append(kl)
            else:
                x = layer(x)
        return x, kls


def usual_mlp(width: int) -> UsualNetwork:
    layers: list[nn.Module] = [nn.Flatten()]
    for n_in in (784, width, width):
        f = nn.Sequential(nn.Linear(n_in, width), nn.ReLU())
        layers.append(UsualInformationDropout(f, nn.Linear(n_in, width), log_normal_prior=False))
    return UsualNetwork(*layers, nn.Linear(width, 10))


def usual_all_cnn_32(width: float) -> UsualNetwork:
    """All-CNN-32 with Softplus units and the log-normal prior, as in Fig. 3b."""
    layers: list[nn.Module] = []
    n_in = 3
    for n in (round(96 * width), round(192 * width)):
        alpha = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(n, n, 3, stride=2))
        layers += [convolution(n_in, n), convolution(n, n)]
        layers.append(UsualInformationDropout(convolution(n, n, stride=2), alpha, log_normal_prior=True))
        n_in = n
    layers += [convolution(n_in, n_in), convolution(n_in, n_in, kernel=1), convolution(n_in, 10, kernel=1)]
    return UsualNetwork(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def convolution(n_in: int, n_out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    if stride == 1:
        layers: list[nn.Module] = [nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=False)]
    else:
        layers = [nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(n_in, n_out, kernel, stride=stride, bias=False)]
    return nn.Sequential(*layers, nn.BatchNorm2d(n_out, eps=1e-3), nn.Softplus())


class UsualImages(Dataset):
    """A data set that reads one image at a time, and makes it a float tensor, channels first, standardised."""

    def __init__(self, images: Tensor, labels: Tensor, mean: float, std: float):
        self.images, self.labels = images, labels
        self.mean, self.std = torch.tensor(mean), torch.tensor(std)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.images[index].permute(2, 0, 1).float() / 255
        return (image - self.mean) / self.std, int(self.labels[index])


def usual_loader(dataset: Dataset, batch_size: int, workers: int, persistent: bool = False) -> DataLoader:
    return DataLoader(dataset, batch_size, shuffle=True, num_workers=workers, persistent_workers=persistent)


def usual_optimiser(network: nn.Module, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9, nesterov=True)


def usual_epoch(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimiser: torch.optim.Optimizer,
    weight: float,
    device: str = "cpu",
    *,
    look: bool = True,
    bfloat16: bool = False,
) -> float:
    """Train for one pass over the batches, at the weight beta / n_train of a nat of the KL, and return the mean loss.

    `look` (whether the loss is read at each step) and `bfloat16` are what the ladder changes on the way from this loop to `fit`.
    """
    network.train()
    total, n_batches = 0.0, 0
    for x, y in batches:
        x, y = x.to(device), y.to(device)
        with torch.autocast(device.split(":")[0], torch.bfloat16) if bfloat16 else nullcontext():
            logits, kls = network(x)
        kl = sum(kl.flatten(1).sum(1).mean() for kl in kls)
        loss = functional.cross_entropy(logits.float(), y) + weight * kl
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total, n_batches = total + (loss.item() if look else loss.detach()), n_batches + 1
    return float(total) / n_batches


def copy_state(source: nn.Module, target: nn.Module) -> None:
    """Give `target` the parameters and buffers of `source`, in their order. Raises ValueError where they do not pair off."""
    pairs = [
        *zip(source.parameters(), target.parameters(), strict=True),
        *zip(kept_buffers(source), kept_buffers(target), strict=True),
    ]
    with torch.no_grad():
        for one, other in pairs:
            if one.shape != other.shape:
                raise ValueError(f"a tensor of shape {tuple(one.shape)} has one of {tuple(other.shape)} for its pair")
            other.copy_(one)


def kept_buffers(network: nn.Module) -> list[Tensor]:
    """The buffers that a state_dict holds: `fit` leaves others, batch norm's statistics for readings."""
    kept = network.state_dict()
    return [buffer for name, buffer in network.named_buffers() if name in kept]
