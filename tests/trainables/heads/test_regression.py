"""A Gaussian over the raw number; what every head keeps is tested in tests/contracts."""

import pytest
import torch

from trainables import heads
from trainables.config import HeadsOwn
from trainables.errors import ConfigError
from trainables.heads import HeadSpec, HeadTarget

MEAN, STD = 35.0, 15.0


def build(edges=(30.0, 60.0)):
    spec = HeadSpec(
        num_features=2,
        num_classes=3,
        hidden=0,
        dropout=0.0,
        loss=HeadsOwn(name="own"),
        edges=edges,
        raw_mean=MEAN,
        raw_std=STD,
    )
    return heads.build("regression", spec)


def outputs(*numbers, log_std=-3.0):
    return torch.tensor([[(number - MEAN) / STD, log_std] for number in numbers])


def test_an_attribute_without_boundaries_is_refused():
    with pytest.raises(ConfigError, match=r"needs an attribute with raw numbers.*use 'softmax'"):
        build(edges=())


def test_a_batch_without_raw_numbers_is_refused():
    with pytest.raises(ConfigError, match="needs the raw number of the attribute"):
        build().loss(outputs(20.0), HeadTarget(classes=torch.eye(3)[:1]))


def test_the_mass_lies_in_the_class_of_the_number():
    probabilities = build().probabilities(outputs(20.0, 45.0, 70.0))
    torch.testing.assert_close(probabilities, torch.eye(3))


def test_a_number_on_a_boundary_is_shared_by_both_classes():
    probabilities = build().probabilities(outputs(60.0))
    torch.testing.assert_close(probabilities, torch.tensor([[0.0, 0.5, 0.5]]))


def test_the_mass_is_that_of_the_normal_distribution():
    normal = torch.distributions.Normal(40.0, STD * torch.exp(torch.tensor(-0.5)))
    below = normal.cdf(torch.tensor([30.0, 60.0]))
    expected = torch.stack([below[0], below[1] - below[0], 1 - below[1]])
    probabilities = build().probabilities(outputs(40.0, log_std=-0.5))
    torch.testing.assert_close(probabilities[0], expected)


def test_the_loss_is_the_likelihood_up_to_a_constant():
    target = HeadTarget(classes=torch.eye(3)[:2], raw=torch.tensor([0.3, -0.8]))
    given = torch.tensor([[0.1, -0.5], [-1.0, 0.4]])
    normal = torch.distributions.Normal(given[:, 0], given[:, 1].exp())
    expected = -normal.log_prob(target.raw).mean() - 0.5 * torch.log(torch.tensor(2 * torch.pi))
    torch.testing.assert_close(build().loss(given, target), expected)


@pytest.mark.parametrize("log_std", [-100.0, 100.0])
def test_the_loss_stays_finite_however_sure_or_unsure(log_std):
    target = HeadTarget(classes=torch.eye(3)[:1], raw=torch.tensor([2.0]))
    assert torch.isfinite(build().loss(outputs(20.0, log_std=log_std), target))


def test_the_boundaries_are_no_weights():
    assert "edges" not in build().state_dict()
