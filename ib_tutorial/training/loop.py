"""The training loop: gradient descent on eq. (3) in batches, read from top to bottom in one sitting."""

import hashlib
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from ib_tutorial.nn.batch_norm import in_batches, modes_restored, norms
from ib_tutorial.nn.contexts import measure_batch_norm, modules_in_training, noise_layers
from ib_tutorial.nn.dropout import MAX_LOG_SIGMA
from ib_tutorial.training.checkpoint import load, restore_run, save_run
from ib_tutorial.training.objective import check_beta, check_images, check_labels, loss_and_terms, with_costs
from ib_tutorial.training.optimisers import SGD, Adam
from ib_tutorial.training.precision import Precision, autocast, chosen
from ib_tutorial.training.randomness import derived_seed, generator
from ib_tutorial.training.threads import on_threads, threads_for

CHECK_EVERY = 50
"""Steps between looks at the loss: a look waits for the device, so it is not taken at each step."""

MEASURED_AT_A_TIME = 500
"""Images in a batch when batch norm's statistics are measured after training."""


COLLAPSED = 0.01
"""Nats per unit and image below which a noise layer counts as collapsed."""


class CollapseWarning(UserWarning):
    """A noise layer came out of training with its noise at the cap, or at the prior, for nearly all images, or its prior has left its range.

    Experiments over beta expect that, and filter it.
    """


class Epoch(NamedTuple):
    """One epoch's means over its steps."""

    epoch: int  #: from 0
    lr: float  #: the learning rate
    loss: float  #: nats per image
    cross_entropy: float  #: nats per image
    kl: float  #: nats per image
    effective_beta: float  #: beta / n_train, the weight of a nat of the KL
    gradient: float  #: Euclidean norm of the loss's gradient over all parameters


Batches = Iterable[Sequence[Tensor]]
"""Pairs of images and targets, from the beginning at each iteration: a list, a DataLoader, an object that makes them afresh."""


def fit(
    network: nn.Module,
    x: Float[Tensor, "images *inputs"] | Batches,
    y: Tensor | None = None,
    *,
    epochs: int,
    lr: float,
    drops: Sequence[int] = (),
    beta: float = 0.0,
    n_train: int | None = None,
    likelihood: Callable[[Tensor, Tensor], Float[Tensor, ""]] = cross_entropy,
    batch_size: int = 100,
    optimiser: Literal["sgd", "adam"] = "sgd",
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    seed: int = 0,
    precision: Precision = "auto",
    compile: bool = False,
    threads: int | None = None,
    checkpoint: Path | str | None = None,
    progress: bool | str = True,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train `network` in place by gradient descent on eq. (3), and return what each epoch measured.

    A part in eval mode inside a network in training mode stays there: it draws no noise, and its batch norm keeps its statistics. Its weights
    move unless their `requires_grad` is False. Every module leaves in the mode in which it came. At the end batch norm's statistics are
    measured on the training images, with the noise on and without noise, so that each reading of the network (`evaluate`, `reading`, `noise`)
    finds those of its own kind.

    Args:
        network: returns (output, kl_terms), as those of `ib_tutorial.nn` do; `Collected` makes such a network of any other. A network that
            returns its output alone has no cost.
        x: the whole training set, on the network's device; or batches, pairs (x, y) from any iterable that starts anew at each epoch, such as
            a DataLoader, then without `y` and `batch_size`. They should be shuffled. Where it has a method `set_epoch`, that is called with
            0, 1, ... before each epoch.
        y: a target (a label, an image) for each image.
        epochs: how often each image is seen.
        lr: the learning rate, finite and at least 0.
        drops: epochs before which the learning rate falls to a tenth.
        beta: weight of the information, in the paper's convention (see `information_bottleneck_loss`).
        n_train: what beta is divided by. By default the number of images, as in the paper's section 8; 1 for a variational autoencoder
            (eq. 7). Batches without a `dataset` must be told it.
        likelihood: mean nats per image, -log p(y | output), from the output and the targets.
        batch_size: images in a step. A last batch of one image joins the one before it, since batch norm cannot train on one.
        optimiser: "sgd" has Nesterov momentum; "adam" (Kingma & Ba 2015) averages gradients with the same `momentum`, and their
            squares with 0.999.
        momentum: the share of the last step's direction that is kept.
        weight_decay: of every parameter, 0 by default: the paper mentions none.
        seed: of the order of the images and of the noise, each with a generator of its own: two networks at one seed see the same
            order, whatever noise they draw. The caller's random state is left as it was.
        precision: of matrix products and convolutions; "auto" is bfloat16 where a probe finds it faster, else float32.
        compile: whether the network runs through torch.compile. Where that fails, a warning says so and the run goes on without it.
        threads: torch's threads while this runs, on a CPU. By default one for a small network (see `training.threads`) and torch's own number
            for a large one, or for any if you have chosen it: by OMP_NUM_THREADS, MKL_NUM_THREADS, or `torch.set_num_threads` after
            the import of this library.
        checkpoint: a file written after each epoch. If it is there already, training resumes from it, to the same bits as if it had never
            stopped (on the same device). The number of threads must be the same.
        progress: whether to draw a bar; a string is its label.
        on_epoch: called with each epoch's measurements.

    Images are converted to channels_last, which convolutions run faster in.

    Raises:
        ValueError: a setting means nothing; the network does not return the cost of a noise layer although beta > 0; or the checkpoint was
            begun with other settings or images, or holds more epochs than are asked for.
        FloatingPointError: the loss is not finite.

    Warns:
        CollapseWarning: after the last step the units of a noise layer cost less than 0.01 nats each, or its prior's log sigma is beyond its
            clamp.
    """
    weights = weights_of(network)
    device = weights.device
    check_settings(epochs, lr, beta, threads)
    data: InMemory | Streamed
    if hasattr(x, "shape"):
        images = check_images(x)
        data = InMemory(images, y, batch_size, seed)
        device = images.device
    else:
        if y is not None:
            raise ValueError("y was given beside batches; batches hold their targets: fit(network, batches, ...)")
        data = Streamed(x, device)
        if checkpoint is not None and getattr(x, "generator", None) is not None:
            raise ValueError(
                "the loader has a generator of its own, whose state a checkpoint does not hold; leave it out, and the seed of fit orders the images"
            )
    n_train = data.n_images if n_train is None else n_train
    if n_train is None:
        raise ValueError("n_train is not known: give the number of training images that beta is divided by, fit(..., n_train=50_000)")
    kind = "float32" if weights.dtype == torch.float64 else chosen(precision, device)  # autocast knows no float64
    threads = threads_for(network, data.shape[1:], data.shape[0]) if threads is None else threads
    settings: dict[str, Any] = dict(
        n_images=data.n_images, lr=lr, drops=list(drops), beta=beta, n_train=n_train, batch_size=batch_size, optimiser=optimiser,
        momentum=momentum, weight_decay=weight_decay, seed=seed, precision=kind,
        threads=threads if device.type == "cpu" else None,
    )  # fmt: skip
    if data.has_pictures:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it
    stepper = chosen_optimiser(optimiser, network, lr, momentum, weight_decay)
    parameters = [p for p in network.parameters() if p.requires_grad]
    in_training = modules_in_training(network)
    warn_of_silent_parts(network, in_training)
    history: list[Epoch] = []
    kl_terms: Sequence[Tensor] = ()  # of the last step
    gpus = [device] if device.type == "cuda" else []
    with on_threads(threads), modes_restored(network), torch.random.fork_rng(devices=gpus):
        for module in in_training:
            module.training = True
        run = compiled(network, data.first(), kind) if compile else network
        if checkpoint is not None:
            settings["data"] = data.digest()
            if Path(checkpoint).exists():
                history = resume(Path(checkpoint), network, stepper, settings, epochs)
        bar = tqdm(
            range(len(history), epochs),
            initial=len(history),
            total=epochs,
            desc=progress if isinstance(progress, str) else "fit",
            unit="epoch",
            leave=False,
            disable=not progress,
        )
        for epoch in bar:
            torch.manual_seed(derived_seed(seed, "noise", epoch))
            lr_now = lr * 0.1 ** sum(epoch >= drop for drop in drops)
            for group in stepper.param_groups:
                group["lr"] = lr_now

            sizes: list[int] = []  # of each step, its images
            terms: list[Tensor] = []  # of each step, on the device: loss, cross-entropy, KL and gradient
            for x_batch, y_batch in data.batches(epoch):
                first = not terms  # of the epoch: its costs are counted, outside torch.compile
                with autocast(kind, device):
                    output, kl_terms = with_costs(network if first else run, x_batch, complete=first and beta > 0)
                if first and likelihood is cross_entropy:
                    check_labels(data.y if isinstance(data, InMemory) else y_batch, output)
                loss = loss_and_terms(output, y_batch, kl_terms, beta, n_train, likelihood)
                stepper.zero_grad(set_to_none=True)
                loss.total.backward()
                stepper.step()
                sizes.append(len(x_batch))
                terms.append(torch.stack([*loss, gradient_norm(parameters)]).detach())
                if len(terms) % CHECK_EVERY == 0:
                    stop_if_not_finite(terms, epoch, beta / n_train, lr_now)
            stop_if_not_finite(terms, epoch, beta / n_train, lr_now)

            shares = terms[0].new_tensor(sizes) / sum(sizes)
            total, nats, kl, gradient = (shares @ torch.stack(terms)).tolist()
            history.append(Epoch(epoch, lr_now, total, nats, kl, beta / n_train, gradient))
            bar.set_postfix_str(f"-log p {nats:.3f}, KL {kl:.1f} nats per image at weight {beta / n_train:.2g}")
            if checkpoint is not None:
                save_run(Path(checkpoint), network, stepper, {"settings": settings, "history": history})
            if on_epoch is not None:
                on_epoch(history[-1])

    warn_of_collapse(kl_terms)
    warn_of_lost_priors(network)

    def forward(batch: Tensor) -> None:
        with torch.no_grad(), autocast(kind, device):
            network(batch)

    with on_threads(threads), torch.random.fork_rng(devices=gpus):
        torch.manual_seed(derived_seed(seed, "statistics"))
        measure_batch_norm(network, norms(in_training), data.images, forward)
    return history


def warn_of_silent_parts(network: nn.Module, in_training: Sequence[nn.Module]) -> None:
    """Warn of a part in eval mode whose weights would be trained without the noise, or with the statistics, of training."""
    silent = set(network.modules()) - set(in_training)
    for module in (*noise_layers(network), *norms(network.modules())):
        if module in silent and any(p.requires_grad for p in module.parameters()):
            warnings.warn(
                f"a {type(module).__name__} is in eval mode, so it trains without noise and with fixed statistics; call network.train() "
                "first, or requires_grad_(False) on a part that is meant to be frozen",
                stacklevel=3,
            )
            return


def warn_of_collapse(kl_terms: Sequence[Tensor]) -> None:
    """Warn of noise layers whose units cost next to nothing at the end."""
    for place, kl in enumerate(kl_terms, start=1):
        if kl.requires_grad and (nats := kl.detach().mean().item()) < COLLAPSED:
            warnings.warn(
                f"noise layer {place} of {len(kl_terms)} has collapsed: its units cost {nats:.2g} nats each, so nearly all of its noise is at the cap, "
                "or at the prior, whatever the image. Try a smaller beta, or one that rises from 0; where a collapse is meant, "
                "warnings.simplefilter('ignore', ib_tutorial.training.CollapseWarning)",
                CollapseWarning,
                stacklevel=3,
            )


def warn_of_lost_priors(network: nn.Module) -> None:
    """Warn of log-normal priors whose log sigma is beyond its clamp: their cost hardly depends on the units any more, and pulls nothing back."""
    layers = list(noise_layers(network))
    for place, layer in enumerate(layers, start=1):
        log_sigma = getattr(layer, "log_sigma", None)
        if log_sigma is not None and log_sigma.requires_grad and not abs(found := log_sigma.item()) <= MAX_LOG_SIGMA:
            warnings.warn(
                f"the prior of noise layer {place} of {len(layers)} is lost: its log sigma is {found:.3g}, beyond the clamp at {MAX_LOG_SIGMA:g}, "
                "so the cost hardly depends on the units any more. The gradient of log sigma is a sum over the layer's units, and its steps were "
                "too long: try a smaller learning rate, or a smaller beta",
                CollapseWarning,
                stacklevel=3,
            )


class InMemory:
    """A training set that is a tensor of images and one of targets."""

    def __init__(self, x: Tensor, y: Tensor | None, batch_size: int, seed: int):
        if y is None or len(x) != len(y):
            raise ValueError(f"there are {len(x)} images and {'no' if y is None else len(y)} targets; each image needs one")
        if not 1 <= batch_size <= len(x):
            raise ValueError(f"batch_size is {batch_size}; it must be between 1 and the number of images, {len(x)}")
        self.shape = (batch_size, *x.shape[1:])  # of a batch
        self.has_pictures = x.dim() == 4
        self.x = x.contiguous(memory_format=torch.channels_last) if self.has_pictures else x
        self.y, self.n_images, self.batch_size, self.seed = y, len(x), batch_size, seed

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Each image once, in an order that the seed and the epoch fix."""
        order = torch.randperm(self.n_images, generator=generator(self.seed, "order", epoch), device="cpu").to(self.x.device)
        for batch in in_batches(order, self.batch_size):
            yield self.x[batch], self.y[batch]

    def images(self) -> Iterator[Tensor]:
        """Each image once, for batch norm's statistics; shuffled, since each batch is normalised by itself."""
        order = torch.randperm(self.n_images, generator=generator(self.seed, "statistics"), device="cpu").to(self.x.device)
        return (self.x[batch] for batch in in_batches(order, MEASURED_AT_A_TIME))

    def first(self) -> Tensor:
        return self.x[: self.batch_size]

    def digest(self) -> str:
        """Names the images and targets, so that a checkpoint is not continued on others."""
        bytes_of = (tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy() for tensor in (self.x, self.y))
        whole = hashlib.sha256()
        for each in bytes_of:
            whole.update(each.data)
        return whole.hexdigest()[:16]


class Streamed:
    """A training set that comes in batches, which its owner shuffles."""

    def __init__(self, source: Batches, device: torch.device):
        if isinstance(source, torch.utils.data.Dataset):
            raise ValueError("a data set gives images one by one; give batches: DataLoader(dataset, batch_size=100, shuffle=True)")
        with torch.random.fork_rng(devices=[]):  # a loader draws from the caller's random state as soon as it is asked
            read_once = iter(source) is source
        if read_once:
            raise ValueError(
                f"{type(source).__name__} can be read once only, and every epoch reads the images from the beginning; give a list of batches, a "
                "DataLoader, or an object whose __iter__ starts anew"
            )
        self.source, self.device = source, device
        drawn = getattr(source, "sampler", None) or getattr(source, "dataset", None)
        self.n_images = len(drawn) if isinstance(drawn, Sized) else None
        self.shape = tuple(self.first().shape)  # of a batch
        self.has_pictures = len(self.shape) == 4

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        if hasattr(self.source, "set_epoch"):
            self.source.set_epoch(epoch)
        empty = True
        for x, y in self.source:
            empty = False
            yield x.to(self.device), y.to(self.device)
        if empty:
            raise ValueError(f"epoch {epoch} has no batches; an iterable must start anew at each epoch")

    def images(self) -> Iterator[Tensor]:
        return (x.to(self.device) for x, _ in self.source)

    def first(self) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            found = next(iter(self.source), None)
        if not isinstance(found, Sequence) or len(found) != 2 or not isinstance(found[0], Tensor):
            raise ValueError("x must be a tensor of images, or batches that are pairs of a tensor of images and one of targets")
        return found[0].to(self.device)

    def digest(self) -> str:
        return "streamed"


def weights_of(network: nn.Module) -> Tensor:
    """One of the network's parameters, which tells their device and precision; ValueError where there are none."""
    parameter = next(network.parameters(), None)
    if parameter is None:
        raise ValueError(f"{type(network).__name__} has no parameters; there is nothing to train")
    return parameter


def check_settings(epochs: int, lr: float, beta: float, threads: int | None) -> None:
    """Raises ValueError for numbers that no run could use, before any work is done."""
    if epochs < 0:
        raise ValueError(f"epochs is {epochs}; it must be at least 0")
    if not 0 <= lr < math.inf:
        raise ValueError(f"lr is {lr}; a learning rate is finite and at least 0")
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}; it must be at least 1, or None to let the work decide")
    check_beta(beta)


def chosen_optimiser(
    name: Literal["sgd", "adam"], network: nn.Module, lr: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    parameters = [p for p in network.parameters() if p.requires_grad]
    if name == "sgd":
        return SGD(
            parameters, lr=lr, momentum=momentum, nesterov=momentum > 0, weight_decay=weight_decay, fused=True
        )
    if name == "adam":
        return Adam(parameters, lr=lr, betas=(momentum, 0.999), weight_decay=weight_decay, fused=True)
    raise ValueError(f"optimiser is {name!r}; it must be 'sgd' or 'adam'")


def gradient_norm(parameters: Sequence[nn.Parameter]) -> Float[Tensor, ""]:
    """Euclidean norm of the gradient over all parameters that have one."""
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])


def resume(path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, settings: dict, epochs: int) -> list[Epoch]:
    """Put the checkpoint's state in place and return its history; ValueError where its settings are others."""
    tensors, state = load(path)
    if len(state["history"]) > epochs:
        raise ValueError(
            f"{path.name} holds {len(state['history'])} epochs, and {epochs} were asked for; ask for at least as many, or delete the file"
        )
    before = state["settings"]
    changed = {key: (before.get(key), now) for key, now in settings.items() if before.get(key) != now}
    if changed:
        raise ValueError(
            f"{path.name} was begun with other settings: {changed} (there, here); go on with those, or delete the file"
        )
    restore_run(tensors, network, optimiser)
    return [Epoch(*row) for row in state["history"]]


def compiled(network: nn.Module, x: Tensor, kind) -> nn.Module:
    """`network` through torch.compile, tried once on x; the network itself, with a warning, where that fails."""
    fast = cast(nn.Module, torch.compile(network))
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    try:
        with autocast(kind, x.device), torch.random.fork_rng(devices=[x.device] if x.device.type == "cuda" else []):
            fast(x)
        return fast
    except Exception as error:  # noqa: BLE001 -- a backend raises errors of its own: no compiler, no Triton, a graph that it refuses
        warnings.warn(f"torch.compile failed ({type(error).__name__}); training goes on without it", stacklevel=3)
        return network
    finally:
        network.load_state_dict(state)


def stop_if_not_finite(steps: Sequence[Float[Tensor, " 4"]], epoch: int, weight: float, lr: float) -> None:
    """Raise FloatingPointError at the first step whose loss is NaN or infinite, saying what to try."""
    bad = (~torch.isfinite(torch.stack(list(steps))[:, :3])).any(1)
    if not bad.any():
        return
    step = int(bad.nonzero()[0])
    _, nats, kl, gradient = steps[step].tolist()
    raise FloatingPointError(
        f"the loss stopped being finite at step {step} of epoch {epoch}: cross-entropy {nats}, KL {kl} nats per image, "
        f"weighted by {weight:.3g}; gradient {gradient:.3g}; learning rate {lr:.3g}. Look for NaN or unscaled values in "
        "the images (torch.isfinite(x).all(), x.abs().max()); if they are sound, try a smaller lr or beta."
    )
