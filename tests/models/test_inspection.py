"""The tables of Inspect: each number against what it is said to be."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from vop_core.data.environments import CLEAN
from vop_core.data.voices import bundled_persons
from vop_core.errors import DataError, EvaluationError
from vop_core.methods.personal import gaussian_of
from vop_core.methods.vop import Vop
from vop_core.models import inspection, load_bundle
from vop_core.models.bundled import heard_clips
from vop_core.variational.diagnostics import interval_holds

TASK = "keywords-en"
OTHERS = inspection.MOST_OTHERS


@cache
def models():
    return load_bundle(TASK)


@cache
def persons():
    return bundled_persons("en")[:4]


@cache
def heard():
    return inspection.bundled_person(models(), persons()[0], CLEAN, 3)


class AsWideAs(Vop):
    """The shipped posterior, wider by a factor."""

    factor = 1.0

    def adapt(self, enrollment, labels=None):
        kept = super().adapt(enrollment, labels)
        return kept | {"log_std": kept["log_std"] + torch.tensor(self.factor).log()}


def as_wide_as(factor: float):
    made = AsWideAs.from_description(models().vop.description())
    made.load_state_dict(models().vop.state_dict())
    made.factor = factor
    return replace(models(), vop=made.eval())


def test_a_weights_line_is_its_two_gaussians():
    """The divergence against torch.distributions; the means and widths against each other."""
    model = models().vop.enroll(heard().enrollment)
    table = inspection.layer_table(model)
    assert len(table) == models().vop.layout.size
    column = {name: torch.tensor(table[name].to_numpy()) for name in table.columns[4:]}
    prior = Normal(column["prior_mean"], column["prior_sd"])
    own = Normal(column["mean"], column["sd"])
    torch.testing.assert_close(column["kl"], kl_divergence(own, prior), rtol=1e-3, atol=1e-4)
    moved = column["prior_mean"] + column["moved"] * column["prior_sd"]
    torch.testing.assert_close(moved, column["mean"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(column["width"] * column["prior_sd"], column["sd"])
    assert (column["width"] < 1).all() and (column["moved"] != 0).any()


def test_of_whom_there_is_no_clip_nothing_has_moved_or_narrowed():
    table = inspection.layer_table(models().vop.prior_model())
    assert table["width"].tolist() == pytest.approx([1.0] * len(table))
    assert table["moved"].abs().max() == 0
    assert table["kl"].abs().max() < 1e-5


def test_draws_to_export_are_weights_by_layer_and_name():
    """Mean and sd of N draws of N(m, s^2) have standard errors s / sqrt(N) and s / sqrt(2 N); six
    of them allowed.
    """
    model, draws = models().vop.enroll(heard().enrollment), 2_000
    found = inspection.draws_to_export(model, draws)
    for group, of in (("posterior", model), ("prior", models().vop.prior_model())):
        assert tuple(found[group].data_vars) == model.layer_names
        for layer in model.layer_names:
            values, own = found[group][layer], of.layer_posterior(layer)
            assert values.dims == ("chain", "draw", f"weight of {layer}")
            assert tuple(values.coords[values.dims[-1]].to_numpy()) == own.names
            drawn = torch.from_numpy(values.to_numpy()[0])
            error = own.std / draws**0.5
            assert ((drawn.mean(0) - own.mean).abs() <= 6 * error + 1e-6).all()
            assert ((drawn.std(0) - own.std).abs() <= 6 * error / 2**0.5 + 1e-6).all()


def test_the_plane_is_that_of_the_first_environment():
    """Its persons lie about the origin; the others of the same names lie elsewhere."""
    names = [person.name for person in persons()]
    clean, noisy = (
        inspection.crowd(models(), persons()),
        inspection.crowd(models(), persons(), "unforeseen environment"),
    )
    first = inspection.persons_map(
        models(), names, {"clean": clean, "unforeseen environment": noisy}
    )
    other = inspection.persons_map(
        models(), names, {"unforeseen environment": noisy, "clean": clean}
    )
    for found, centred, away in (
        (first, "clean", "unforeseen environment"),
        (other, "unforeseen environment", "clean"),
    ):
        middle = found.table.groupby("heard")[["x", "y"]].mean().abs()
        assert middle.loc[centred].max() < 1e-4 < middle.loc[away].max()
        assert (found.table["var_x"] * found.table["var_y"] > found.table["cov"] ** 2).all()
    assert inspection.persons_map(models(), names[:2], {"clean": clean[:2]}) is None


def test_a_wide_posterior_holds_all_and_a_point_next_to_nothing():
    """After as many clips as a person enrolls at most; those who enroll fewer are not there."""
    tables = {
        factor: inspection.coverage_table(as_wide_as(factor), persons())
        for factor in (1e-4, 1.0, 1e4)
    }
    means = {factor: table["coverage"].mean() for factor, table in tables.items()}
    assert means[1e4] > 0.999
    # the error of the clips that are not there is counted, too: even a point holds what is unsure
    assert means[1e-4] < means[1.0] - 0.2
    for factor, table in tables.items():
        expected = factor * tables[1.0]["width"]
        assert table["width"].tolist() == pytest.approx(expected.tolist(), rel=1e-3)
        for person in persons():
            counts = table[table["person"] == person.name]["clips"].tolist()
            most = len(person.enrollment)
            assert counts == [count for count in inspection.COUNTS if count <= most]
    by_clips = inspection.coverage_by_clips(tables[1.0])
    assert by_clips["persons"].tolist()[0] == len(persons())
    several = by_clips[by_clips["persons"] > 1]  # one person has no interval
    assert several["coverage"].between(several["low"], several["high"]).all()


def test_the_width_is_checked_on_the_clips_that_did_not_enroll():
    person, shots, vop = persons()[1], 3, models().vop
    taken = [*person.enrollment, *person.query[:OTHERS]]
    clips = heard_clips(models(), person.id, CLEAN, taken).features[None]
    own = gaussian_of(vop.adapt(clips[:, :shots]))
    held = interval_holds(own, vop.observed(clips[:, :shots], clips[:, shots:]))
    table = inspection.coverage_table(models(), persons()).set_index(["person", "clips"])
    assert table.loc[(person.name, shots), "coverage"] == pytest.approx(held.double().mean().item())


def test_doubt_is_what_draws_disagree_on_or_what_none_of_them_knows():
    """Draws that agree leave none of the first, draws that are sure none of the second."""
    torch.manual_seed(0)
    labels = len(models().labels)
    unsure = torch.softmax(torch.randn(1, 6, labels), -1).expand(8, -1, -1)
    agreed = inspection.uncertainty_table(models(), unsure)
    assert agreed["epistemic"].abs().max() < 1e-5
    assert agreed["aleatoric"].tolist() == pytest.approx(agreed["total"].tolist())
    sure = torch.eye(labels)[torch.arange(8)[:, None] % 2].expand(-1, 6, -1)
    torn = inspection.uncertainty_table(models(), sure, torch.zeros(6, dtype=torch.long))
    assert torn["aleatoric"].abs().max() < 1e-5
    assert torn["epistemic"].tolist() == pytest.approx([torch.tensor(2.0).log().item()] * 6)
    assert set(torn["word"]) == {models().labels[0]} and set(agreed["word"]) == {""}


def test_every_method_is_asked_the_same_and_without_words_those_that_need_them_are_left_out():
    few = replace(heard(), query=heard().query[:4], query_labels=heard().query_labels[:4])
    table = inspection.method_table(models(), few).set_index("method")
    assert set(table["asked"]) == {4}
    answers = models().global_model.predict(few.query)
    right = int((answers.label_index == few.query_labels).sum())
    assert table.loc["global", "right"] == right
    mean = models().vop.enroll(few.enrollment).predict(few.query)
    right = int((mean.label_index == few.query_labels).sum())
    assert table.loc["vop", "right"] == right or models().vop.facts.draws
    untold = inspection.method_table(models(), replace(few, enrollment_labels=None))
    assert "fine-tune-all" in table.index and "fine-tune-all" not in set(untold["method"])
    with pytest.raises(EvaluationError, match="no query clip"):
        inspection.method_table(models(), replace(few, query=few.query[:0], query_labels=None))


def test_who_or_what_is_not_bundled_is_refused():
    with pytest.raises(DataError, match="no bundled person"):
        inspection.bundled_person(models(), "nobody", CLEAN, 3)
    with pytest.raises(DataError, match="has no enrollment clip"):
        inspection.bundled_person(models(), persons()[0], CLEAN, ["nothing.opus"])


def test_a_posterior_shown_is_the_one_that_answers():
    model = models().vop.enroll(heard().enrollment)
    found = gaussian_of(models().vop.adapt(heard().enrollment[None]))[0]
    torch.testing.assert_close(model.posterior.mean, found.mean)
    answers = inspection.answers_by_draw(model, heard().query[:3])
    assert answers.shape == (inspection.DRAWS, 3, len(models().labels))
    torch.testing.assert_close(answers, inspection.answers_by_draw(model, heard().query[:3]))
    assert (answers != inspection.answers_by_draw(model, heard().query[:3], seed=1)).any()
