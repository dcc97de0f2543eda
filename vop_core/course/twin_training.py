"""The package's hyper-personalizer, trained on persons of the linear-Gaussian twin, where what it
should say is known.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from vop_core.nets.hyper_personalizer import HyperPersonalizer, HyperPersonalizerConfig
from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.twin import LinearGaussianTwin, TwinPerson, with_full_covariance

PERSONS_PER_STEP = 128


def train_on_twin(
    model: LinearGaussianTwin,
    *,
    clips: int,
    steps: int,
    persons: int | None = None,
    features: int = 32,
    generator: torch.Generator,
) -> HyperPersonalizer:
    """Maximise the slides' bound, averaged over persons: q reads the clips, the same clips' labels
    are scored.

    With ``persons``, the same few persons come again and again; else every step has new ones. The
    terms of the bound are taken in closed form, so that what is left to go wrong is the network.
    """
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        network = HyperPersonalizer(
            HyperPersonalizerConfig(features=features, learned_prior_mean=False),
            weights=len(model.weight_map),
            inputs=len(model.clip_map),
        )
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    known = model.draw_persons(persons, clips=clips, generator=generator) if persons else None
    for _ in range(steps):
        seen = known or model.draw_persons(PERSONS_PER_STEP, clips=clips, generator=generator)
        q = said_by(network, seen)
        prior = model.weights_given_clips(seen.clips)
        bound = model.elbo(q, prior, seen.clips, seen.labels).elbo
        optimiser.zero_grad()
        (-bound.mean()).backward()
        optimiser.step()
        schedule.step()
    return network.eval().requires_grad_(False)


def width_on_the_bound(
    model: LinearGaussianTwin, person: TwinPerson, *, learned_prior: bool, steps: int = 1000
) -> Float[Tensor, " seen"]:
    """The width of q over the only weight, before every twentieth step up the bound that q and the
    prior share: both are free, or the prior stays p(w | x), where it begins.

    q sees no labels, so their expectation is scored: the features times what the clips tell.
    """
    clips_tell = model.weights_given_clips(person.clips)
    told = torch.stack([clips_tell.mean[0], clips_tell.stddev[0].log()])
    precision = person.features.square().sum() / model.label_noise**2
    q, prior = torch.zeros(2, dtype=torch.float64), told.clone()
    trained = [each.requires_grad_() for each in ((q, prior) if learned_prior else (q,))]
    optimiser = torch.optim.Adam(trained, lr=0.05)
    seen = []
    for step in range(steps):
        if step % 20 == 0:
            seen.append(q[1].detach().exp())
        posterior, believed = (DiagonalGaussian(each[:1], each[1:]) for each in (q, prior))
        misfit = precision * ((q[0] - told[0]).square() + (2 * q[1]).exp()) / 2
        optimiser.zero_grad()
        (misfit + posterior.kl(believed)).backward()
        optimiser.step()
    return torch.stack(seen)


def said_by(network: HyperPersonalizer, persons: TwinPerson) -> MultivariateNormal:
    """The network's posteriors of a batch of persons, from their clips alone."""
    posterior = network(persons.clips.float())
    return with_full_covariance(
        DiagonalGaussian(posterior.mean.double(), posterior.log_std.double())
    )


def divergence_from_truth(
    q: MultivariateNormal, model: LinearGaussianTwin, persons: TwinPerson
) -> torch.Tensor:
    """KL(q || p(w | x, y)) of each person, in nats: evidence minus bound."""
    return kl_divergence(q, model.weights_given_labels(persons.clips, persons.labels))
