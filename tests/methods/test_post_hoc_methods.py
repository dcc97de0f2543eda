"""Methods made of the global model as it is: AdaBN, T3A, prototypes, fine-tuning, LoRA, Tent,
last-layer Laplace.
"""

import copy
import math
from dataclasses import replace
from functools import cache

import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import nn
from torch.nn import functional

from tests.toys import log_mels, make_encoder, make_table, ready, seeded
from vop_core.errors import EvaluationError
from vop_core.methods.adabn import AdaBn, AdaBnConfig, own_statistics
from vop_core.methods.fine_tune import FineTuneAll, FineTuneConfig, FineTuneFilm, FineTuneHead
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.last_layer_laplace import (
    LaplaceConfig,
    LastLayerLaplace,
    log_evidence,
    softmax_curvature,
)
from vop_core.methods.lora import Lora, LoraConfig
from vop_core.methods.prototypes import (
    Prototypes,
    PrototypesConfig,
    fitted_scale,
)
from vop_core.methods.t3a import EVERY_SUPPORT, T3a, T3aConfig
from vop_core.methods.tent import Tent, TentConfig

LABELS, PERSONS, SHOTS = 5, 3, 4
WORDS = torch.tensor([[0, 1, 1, 2], [2, 2, 0, 4], [3, 3, 3, 3]])


def spoken(clips: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """Noise with its word in it: a spectrum for each."""
    return clips + 2 * torch.randn(LABELS, clips.shape[-2], 1, generator=seeded(7))[words]


_NOISE = make_table(persons=3, takes=3, labels=LABELS)
TABLE = replace(_NOISE, variants={"original": spoken(_NOISE.features, _NOISE.label)})
ENROLLMENT = spoken(log_mels(PERSONS, SHOTS, seed=1), WORDS)
QUERY = spoken(
    log_mels(PERSONS, 6, seed=2), torch.randint(LABELS, (PERSONS, 6), generator=seeded(8))
)

FINE_TUNES = (FineTuneHead, FineTuneFilm, FineTuneAll)
FEW_STEPS = 2


@cache
def _trained() -> GlobalModel:
    """A small model that has learned the words of the table."""
    with torch.random.fork_rng(), torch.enable_grad():
        torch.manual_seed(0)
        model = ready(GlobalModel(make_encoder(labels=LABELS))).train()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(25):
            loss = functional.cross_entropy(model.encoder(TABLE.features), TABLE.label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.zero_grad()
    return model.eval()


def global_model() -> GlobalModel:
    return copy.deepcopy(_trained())


def made(kind, config=None):
    if config is None and kind.facts.gradients:
        config = kind.config_type(steps=FEW_STEPS)
    method = kind.from_global(global_model(), config)
    method.prepare(TABLE)
    return method


def parts(method, enrollment=ENROLLMENT, query=QUERY, words=WORDS):
    """Represented clips and, where they are read, labels."""
    clips = [
        method.represent(part.flatten(0, 1)).unflatten(0, part.shape[:2])
        for part in (enrollment, query)
    ]
    return *clips, words if method.facts.labels else None


def answers(method, enrollment=ENROLLMENT, query=QUERY, words=WORDS):
    with torch.no_grad():
        enrolled, asked, known = parts(method, enrollment, query, words)
        return method.predict_proba(method.adapt(enrolled, known), asked)


def global_answers(query=QUERY):
    with torch.no_grad():
        return global_model().encoder(query.flatten(0, 1)).softmax(-1).unflatten(0, query.shape[:2])


def close(first, second, **tolerance):
    torch.testing.assert_close(first, second, **(tolerance or {"rtol": 1e-4, "atol": 1e-5}))


# AdaBN


def test_without_source_clips_the_enrollment_is_answered_as_by_torch_in_training_mode():
    """Batch normalisation as it was trained is the plain AdaBN of its own batch."""
    found = answers(made(AdaBn, AdaBnConfig(source_clips=0.0)), query=ENROLLMENT)
    for person in range(PERSONS):
        encoder = global_model().encoder.train()
        for part in encoder.modules():
            if isinstance(part, nn.Dropout2d):
                part.p = 0.0
        close(found[person], encoder(ENROLLMENT[person]).softmax(-1))


def test_source_clips_count_beside_the_own_ones():
    """(N_0 source + n own) / (N_0 + n), looked at in the first layer, whose input is
    everybody's.
    """
    encoder, source_clips = global_model().encoder, 10.0
    maps = encoder.stem[0](ENROLLMENT.flatten(0, 1)[:, None]).unflatten(0, (PERSONS, SHOTS))
    own = maps.transpose(1, 2).flatten(2)
    found = own_statistics(encoder, ENROLLMENT, source_clips)
    for name, value in (("mean", own.mean(-1)), ("var", own.var(-1, correction=0))):
        source = encoder.stem[1].get_buffer(f"running_{name}")
        close(
            found[f"stem.1.running_{name}"],
            (source_clips * source + SHOTS * value) / (source_clips + SHOTS),
        )


def test_adabn_carries_mixed_statistics_on_to_the_next_layers():
    """Statistics of a layer are those of a network whose earlier layers already are the
    person's.
    """
    found = own_statistics(global_model().encoder, ENROLLMENT[:1], 10.0)
    encoder = global_model().encoder
    encoder.load_state_dict(
        encoder.state_dict() | {name: value[0] for name, value in found.items()}
    )
    seen = []
    encoder.embedding.register_forward_hook(lambda module, inputs, output: seen.append(output))
    encoder(ENROLLMENT[0])
    own, source = seen[0].mean((0, 2, 3)), global_model().encoder.embedding_norm.running_mean
    close(found["embedding_norm.running_mean"][0], (10 * source + SHOTS * own) / (10 + SHOTS))


def test_adabn_with_endless_source_clips_is_the_global_model():
    close(answers(made(AdaBn, AdaBnConfig(source_clips=1e9))), global_answers())


# T3A


def test_t3a_is_the_mean_of_normalised_supports_class_by_class():
    method = made(T3a, T3aConfig(kept=EVERY_SUPPORT, scaled=False))
    enrolled, asked, _ = parts(method)
    rows = method.encoder.classifier.weight.detach()
    adapted = method.adapt(enrolled)["centroids"]
    for person in range(PERSONS):
        given = method.encoder.classifier(enrolled[person]).argmax(-1).tolist()
        for label in range(LABELS):
            said = [
                clip for clip, word in zip(enrolled[person], given, strict=True) if word == label
            ]
            supports = [rows[label], *said]
            expected = torch.stack([support / support.norm() for support in supports]).mean(0)
            close(adapted[person, label], expected)
    close(
        method.predict_proba({"centroids": adapted}, asked),
        torch.einsum("pqf,plf->pql", asked, adapted).softmax(-1),
    )


def test_t3a_keeps_the_supports_of_lowest_entropy():
    """One class has the row and two clips; the sharper clip stays alone, and beside the row when
    two are kept.
    """
    method = made(T3a, T3aConfig(kept=1))
    entropy = torch.tensor([[0.6, 0.9, 0.5, 0.4]])  # two rows, two clips
    member = torch.tensor([[[True, False, True, True], [False, True, False, False]]])
    assert method._kept(entropy, member).tolist() == [
        [[False, False, False, True], [False, True, False, False]]
    ]
    two = made(T3a, T3aConfig(kept=2))._kept(entropy, member)
    assert two.tolist() == [[[False, False, True, True], [False, True, False, False]]]
    assert torch.equal(made(T3a, T3aConfig(kept=EVERY_SUPPORT))._kept(entropy, member), member)


def test_t3a_whose_rows_outweigh_all_clips_answers_with_normalised_rows():
    method = made(T3a, T3aConfig(row_clips=1e9, kept=EVERY_SUPPORT))
    rows = functional.normalize(method.encoder.classifier.weight.detach(), dim=-1)
    close(answers(method), (method.scale * parts(method)[1] @ rows.T).softmax(-1))
    assert method.scale != 1 and made(T3a, T3aConfig(scaled=False)).scale == 1


def test_t3a_centred_measures_supports_and_queries_from_the_training_mean():
    method = made(T3a, T3aConfig(centred=True, row_clips=1e-9, kept=EVERY_SUPPORT))
    close(method.centre, method.represent(TABLE.features).mean(0))
    enrolled, asked, _ = parts(method)
    one = enrolled[:1, :1]
    label = method.encoder.classifier(one[0]).argmax(-1)
    centroids = method.adapt(one)["centroids"]
    close(centroids[0, label], functional.normalize(one[0] - method.centre, dim=-1))
    expected = (method.scale * (asked[0] - method.centre) @ centroids[0].T).softmax(-1)
    close(method.predict_proba({"centroids": centroids}, asked[:1])[0], expected)


# Prototypes


def test_a_global_prototype_counts_persons_not_clips():
    """Somebody who said a word three times pulls no more than somebody who said it once; who never
    did, not at all.
    """
    table = TABLE.select(
        (TABLE.person == 0) | (TABLE.take == 1) & ((TABLE.person == 1) | (TABLE.label > 0))
    )
    method = Prototypes.from_global(global_model())
    method.prepare(table)
    embeddings = method.represent(table.features)
    for word in range(LABELS):
        clips = [
            embeddings[(table.person == person) & (table.label == word)] for person in range(3)
        ]
        assert [len(own) for own in clips] == [3, 1, 1 if word else 0]
        close(
            method.prototypes[word], torch.stack([own.mean(0) for own in clips if len(own)]).mean(0)
        )


def test_a_word_that_nobody_says_in_training_is_refused():
    with pytest.raises(EvaluationError, match="No training clip says 'word1'"):
        Prototypes.from_global(global_model()).prepare(TABLE.select(TABLE.label != 1))


def test_prototypes_move_from_the_global_ones_to_the_own_means():
    firm, loose, half = (
        made(Prototypes, PrototypesConfig(prior_clips=prior)) for prior in (1e9, 1e-9, 2.0)
    )
    enrolled, _, words = parts(firm)
    everybody = firm.prototypes.expand(PERSONS, -1, -1)
    close(firm.adapt(enrolled, words)["prototypes"], everybody)
    own = loose.adapt(enrolled, words)["prototypes"]
    close(own[0, 1], enrolled[0, 1:3].mean(0))
    close(own[2, 3], enrolled[2].mean(0))
    close(own[0, 3:], everybody[0, 3:])
    close(
        half.adapt(enrolled, words)["prototypes"][0, 1],
        (everybody[0, 1] + enrolled[0, 1:3].mean(0)) / 2,
    )


def test_a_shared_shift_moves_the_words_that_were_not_enrolled_and_is_shrunk():
    method = made(Prototypes, PrototypesConfig(prior_clips=4.0, share_shift=True))
    offset = torch.linspace(-1, 1, method.prototypes.shape[1])
    enrolled = method.prototypes[WORDS] + offset
    moved = method.adapt(enrolled, WORDS)["prototypes"] - method.prototypes
    close(moved[0, 3:], (SHOTS / (4.0 + SHOTS) * offset).expand(2, -1))
    plain = made(Prototypes, PrototypesConfig(prior_clips=4.0)).adapt(enrolled, WORDS)["prototypes"]
    close(plain[0, 3:], method.prototypes[3:])


def test_the_scale_minimises_the_negative_log_likelihood():
    logits, labels = (
        torch.randn(200, 4, generator=seeded(1)),
        torch.randint(4, (200,), generator=seeded(2)),
    )
    logits[torch.arange(200), labels] += 0.7

    def loss(log_scale: float) -> float:
        return functional.cross_entropy(math.exp(log_scale) * logits.double(), labels).item()

    expected = minimize_scalar(loss, bounds=(-9, 9), method="bounded", options={"xatol": 1e-8}).x
    assert math.log(fitted_scale(logits, labels)) == pytest.approx(expected, abs=1e-5)


def test_prototypes_and_draws_are_refused_before_the_training_clips_were_seen():
    with pytest.raises(EvaluationError, match="prepare"):
        answers(Prototypes.from_global(global_model()))
    laplace = LastLayerLaplace.from_global(global_model())
    with pytest.raises(EvaluationError, match="prepare"):
        laplace.predict_proba_draws(
            laplace.prior(PERSONS), parts(laplace)[1], draws=2, generator=seeded()
        )


# Fine-tuning, LoRA, Tent


@pytest.mark.parametrize("kind", [*FINE_TUNES, Lora, Tent])
def test_no_step_is_the_global_model(kind):
    close(answers(made(kind, kind.config_type(steps=0))), global_answers())


@pytest.mark.parametrize("softmax", ["all", "enrolled"])
def test_fine_tuning_all_weights_is_torch_fine_tuning_a_copy_of_the_encoder(softmax):
    config = FineTuneConfig(steps=3, learning_rate=0.02, softmax=softmax)
    adaptation = made(FineTuneAll, config).adapt(ENROLLMENT, WORDS)
    for person in range(PERSONS):
        words = WORDS[person].unique() if softmax == "enrolled" else torch.arange(LABELS)
        encoder = global_model().encoder.eval()
        optimizer = torch.optim.SGD(encoder.parameters(), lr=0.02, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            labels = torch.searchsorted(words, WORDS[person])
            functional.cross_entropy(encoder(ENROLLMENT[person])[:, words], labels).backward()
            optimizer.step()
        before = dict(global_model().encoder.named_parameters())
        for name, value in encoder.named_parameters():
            close(before[name] + adaptation[name][person], value)


def test_the_anchor_is_weight_decay_of_the_deviation():
    config = FineTuneConfig(steps=4, learning_rate=0.05, anchor=2.0, softmax="all")
    method = made(FineTuneHead, config)
    enrolled, _, words = parts(method)
    layer = nn.Linear(enrolled.shape[-1], LABELS)  # the deviation of one person's classifier
    nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.05, momentum=0.9, weight_decay=2.0)
    for _ in range(4):
        optimizer.zero_grad()
        logits = layer(enrolled[0]) + method.encoder.classifier(enrolled[0]).detach()
        functional.cross_entropy(logits, words[0]).backward()
        optimizer.step()
    adaptation = method.adapt(enrolled, words)
    close(adaptation["classifier.weight"][0], layer.weight)
    close(adaptation["classifier.bias"][0], layer.bias)


@pytest.mark.parametrize("kind", FINE_TUNES)
def test_a_single_word_teaches_the_softmax_over_enrolled_words_nothing(kind):
    only = torch.full((PERSONS, SHOTS), 3)
    close(
        answers(made(kind, FineTuneConfig(steps=2, learning_rate=1.0)), words=only),
        global_answers(),
    )
    assert (
        answers(made(kind, FineTuneConfig(steps=2, softmax="all")), words=only) - global_answers()
    ).abs().max() > 1e-4


def test_a_softmax_over_enrolled_words_leaves_the_other_rows_alone():
    method = made(FineTuneHead, FineTuneConfig(learning_rate=0.1))
    enrolled, _, words = parts(method)
    moved = method.adapt(enrolled, words)["classifier.weight"]
    assert (moved[0, 3:] == 0).all() and (moved[0, :3] != 0).any()


@pytest.mark.parametrize("kind", [*FINE_TUNES, Lora])
def test_labeled_steps_make_the_enrolled_clips_likelier(kind):
    def likelihood(steps: int):
        method = made(kind, kind.config_type(steps=steps, learning_rate=0.01, softmax="all"))
        return answers(method, query=ENROLLMENT).gather(-1, WORDS[..., None]).log().mean((1, 2))

    assert (likelihood(4) > likelihood(0)).all()


def test_film_moves_the_sub_spectral_normalisations_only():
    names = set(made(FineTuneFilm).adapt(ENROLLMENT, WORDS))
    assert names and all(".frequency_norm.norm." in name for name in names)


def test_low_rank_is_low_rank_and_starts_the_same_for_everybody():
    method = made(Lora, LoraConfig(rank=2, softmax="all"))
    own = method.adapt(ENROLLMENT, WORDS)
    matrices = {
        name: (len(value), value[0].numel())
        for name, value in method.encoder.named_parameters()
        if value.ndim > 1
    }
    assert "stem.0.weight" in matrices and "classifier.weight" in matrices
    for layer, shape in matrices.items():
        change = own[f"{layer}.up"] @ own[f"{layer}.down"]
        assert change.shape == (PERSONS, *shape)
        assert (torch.linalg.matrix_rank(change, rtol=1e-4) <= 2).all() and (change != 0).any()
    start = method.start(PERSONS)
    assert all(torch.equal(value[0], value[1]) for value in start.values())
    again, other = made(Lora, LoraConfig(rank=2)), made(Lora, LoraConfig(rank=2, seed=1))
    assert torch.equal(
        again.start(1)["classifier.weight.down"][0], start["classifier.weight.down"][0]
    )
    assert not torch.equal(
        other.start(1)["classifier.weight.down"][0], start["classifier.weight.down"][0]
    )


@pytest.mark.parametrize("own", [False, True])
def test_tent_lowers_the_entropy_of_the_enrollment_clips_by_scale_and_shift(own):
    def entropy(steps: int):
        method = made(Tent, TentConfig(steps=steps, learning_rate=0.01, own_statistics=own))
        return torch.special.entr(answers(method, query=ENROLLMENT)).sum(-1).mean(1)

    assert (entropy(4) < entropy(0)).all()
    moved = set(made(Tent, TentConfig(steps=1, own_statistics=own)).adapt(ENROLLMENT))
    encoder = global_model().encoder
    kinds = ("weight", "bias", "running_mean", "running_var") if own else ("weight", "bias")
    assert moved == {f"{name}.{kind}" for name in encoder.normalisations for kind in kinds}


def test_tent_without_steps_on_own_statistics_is_adabn():
    tent = made(Tent, TentConfig(steps=0, own_statistics=True, source_clips=10.0))
    close(answers(tent), answers(made(AdaBn, AdaBnConfig(source_clips=10.0))))


# Last-layer Laplace


def flat_hessian(embeddings, labels, weights, precision):
    """Of the negative log joint of softmax regression, weights (label, feature and one) flattened,
    by autograd.
    """
    phi = torch.cat((embeddings, torch.ones(len(embeddings), 1)), dim=1).double()

    def negative_log_joint(flat):
        own = flat.view_as(weights)
        return (
            functional.cross_entropy(phi @ own.T, labels, reduction="sum")
            + precision / 2 * flat.square().sum()
        )

    return torch.autograd.functional.hessian(negative_log_joint, weights.double().flatten())


def regression(clips=40, features=6, labels=4):
    embeddings = torch.randn(clips, features, generator=seeded(1))
    weights = torch.randn(labels, features + 1, generator=seeded(2))
    return embeddings, torch.randint(labels, (clips,), generator=seeded(3)), weights


def test_the_curvature_is_the_hessian_of_the_log_joint():
    embeddings, labels, weights = regression()
    probabilities = functional.linear(embeddings, weights[:, :-1], weights[:, -1]).softmax(-1)
    found = softmax_curvature(embeddings, probabilities)
    expected = flat_hessian(embeddings, labels, weights, precision=0.3)
    close(found + 0.3 * torch.eye(len(found)), expected)


def test_the_covariance_is_the_inverse_hessian_over_the_training_clips():
    method = made(LastLayerLaplace, LaplaceConfig(prior_precision=0.7))
    classifier = method.encoder.classifier
    weights = torch.cat((classifier.weight, classifier.bias[:, None]), dim=1).detach()
    hessian = flat_hessian(method.represent(TABLE.features), TABLE.label, weights, precision=0.7)
    close((method.root @ method.root.T).double(), torch.linalg.inv(hessian))


def test_draws_of_the_classifier_have_the_covariance_and_the_trained_mean():
    method, draws = made(LastLayerLaplace, LaplaceConfig(prior_precision=0.7)), 20_000
    weights = method.sample_weights(draws, generator=seeded(1)).flatten(1)
    covariance = method.root @ method.root.T
    classifier = method.encoder.classifier
    mean = torch.cat((classifier.weight, classifier.bias[:, None]), dim=1).flatten()
    std = covariance.diagonal().sqrt()
    # five standard errors: some thousand entries are looked at
    assert ((weights.mean(0) - mean).abs() < 5 * std / draws**0.5).all()
    spread = (std[:, None] ** 2 * std**2 + covariance**2).sqrt()
    assert ((weights.T.cov() - covariance).abs() < 5 * spread / draws**0.5).all()


def test_the_evidence_is_that_of_the_gaussian_approximation_and_its_maximum_is_taken():
    """ln p(y | w) + ln p(w) + D/2 ln(2 pi) - 1/2 ln det(H + delta I)."""
    embeddings, labels, weights = regression()
    logits = functional.linear(embeddings, weights[:, :-1], weights[:, -1]).double()
    curvature = softmax_curvature(embeddings, logits.softmax(-1))
    likelihood = -functional.cross_entropy(logits, labels, reduction="sum")
    grid = torch.tensor([0.01, 1.0, 100.0]).double()
    found = log_evidence(
        torch.linalg.eigvalsh(curvature), weights.double().square().sum(), likelihood, grid
    )
    flat = weights.double().flatten()
    for delta, value in zip(grid, found, strict=True):
        prior = torch.distributions.Normal(0.0, delta**-0.5).log_prob(flat).sum()
        volume = torch.linalg.slogdet(curvature + delta * torch.eye(len(flat))).logabsdet
        close(value, likelihood + prior + len(flat) / 2 * math.log(2 * math.pi) - volume / 2)
    assert found.argmax() == 1
    chosen = made(LastLayerLaplace).prior_precision
    assert 1e-4 < chosen < 1e4  # inside the grid


def test_all_persons_answer_under_the_same_draws_and_a_firm_prior_is_the_global_model():
    method, same = made(LastLayerLaplace), QUERY[:1].expand(PERSONS, -1, -1, -1)
    _, asked, _ = parts(method, query=same)
    drawn = method.predict_proba_draws(method.prior(PERSONS), asked, draws=4, generator=seeded(1))
    assert drawn.shape == (4, PERSONS, 6, LABELS)
    close(drawn[:, 0], drawn[:, 2])
    assert (drawn[0] - drawn[1]).abs().max() > 1e-3
    firm = made(LastLayerLaplace, LaplaceConfig(prior_precision=1e12))
    close(
        firm.predict_proba_draws(firm.prior(PERSONS), asked, draws=2, generator=seeded(1))[0],
        global_answers(same),
    )
    close(answers(method), global_answers())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # theirs
def test_the_posterior_is_that_of_laplace_torch():
    """Full generalised Gauss-Newton, Linear(20, 5); the library is no dependency, see the method's
    docstring.
    """
    laplace = pytest.importorskip("laplace", exc_type=ImportError)
    embeddings, labels, weights = regression(clips=60, features=20, labels=5)
    layer = nn.Linear(20, 5)
    with torch.no_grad():
        layer.weight.copy_(weights[:, :-1])
        layer.bias.copy_(weights[:, -1])
    data = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(embeddings, labels), batch_size=20
    )
    theirs = laplace.Laplace(
        layer,
        "classification",
        subset_of_weights="all",
        hessian_structure="full",
        prior_precision=0.5,
    )
    theirs.fit(data)
    curvature = softmax_curvature(embeddings, layer(embeddings).detach().softmax(-1))
    ours = torch.linalg.inv(curvature + 0.5 * torch.eye(len(curvature)))
    index = torch.arange(5 * 21).view(5, 21)
    order = torch.cat((index[:, :-1].flatten(), index[:, -1]))  # they put all biases last
    close(ours[order][:, order].float(), theirs.posterior_covariance.detach(), rtol=1e-3, atol=1e-4)
    likelihood = (
        -functional.cross_entropy(layer(embeddings), labels, reduction="sum").double().detach()
    )
    evidence = log_evidence(
        torch.linalg.eigvalsh(curvature),
        weights.double().square().sum(),
        likelihood,
        torch.tensor([0.5]).double(),
    )
    close(evidence[0].float(), theirs.log_marginal_likelihood().detach())
