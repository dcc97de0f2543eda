"""How to train: frozen settings, so that a run can be named by its config."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Optimisation and the shape of a step; the same for every method that is compared."""

    steps: int = 1500  # optimiser updates
    persons_per_step: int = 10
    queries_per_person: int = 8
    max_shots: int = 10  # enrollment clips are drawn from 1 to this many
    learning_rate: float = 8e-3  # peak of a one-cycle schedule
    weight_decay: float = 1e-2
    warmup: float = 0.15  # share of the steps until the peak
    gradient_norm: float = 5.0  # clipped at
    label_smoothing: float = 0.0
    seed: int = 0
    checkpoint_every: int = 200  # steps
    encoder_rate: float = 1.0  # of the learning rate, for an encoder that is trained already

    @property
    def clips_per_person(self) -> int:
        """Clips that a person must have for a step: the most that enroll, and those that are asked
        about.
        """
        return self.max_shots + self.queries_per_person

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "persons_per_step",
            "queries_per_person",
            "max_shots",
            "checkpoint_every",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.encoder_rate < 0:
            raise ValueError(f"encoder_rate must not be negative, got {self.encoder_rate}")
        if not 0 < self.warmup < 1:
            raise ValueError(f"warmup must lie between 0 and 1, got {self.warmup}")
