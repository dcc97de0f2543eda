"""The benchmarks of the talk on data that are here, and its question on this project's own ground.

``numbers``       five tasks of two digits; users are writers [DUA]
``numbers-standard``  as published, where ``VOP_DATA`` has ``mnist`` and ``svhn``, its two users
``trans-prior``   four tasks of letters, in colour; ten users who ask about the same pictures, each
                  with one corruption [DUA]
``cat-prior``     four tasks of letters; five users, each with three of a task's letters [DUA]
``alphabets``     six tasks, each an alphabet; five users with three characters of each
``words``         five tasks of two words; users are persons in environments of their own

The server has training persons of the committed splits, and the users are test persons; choices
were made on others. Drawers of alphabets and the published digits have no such split: nobody there
is kept for choices. A seed draws which of a user's samples adapt, and whose preferences are which;
the data sets' persons stay.

Departs: the talk's other pictures are scenes, 67 classes of indoor places in four groups.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vop_core.continual.sequence import TaskSequence, divided, only_original
from vop_core.data.corruptions import CORRUPTIONS, coloured, corrupted
from vop_core.data.environments import OWN_ENVIRONMENT
from vop_core.data.features import FeatureTable, join_tables, load_features
from vop_core.data.locations import find_dataset
from vop_core.data.persons import PersonDataset, load_dataset
from vop_core.data.picture_features import load_pictures
from vop_core.data.published_digits import fingerprint, mnist, svhn
from vop_core.data.splits import BUNDLE, CHOOSE, TEST, TRAIN, persons_with_role
from vop_core.errors import DataError
from vop_core.training.config import TrainConfig
from vop_core.types import PICTURE_SIDE

DIGITS = tuple("0123456789")
# Groups of letters that look alike, so that a task has something to tell apart.
LETTERS = (tuple("aceos"), tuple("bdfhklt"), tuple("gjpqyz"), tuple("imnruvwx"))
PREFERENCES = 3  # of a user, in each task
USERS = 5  # with preferences
WORDS = (("down", "up"), ("left", "right"), ("no", "yes"), ("off", "on"), ("go", "stop"))
MOST_OF_A_TASK = 10_000  # training samples of each domain [DUA]
LEVELS = {"mnist": (0.1307, 0.3081), "svhn": (0.5, 0.5)}  # mean and spread of pixels [DUA]
DRAWERS = 14  # of each alphabet's twenty, whose characters the server has

STEP = TrainConfig(
    steps=200,
    persons_per_step=12,
    queries_per_person=8,
    min_shots=0,
    max_shots=1,
    learning_rate=2e-3,
)
MLP, CONV4 = "mlp", "conv4"


@dataclass(frozen=True)
class Benchmark:
    """A sequence of tasks with its users, and the networks that learn it."""

    name: str
    sets: tuple[str, ...]  # the data sets behind it
    made: Callable[["Benchmark", Sequence[str], int], TaskSequence]  # user roles, seed
    encoders: Mapping[str, Mapping[str, Any]]
    seeds: tuple[int, ...]
    training: TrainConfig = STEP
    named: Callable[[str], str] | None = None  # fingerprint of a set; a data set's own unless given

    def sequence(self, seed: int, *, choosing: bool = False) -> TaskSequence:
        """With test persons as users, or with those whom choices are made on.

        Raises DataError where a data set is missing, or nobody is kept for choices.
        """
        return self.made(self, (CHOOSE,) if choosing else (TEST, BUNDLE), seed)

    @property
    def recordings(self) -> str:
        """Fingerprint of the data sets behind it. Raises DataError where one is missing."""
        return "-".join(map(self.named or (lambda name: _dataset(name).fingerprint), self.sets))


def _published(name: str) -> str:
    return fingerprint(find_dataset(name))


def _dataset(name: str, labels: Sequence[str] | None = None) -> PersonDataset:
    dataset = load_dataset(find_dataset(name))
    dataset = dataset.without(dataset.known_bad) if dataset.known_bad else dataset
    return dataset.restrict(labels=labels) if labels else dataset


def _of_roles(dataset: PersonDataset, roles: Sequence[str]) -> PersonDataset:
    persons = [person for role in roles for person in persons_with_role(dataset, role)]
    return dataset.restrict(persons=persons)


def _numbers(benchmark: Benchmark, roles: Sequence[str], seed: int) -> TaskSequence:
    datasets = [_dataset(name, DIGITS) for name in benchmark.sets]
    split = [each for each in datasets if persons_with_role(each, TRAIN)]
    apart = [each for each in datasets if each not in split] if CHOOSE not in roles else []
    server = [load_pictures(_of_roles(each, (TRAIN,))) for each in split]
    users = [load_pictures(_of_roles(each, roles)) for each in split]
    users += [load_pictures(each) for each in apart]
    tasks = tuple((2 * task, 2 * task + 1) for task in range(5))
    tables = join_tables(server, DIGITS), join_tables(users, DIGITS)
    return _sequence(benchmark, tasks, *tables, seed)


def _refuse_choices(benchmark: Benchmark, roles: Sequence[str]) -> None:
    if CHOOSE in roles:
        raise DataError(
            f"Nobody of '{benchmark.name}' is kept for choices; choose on another benchmark."
        )


def _standard_numbers(benchmark: Benchmark, roles: Sequence[str], seed: int) -> TaskSequence:
    """Two domains that train, and their test parts as two users [DUA]."""
    _refuse_choices(benchmark, roles)
    generator = torch.Generator().manual_seed(seed)
    tables = {"train": [], "test": []}
    for name, read in (("mnist", mnist), ("svhn", svhn)):
        for part, found in tables.items():
            digits = read(find_dataset(name), part)
            chosen = torch.arange(len(digits.labels))
            label = torch.from_numpy(digits.labels)
            if part == "train":
                order = torch.randperm(len(label), generator=generator)
                per_task = [order[label[order] // 2 == task][:MOST_OF_A_TASK] for task in range(5)]
                chosen = torch.cat(per_task)
            pictures = torch.from_numpy(digits.pictures)[chosen].permute(0, 3, 1, 2).float() / 255
            edge = (pictures.shape[-1] - PICTURE_SIDE) // 2
            inside = slice(edge, edge + PICTURE_SIDE)
            pictures = pictures[..., inside, inside].expand(-1, 3, -1, -1)
            mean, spread = LEVELS[name]
            found.append(
                FeatureTable(
                    variants={"original": ((pictures - mean) / spread).flatten(1, 2)},
                    person=torch.zeros(len(chosen), dtype=torch.long),
                    label=label[chosen],
                    take=torch.arange(len(chosen)),
                    persons=(name,),
                    labels=DIGITS,
                )
            )
    tasks = tuple((2 * task, 2 * task + 1) for task in range(5))
    server, users = (join_tables(each, DIGITS) for each in tables.values())
    return _sequence(benchmark, tasks, server, users, seed)


def _sequence(
    benchmark: Benchmark,
    tasks: tuple[tuple[int, ...], ...],
    server: FeatureTable,
    users: FeatureTable,
    seed: int,
) -> TaskSequence:
    own, asked = divided(users, tasks, generator=torch.Generator().manual_seed(seed))
    return TaskSequence(benchmark.name, benchmark.recordings, tasks, server, own, asked)


def _letters(benchmark: Benchmark, roles: Sequence[str]) -> tuple[FeatureTable, FeatureTable]:
    """The server's letters and the others'."""
    labels = [letter for group in LETTERS for letter in group]
    (dataset,) = (_dataset(name, labels) for name in benchmark.sets)
    parts = [load_pictures(_of_roles(dataset, each)) for each in ((TRAIN,), roles)]
    server, others = (join_tables([part], labels) for part in parts)
    return server, others


def _letter_tasks() -> tuple[tuple[int, ...], ...]:
    labels = [letter for group in LETTERS for letter in group]
    return tuple(tuple(labels.index(letter) for letter in group) for group in LETTERS)


def _trans_prior(benchmark: Benchmark, roles: Sequence[str], seed: int) -> TaskSequence:
    """Ten users with the same pictures, each spoilt in one way."""
    server, others = _letters(benchmark, roles)
    generator = torch.Generator().manual_seed(seed)

    def planes(pictures: Tensor) -> Tensor:
        return pictures.flatten(1, 2)  # above one another

    seen = coloured(others.features, generator=generator)
    server = replace(
        server,
        variants={"original": planes(coloured(server.features, generator=generator))},
    )
    count = len(others)
    users = replace(
        others,
        variants={
            "original": torch.cat(
                [planes(corrupted(seen, kind, generator=generator)) for kind in CORRUPTIONS]
            )
        },
        person=torch.arange(len(CORRUPTIONS)).repeat_interleave(count),
        label=others.label.repeat(len(CORRUPTIONS)),
        take=others.take.repeat(len(CORRUPTIONS)),
        persons=tuple(CORRUPTIONS),
        call=None,
    )
    tasks = _letter_tasks()
    # the same pictures adapt for everybody
    first = users.select(torch.arange(count))
    own, _ = divided(
        replace(first, person=torch.zeros_like(first.person), persons=first.persons[:1]),
        tasks,
        generator=generator,
    )
    adapts = _rows_of(first, own)
    chosen = adapts.repeat(len(CORRUPTIONS))
    parts = users.select(chosen), users.select(~chosen)
    return TaskSequence(benchmark.name, benchmark.recordings, tasks, server, *parts)


def _rows_of(table: FeatureTable, part: FeatureTable) -> Tensor:
    """Which rows of a table are those of a part that was selected from it."""
    numbered = {row.numpy().tobytes() for row in part.features}
    return torch.tensor([row.numpy().tobytes() in numbered for row in table.features])


def _preferred(others: FeatureTable, tasks: tuple[tuple[int, ...], ...], seed: int) -> FeatureTable:
    """The samples dealt out to users, each of whom has three classes of every task."""
    generator = torch.Generator().manual_seed(seed)
    owner = torch.full((len(others),), -1)
    prefers: dict[int, list[int]] = {}
    for labels in tasks:
        for user in range(USERS):
            places = torch.randperm(len(labels), generator=generator)[:PREFERENCES]
            for place in places.tolist():
                prefers.setdefault(labels[place], []).append(user)
    for label, users in prefers.items():
        rows = (others.label == label).nonzero().squeeze(1)
        rows = rows[torch.randperm(len(rows), generator=generator)]
        owner[rows] = torch.tensor(users)[torch.arange(len(rows)) % len(users)]
    names = tuple(f"user {user + 1}" for user in range(USERS))
    return replace(others, person=owner, persons=names).select(owner >= 0)


def _cat_prior(benchmark: Benchmark, roles: Sequence[str], seed: int) -> TaskSequence:
    server, others = _letters(benchmark, roles)
    tasks = _letter_tasks()
    return _sequence(benchmark, tasks, server, _preferred(others, tasks, seed), seed)


def _alphabets(benchmark: Benchmark, roles: Sequence[str], seed: int) -> TaskSequence:
    """Drawers have no split of their own: the first of each alphabet are the server's."""
    _refuse_choices(benchmark, roles)
    (dataset,) = (_dataset(name) for name in benchmark.sets)
    alphabets: dict[str, list[int]] = {}
    for place, label in enumerate(dataset.labels):
        alphabets.setdefault(label.partition("/")[0], []).append(place)
    whole = only_original(load_pictures(dataset))
    drawers: dict[str, list[int]] = {}
    for place in range(len(whole.persons)):
        alphabet = whole.labels[int(whole.label[whole.person == place][0])].partition("/")[0]
        drawers.setdefault(alphabet, []).append(place)
    learned = [place for each in drawers.values() for place in each[:DRAWERS]]
    known = torch.isin(whole.person, torch.tensor(learned))
    names = [whole.persons[place] for place in sorted(learned)]
    tasks = tuple(tuple(each) for each in alphabets.values())
    return _sequence(
        benchmark,
        tasks,
        whole.of_persons(names),
        _preferred(whole.select(~known), tasks, seed),
        seed,
    )


def _words(benchmark: Benchmark, roles: Sequence[str], seed: int) -> TaskSequence:
    words = [word for pair in WORDS for word in pair]
    (dataset,) = (_dataset(name, words) for name in benchmark.sets)
    server = load_features(_of_roles(dataset, (TRAIN,)))
    users = load_features(_of_roles(dataset, roles), variants=(OWN_ENVIRONMENT,))
    users = only_original(users, OWN_ENVIRONMENT)
    server, users = (join_tables([each], words) for each in (server, users))
    tasks = tuple((2 * task, 2 * task + 1) for task in range(len(WORDS)))
    return _sequence(benchmark, tasks, server, users, seed)


_LETTER_COUNT = sum(map(len, LETTERS))

BENCHMARKS: dict[str, Benchmark] = {
    each.name: each
    for each in (
        Benchmark(
            "numbers",
            ("mnist_train_writers", "unipen_characters", "mnist_t10k_writers"),
            _numbers,
            {
                MLP: {"name": MLP, "config": {"labels": 10}},
                CONV4: {"name": CONV4, "config": {"labels": 10, "channels": 16}},
            },
            (0, 1, 2, 3, 4),
        ),
        Benchmark(
            "numbers-standard",
            ("mnist", "svhn"),
            _standard_numbers,
            {
                MLP: {"name": MLP, "config": {"labels": 10, "shape": (84, 28)}},
                CONV4: {"name": CONV4, "config": {"labels": 10, "channels": 16, "planes": 3}},
            },
            (0, 1, 2, 3, 4),
            # two domains in each step, with as many samples as elsewhere
            training=replace(STEP, persons_per_step=2, queries_per_person=48),
            named=_published,
        ),
        Benchmark(
            "trans-prior",
            ("unipen_characters",),
            _trans_prior,
            {
                MLP: {"name": MLP, "config": {"labels": _LETTER_COUNT, "shape": (84, 28)}},
                CONV4: {
                    "name": CONV4,
                    "config": {"labels": _LETTER_COUNT, "channels": 16, "planes": 3},
                },
            },
            (0, 1, 2),
        ),
        Benchmark(
            "cat-prior",
            ("unipen_characters",),
            _cat_prior,
            {
                MLP: {"name": MLP, "config": {"labels": _LETTER_COUNT}},
                CONV4: {"name": CONV4, "config": {"labels": _LETTER_COUNT, "channels": 16}},
            },
            (0, 1, 2),
        ),
        Benchmark(
            "alphabets",
            ("omniglot_small",),
            _alphabets,
            {
                MLP: {"name": MLP, "config": {"labels": 192}},
                CONV4: {"name": CONV4, "config": {"labels": 192, "channels": 16}},
            },
            (0, 1, 2),
        ),
        Benchmark(
            "words",
            ("speech_commands_test",),
            _words,
            {"conv5": {"name": "conv5", "config": {"labels": len(WORDS) * 2, "tau": 1.0}}},
            (0, 1, 2),
        ),
    )
}
