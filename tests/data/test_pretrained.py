"""A speaker encoder trained elsewhere: its front end, and weights that come as a pickle."""

import librosa
import numpy as np
import pytest
import torch

from tests.data.audio_fixtures import vowel
from vop_core.data.audio import clip_features
from vop_core.data.pretrained import (
    FRONT_END,
    PACKAGE,
    QUIETEST_DB,
    has_speaker_encoder,
    raised,
    speaker_weights,
)
from vop_core.data.spectrogram import log_mel
from vop_core.errors import DataError
from vop_core.nets.resemblyzer import FRAMES, Resemblyzer, ResemblyzerConfig


class Trap:
    """Pickled, it would make a file when it is read as a pickle may be."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return Resemblyzer(ResemblyzerConfig(labels=2)).eval()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Where a package of that name lies whose own code cannot be run."""
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('run')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def saved(folder, state):
    torch.save({"step": 1, "model_state": state}, folder / "pretrained.pt")


def clips(*levels):
    sound = torch.from_numpy(vowel(1.0)).float()[:16_000]
    sound = sound / sound.square().mean().sqrt()
    return torch.stack([10 ** (level / 20) * sound for level in levels])


def test_the_encoder_is_given_librosas_power():
    (sound,) = clips(-20.0)
    power = librosa.feature.melspectrogram(
        y=sound.numpy(), sr=16_000, n_fft=400, hop_length=160, n_mels=40
    )
    np.testing.assert_allclose(
        log_mel(sound, FRONT_END).exp().numpy(), power, rtol=1e-3, atol=1e-6 * power.max()
    )


def test_quiet_clips_are_raised_to_one_level_and_no_other_is_changed():
    """The level is read off the bands: below the first and above the last one, some is missing."""
    given = log_mel(clips(-60.0, -40.0, -29.0, -20.0), FRONT_END)
    found = raised(given)
    wanted = log_mel(clips(QUIETEST_DB), FRONT_END)[0]
    loud = wanted > wanted.max() - 8  # where the floor that is added plays no part
    for place in (0, 1):
        assert (found[place] - wanted)[loud].abs().max() < np.log(10) / 10  # a decibel
    assert torch.equal(found[2:], given[2:])


def test_weights_are_read_as_tensors_alone_once(installed, encoder):
    state = {name: value for name, value in encoder.state_dict().items() if "lstm" in name}
    state |= {f"linear.{name}": value for name, value in encoder.linear.state_dict().items()}
    saved(installed, state | {"similarity_weight": torch.ones(1)})
    assert has_speaker_encoder()
    first = speaker_weights()
    assert set(first) == set(state)
    assert all(torch.equal(first[name], state[name]) for name in state)
    encoder.load_state_dict(encoder.state_dict() | first)
    source = installed / "pretrained.pt"
    source.write_bytes(bytes(source.stat().st_size))  # not read again
    assert set(speaker_weights()) == set(state)


def test_what_would_run_code_is_refused(installed, tmp_path):
    trap = tmp_path / "sprung"
    saved(installed, {"lstm.weight_ih_l0": Trap(trap)})
    with pytest.raises(DataError, match="damaged; install it anew"):
        speaker_weights()
    assert not trap.exists()


def test_without_the_package_a_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("vop_core.data.pretrained.find_spec", lambda name: None)
    assert not has_speaker_encoder()
    with pytest.raises(DataError, match="pip install --no-deps resemblyzer"):
        speaker_weights()


def test_an_embedding_is_of_length_one_and_silence_after_the_clip_is_what_it_was_filled_with(
    encoder,
):
    (sound,) = log_mel(clips(-20.0), FRONT_END)[None]
    silence = torch.full((1, 40, FRAMES - sound.shape[-1]), -torch.inf)
    beyond = torch.randn(1, 40, 20, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = encoder.embed(sound)
        longer = encoder.embed(torch.cat((sound, silence, beyond), -1))
    torch.testing.assert_close(found, longer)
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(1))


@pytest.mark.skipif(not has_speaker_encoder(), reason="resemblyzer's weights are not installed")
def test_one_s_own_clips_are_nearer_than_anybody_else_s(encoder):
    from vop_core.data.voices import bundled_persons

    encoder.load_state_dict(encoder.state_dict() | speaker_weights())
    persons = bundled_persons("en")[:8]
    heard = torch.stack(
        [
            torch.stack(
                [clip_features(record.load().waveform, FRONT_END) for record in each.enrollment[:5]]
            )
            for each in persons
        ]
    )
    with torch.no_grad():
        found = encoder.embed(raised(heard.flatten(0, 1))).unflatten(0, (8, 5))
    near = torch.einsum("pcf,qf->pcq", found[:, :2], found[:, 2:].mean(1))
    right = near.argmax(-1) == torch.arange(8)[:, None]
    # by chance 1 of 8 is right: 2 of 16, with a standard deviation of 1.3
    assert right.sum() >= 10
