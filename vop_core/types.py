"""The glossary as code: what a clip and a prediction are.

Axis names, singular, used in every shape of the package:
    person, shot (enrollment clip), query (clip to be classified), clip (a sound, or what a task has
    in its place: ``*input`` are its axes, such as mel and frame), label, sample (of a waveform),
    mel, frame, feature, statistic (of an encoder's activations), weight (a number with a posterior;
    for the low-rank family, of the personality code), draw (from a posterior), step (of training)

A *person* gives *enrollment* clips, unlabeled; their *posterior* is a Gaussian over the weights of
the personal layers; *query* clips are then classified. Federated code says client where the person
is a client.
"""

import hashlib
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

SAMPLE_RATE = 16_000  # Hz, of every waveform inside the package
PICTURE_SIDE = 28  # pixels, of every picture inside the package
# enrollment clips that training draws at most, and that may make one person's model
MOST_CLIPS = 10


@dataclass(frozen=True)
class Clip:
    """One recording: mono waveform, amplitude in [-1, 1], at ``sample_rate`` Hz.

    ``notes`` tell, one short sentence each, what was converted on the way in.
    """

    waveform: Float[Tensor, " sample"]
    sample_rate: int = SAMPLE_RATE
    name: str = "clip"
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return self.waveform.numel() / self.sample_rate

    @property
    def digest(self) -> str:
        """The same for the same sound and for no other; tells nothing of it."""
        return hashlib.sha256(self.waveform.numpy().tobytes()).hexdigest()


@dataclass(frozen=True)
class Picture:
    """One written character: ink from 0, paper, to 1, the strongest; 28 x 28, centred.

    ``notes`` tell, one short sentence each, what was chosen in reading it.
    """

    ink: Float[Tensor, "row column"]
    name: str = "picture"
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The same for the same ink and for no other; tells nothing of it."""
        return hashlib.sha256(self.ink.numpy().tobytes()).hexdigest()


@dataclass(frozen=True)
class Episode:
    """One person's enrollment and query clips, as positions in the clip axis of the table they were
    drawn from.
    """

    person: int
    enrollment: Int[Tensor, " shot"]
    query: Int[Tensor, " query"]


@dataclass(frozen=True)
class Prediction:
    """Class probabilities for each query clip, with the spread over weight draws.

    With a single weight setting (no draws) lower = upper = probabilities and epistemic = 0.
    Entropies are in nats; total = aleatoric + epistemic.
    """

    probabilities: Float[Tensor, "query label"]
    lower: Float[Tensor, "query label"]  # credible interval over draws, 95 % unless asked otherwise
    upper: Float[Tensor, "query label"]
    total: Float[Tensor, " query"]  # entropy of the averaged prediction
    aleatoric: Float[Tensor, " query"]  # mean entropy of the draws' predictions
    epistemic: Float[Tensor, " query"]  # mutual information of label and weights
    standard_error: Float[Tensor, "query label"]  # Monte-Carlo error of the averaged probability
    draws: int = 0

    @property
    def label_index(self) -> Tensor:
        """Most probable label of each query, shape (query,)."""
        return self.probabilities.argmax(-1)
