"""How to train: frozen settings, so that a run can be named by its config."""

from dataclasses import dataclass

from vop_core.settings import Settings, at_least, checked, not_negative


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Settings):
    """Optimisation and the shape of a step; the same for every method that is compared."""

    steps: int = at_least(1, 1500)  # optimiser updates
    persons_per_step: int = at_least(1, 10)
    queries_per_person: int = at_least(1, 8)
    # enrollment clips are drawn from so many (0: the method can do without) to so many
    min_shots: int = at_least(0, 1)
    max_shots: int = at_least(1, 10)
    learning_rate: float = 8e-3  # peak of a one-cycle schedule
    weight_decay: float = 1e-2
    # share of the steps until the peak
    warmup: float = checked(lambda value: 0 < value < 1, "must lie between 0 and 1", 0.15)
    gradient_norm: float = 5.0  # clipped at
    seed: int = 0
    checkpoint_every: int = at_least(1, 200)  # steps
    encoder_rate: float = not_negative(
        1.0
    )  # of the learning rate, for an encoder that is trained already

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_shots > self.max_shots:
            raise ValueError(
                f"min_shots must not exceed max_shots; got {self.min_shots} and {self.max_shots}"
            )

    @property
    def clips_per_person(self) -> int:
        """Clips that a person must have for a step: one to ask about, and one to enroll where that
        is needed.
        """
        return 2 if self.min_shots else 1
