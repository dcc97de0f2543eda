"""Personal layers against torch's own functions, with the weights written in."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tests.toys import SUBSETS, make_encoder, ready, seeded
from vop_core.nets.personal_layers import (
    PersonalClassifier,
    PersonalPointwise,
    PersonalSubSpectralNorm,
    spread_over_clips,
)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed))


@settings(max_examples=15, deadline=None)
@given(persons=st.integers(1, 3), queries=st.integers(1, 3), seed=st.integers(0, 99))
def test_a_personal_classifier_is_a_linear_layer_with_each_persons_weights(persons, queries, seed):
    layer = PersonalClassifier(4, 3)
    value, weight, bias = (
        noise(persons * queries, 4, seed=seed),
        noise(persons, 3, 4),
        noise(persons, 3),
    )
    expected = [
        functional.linear(clips, layer.weight + weight[person], layer.bias + bias[person])
        for person, clips in enumerate(value.split(queries))
    ]
    torch.testing.assert_close(layer(value, weight, bias), torch.cat(expected))


@settings(max_examples=15, deadline=None)
@given(persons=st.integers(1, 3), queries=st.integers(1, 3), seed=st.integers(0, 99))
def test_a_personal_pointwise_convolution_is_conv2d_with_each_persons_matrix(
    persons, queries, seed
):
    layer = PersonalPointwise(4, 6)
    value, deviation = noise(persons * queries, 4, 2, 5, seed=seed), noise(persons, 6, 4, 1, 1)
    expected = [
        functional.conv2d(clips, layer.weight + deviation[person])
        for person, clips in enumerate(value.split(queries))
    ]
    torch.testing.assert_close(layer(value, deviation), torch.cat(expected))


@pytest.mark.parametrize("training", [False, True])
def test_a_personal_norm_is_batch_norm_over_channel_and_band_with_each_persons_scale(training):
    layer = ready(PersonalSubSpectralNorm(3, bands=5)).train(training)
    value, scale, shift = noise(6, 3, 10, 4), noise(2, 15), noise(2, 15, seed=1)
    # channel c and band b of frequency f = 2 b, 2 b + 1 share one normalisation
    banded = torch.stack(
        [value[:, c, 2 * b : 2 * b + 2] for c in range(3) for b in range(5)], dim=1
    )
    state = layer.norm.running_mean.clone(), layer.norm.running_var.clone()
    expected = torch.cat(
        [
            functional.batch_norm(banded, *(s.clone() for s in state), training=training)[
                3 * k : 3 * k + 3
            ]
            * (layer.norm.weight + scale[k])[:, None, None]
            + (layer.norm.bias + shift[k])[:, None, None]
            for k in range(2)
        ]
    )
    found = layer(value, scale, shift)
    torch.testing.assert_close(found, expected.reshape(6, 3, 10, 4), rtol=1e-4, atol=1e-5)
    assert int(layer.norm.num_batches_tracked) == 7 + training


@pytest.mark.parametrize("training", [False, True])
def test_running_statistics_do_not_depend_on_deviations(training):
    """A personal pass in training must leave the same statistics behind as a global one."""
    value, zero = noise(4, 3, 10, 4), torch.zeros(2, 15)
    layers = [ready(PersonalSubSpectralNorm(3)).train(training) for _ in range(2)]
    torch.testing.assert_close(layers[0](value), layers[1](value, zero, zero), rtol=1e-5, atol=1e-6)
    for name, buffer in layers[0].named_buffers():
        torch.testing.assert_close(buffer, layers[1].get_buffer(name))


def test_clips_are_ordered_person_by_person():
    spread = spread_over_clips(torch.tensor([[1.0], [2.0]]), 6)
    assert spread[:, 0].tolist() == [1, 1, 1, 2, 2, 2]
    with pytest.raises(ValueError, match="cannot be shared evenly"):
        spread_over_clips(torch.zeros(2, 1), 5)


@pytest.fixture(scope="module")
def encoder():
    return ready(make_encoder())


@pytest.mark.parametrize("layers", SUBSETS, ids=str)
def test_a_layout_gives_every_weight_one_place(encoder, layers):
    layout = encoder.personal_layout(layers)
    places = torch.cat(
        [torch.arange(layout.size)[layout.layer_slice(layer)] for layer in layout.layers]
    )
    torch.testing.assert_close(places, torch.arange(layout.size))
    for layer in layout.layers:
        part = layout.layer_slice(layer)
        names = layout.weight_names(layer)
        assert len(names) == len(set(names)) == part.stop - part.start
    with pytest.raises(KeyError, match="not a personal layer"):
        layout.layer_slice("stem")


def test_a_band_film_is_named_by_pattern_and_band_a_film_by_pattern(encoder):
    bands, film = (encoder.personal_layout((kind,)) for kind in ("band_film", "film"))
    assert bands.weight_names("film 2")[:6:5] == (
        "scale of pattern 1, band 1",
        "scale of pattern 2, band 1",
    )
    assert film.weight_names("film 2")[1] == "scale of pattern 2"
    assert film.weight_names("film 2")[-1].startswith("shift of pattern")


@pytest.mark.parametrize("layers", SUBSETS, ids=str)
def test_flat_weights_survive_the_way_to_parameters_and_back(encoder, layers):
    layout = encoder.personal_layout(layers)
    weights = noise(2, layout.size)
    deviations = layout.unflatten(weights)
    shapes = {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
    for name, value in deviations.items():
        assert tuple(value.shape) == (2, *shapes[name])
    for person in range(2):
        own = {name: value[person] for name, value in deviations.items()}
        torch.testing.assert_close(layout.flatten_global(own), weights[person])


def test_film_is_band_film_with_one_number_for_all_bands_of_a_channel(encoder):
    film, bands = encoder.personal_layout(("film",)), encoder.personal_layout(("band_film",))
    assert bands.size == 5 * film.size
    weights = noise(2, film.size)
    moved, moved_bands = (
        film.unflatten(weights),
        bands.unflatten(weights.repeat_interleave(5, dim=1)),
    )
    assert moved.keys() == moved_bands.keys()
    for name, value in moved.items():
        torch.testing.assert_close(value, moved_bands[name], rtol=0, atol=0)
        per_channel = value.reshape(2, -1, 5)  # the norm counts channel by channel, band by band
        torch.testing.assert_close(per_channel, per_channel[..., :1].expand_as(per_channel))


def test_any_subset_of_layers_can_be_personal_but_not_both_films(encoder):
    assert set(encoder.personal_layers) == {"film", "band_film", "pointwise", "classifier"}
    for layers, reason in (
        (("film", "band_film"), "either film or band_film"),
        ((), "one or more"),
        (("stem",), "stem"),
    ):
        with pytest.raises(ValueError, match=reason):
            encoder.personal_layout(layers)


def test_deviations_are_added_to_the_weights_that_deviate_and_to_no_others(encoder):
    layout = encoder.personal_layout(("classifier",))
    moved = encoder.personal_weights(layout.unflatten(torch.ones(2, layout.size)))
    assert set(moved) == {"classifier.weight", "classifier.bias"}
    for name, value in moved.items():
        torch.testing.assert_close(
            value, (encoder.get_parameter(name) + 1).expand(2, *value.shape[1:])
        )
