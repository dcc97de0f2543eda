"""Signs of a person's own: a few samples of each teach a classifier of them, with no training.

The model in the box learns from the characters of alphabets how signs differ [OMNIGLOT]. It is
asked about five characters of an alphabet that it never saw, and about five letters of writers that
it never saw, none of whose letters it knows [UNIPEN].
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from vop_core.data.features import join_tables
from vop_core.data.splits import TEST, TRAIN, persons_with_role
from vop_core.data.ways import Ways
from vop_core.errors import PictureError
from vop_core.evaluation.score import Scoring
from vop_core.tasks.base import Progress, TaskData
from vop_core.tasks.few_shot import OMNIGLOT, QUERIES, SPARED, FewShot
from vop_core.tasks.handwriting import UNIPEN, refuse_twins

MOST_SIGNS = 10
MOST_SAMPLES = 50  # of all signs together
ASKED = (1, 3)  # samples of each of the card's signs


class Signs(FewShot):
    """Which of a person's own signs somebody drew."""

    name = "signs"
    title = "Signs of your own"
    vop = "class-vop"
    terms: ClassVar[Mapping[str, str]] = {"clip": "sample", "word": "sign", "heard": "seen"}
    limits = (
        "Single signs, one a picture, at most ten to be told apart. Trained for study on drawings "
        "made with a mouse; whatever is asked about is taken for one of the signs that were taught."
    )
    licences: ClassVar[Mapping[str, str]] = {
        OMNIGLOT: "Omniglot (Lake, Salakhutdinov, Tenenbaum 2015), MIT; no drawing of it is here",
    }

    def __init__(self) -> None:
        super().__init__(
            Ways(MOST_SIGNS, 1),
            (OMNIGLOT,),
            queries=QUERIES,
            persons_per_step=4,
            asked=Ways(5, max(ASKED)),
            spared=SPARED,
        )

    @property
    def scoring(self) -> Scoring:
        """With one sample of each sign, and with more, always about the same ones."""
        return self.scoring_of(ASKED)

    def data(self, *, progress: Progress = None) -> TaskData:
        """Alphabets to train on, and episodes of those tested and of writers tested."""
        tested, recordings = [], []
        for name in (OMNIGLOT, UNIPEN):
            dataset = self.dataset(name)
            table = self.table(dataset, progress=progress)
            tested.append(table.of_persons(persons_with_role(dataset, TEST)))
            recordings.append(dataset.fingerprint)
            if name == OMNIGLOT:
                train = table.of_persons(persons_with_role(dataset, TRAIN))
        labels = [label for table in tested for label in table.labels]
        return self.in_episodes(self.name, "-".join(recordings), train, join_tables(tested, labels))

    def check_enrollment(self, samples: Sequence[Any]) -> None:
        """Raise PictureError for none, more than can be taught, one twice, or what is no
        picture.
        """
        self.features(samples)
        if len(samples) > MOST_SAMPLES:
            raise PictureError(
                f"At most {MOST_SAMPLES} samples can be taught, and these are {len(samples)}; "
                f"leave out {len(samples) - MOST_SAMPLES}."
            )
        refuse_twins(samples)
