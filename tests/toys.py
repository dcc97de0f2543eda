"""Tables, networks and training settings small enough for a test; everything is made on the spot,
from a seed.
"""

import torch

from vop_core.data.features import FeatureTable
from vop_core.methods.amortised_vop import AmortisedVop, AmortisedVopConfig
from vop_core.nets.bcresnet import BcResNet, BcResNetConfig
from vop_core.training.batches import EpisodeBatch
from vop_core.training.config import TrainConfig

MELS, FRAMES, LABELS = 40, 9, 3
# choices of personal layers
SUBSETS = [
    ("film",),
    ("band_film",),
    ("pointwise",),
    ("classifier",),
    ("film", "pointwise", "classifier"),
]


def difference_named(overview: dict, name: str, set_name: str, shots: int) -> dict | None:
    """The first difference of that name in a set with a number of clips."""
    asked = {"name": name, "set": set_name, "shots": shots}
    return next((gap for gap in overview["differences"] if gap.items() >= asked.items()), None)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def log_mels(*batch: int, seed: int = 0, frames: int = FRAMES) -> torch.Tensor:
    """Random log-mels with about the mean and spread of real ones."""
    return 2 * torch.randn(*batch, MELS, frames, generator=seeded(seed)) - 6


def make_encoder(**changes) -> BcResNet:
    """At its start; random numbers come from the global stream."""
    return BcResNet(BcResNetConfig(**{"labels": LABELS, "tau": 0.5} | changes))


def ready(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """In evaluation mode, no weight and no running statistic left at its start, nothing to be
    learned from defaults.
    """
    generator = seeded(seed)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if name.endswith("running_var"):
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
            elif name.endswith("num_batches_tracked"):
                value.fill_(7)
            elif value.ndim <= 1 and value.is_floating_point():
                value.add_(0.3 * torch.randn(value.shape, generator=generator))
    return module.eval()


def make_vop(seed: int = 0, labels: int = LABELS, **config) -> AmortisedVop:
    """A AmortisedVop whose persons differ: every number it could have at its start is shaken."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        vop = AmortisedVop(
            make_encoder(labels=labels),
            AmortisedVopConfig(**{"code": 4, "features": 8, "channels": 6} | config),
        )
    vop = ready(vop, seed)
    if vop.config.family == "low_rank":
        with torch.no_grad():
            vop.basis.mul_(30)
    return vop


def make_table(
    persons: int = 4,
    takes: int = 3,
    labels: int = LABELS,
    seed: int = 0,
    variants: tuple[str, ...] = ("original",),
) -> FeatureTable:
    """Everybody says every label ``takes`` times; the log-mels are noise."""
    words = torch.arange(labels).repeat(takes)
    count = len(words) * persons
    return FeatureTable(
        variants={name: log_mels(count, seed=seed + index) for index, name in enumerate(variants)},
        person=torch.arange(persons).repeat_interleave(len(words)),
        label=words.repeat(persons),
        take=torch.arange(takes).repeat_interleave(labels).repeat(persons) + 1,
        persons=tuple(f"toy/p{index:02d}" for index in range(persons)),
        labels=tuple(f"word{index}" for index in range(labels)),
    )


def train_config(**changes) -> TrainConfig:
    settings = {
        "steps": 4,
        "persons_per_step": 3,
        "queries_per_person": 3,
        "max_shots": 3,
        "checkpoint_every": 2,
    }
    return TrainConfig(**settings | changes)


def make_batch(persons: int = 3, shots: int = 4, queries: int = 2, seed: int = 0) -> EpisodeBatch:
    """One training step with 1, 2, 3, ... clips present."""
    present = torch.arange(shots) < (1 + torch.arange(persons) % shots)[:, None]
    return EpisodeBatch(
        enrollment=log_mels(persons, shots, seed=seed),
        present=present,
        query=log_mels(persons, queries, seed=seed + 1),
        labels=torch.randint(LABELS, (persons, queries), generator=seeded(seed)),
        training_clips=torch.tensor([20.0, 35.0, 50.0, 80.0])[:persons],
        enrollment_labels=torch.randint(LABELS, (persons, shots), generator=seeded(seed + 2)),
    )
