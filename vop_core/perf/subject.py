"""What is timed: a shipped model, and the clips of bundled persons."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.data.features import FeatureTable, load_features
from vop_core.data.voices import bundled_dataset
from vop_core.models.bundle import Bundle, load_bundle

TASK = "keywords-en"
SHOTS = 5  # clips that enroll
SEED = 0


@dataclass(frozen=True)
class Subject:
    """The models of English keywords, and one person's clips as their inputs."""

    bundle: Bundle
    table: FeatureTable

    @cached_property
    def _own(self) -> Int[Tensor, " clip"]:
        counts = torch.bincount(self.table.person)
        return (self.table.person == counts.argmax()).nonzero().squeeze(1)

    @property
    def enrollment(self) -> Float[Tensor, "shot mel frame"]:
        """Five clips of the person with most of them."""
        return self.table.features[self._own[:SHOTS]]

    @property
    def labels(self) -> Int[Tensor, " shot"]:
        """Which words these say, as the models number them."""
        return self.model_labels[self._own[:SHOTS]]

    @cached_property
    def model_labels(self) -> Int[Tensor, " clip"]:
        """Every clip's word as the models number it; what is no keyword is the unknown word."""
        known = {name: place for place, name in enumerate(self.bundle.labels)}
        unknown = known.get("unknown", 0)
        numbers = torch.tensor([known.get(name, unknown) for name in self.table.labels])
        return numbers[self.table.label]

    def clips(self, persons: int, shots: int) -> Float[Tensor, "person shot mel frame"]:
        """So many clips of each of so many persons; bundled clips, again and again."""
        rows = torch.arange(persons * shots) % len(self.table)
        return self.table.features[rows].unflatten(0, (persons, shots))


@lru_cache(1)
def subject() -> Subject:
    """Read once a run."""
    return Subject(load_bundle(TASK), load_features(bundled_dataset("en"), cache=False))


def seeded() -> torch.Generator:
    """What draws in every comparison."""
    return torch.Generator().manual_seed(SEED)
