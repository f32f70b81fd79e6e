"""What every head keeps, whichever it is: the modules are found, not listed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from trainables import heads
from trainables.config import CrossEntropy, CrossEntropyF1, Focal, HeadsOwn, SoftF1
from trainables.errors import ConfigError
from trainables.heads import HeadSpec, HeadTarget

pytestmark = pytest.mark.usefixtures("one_torch_thread")

LOSSES = {
    "softmax": (
        CrossEntropy(name="ce", smoothing=0.05),
        Focal(name="focal", gamma=0.5),
        Focal(name="focal", gamma=2.0),
        SoftF1(name="f1"),
        CrossEntropyF1(name="ce_f1", smoothing=0.0, f1_weight=0.5),
    )
}
"""The losses of a head; a head that is not here has its own."""

OWN = (HeadsOwn(name="own"),)
CASES = [(kind, loss) for kind in heads.names() for loss in LOSSES.get(kind, OWN)]
EDGES = {2: (35.0,), 3: (30.0, 60.0), 5: (20.0, 30.0, 40.0, 60.0)}
FEATURES = 4


def spec(loss, num_classes=3, **changes):
    """Returns the spec of a numeric attribute, which every head can serve."""
    options = {
        "num_features": FEATURES,
        "num_classes": num_classes,
        "hidden": 0,
        "dropout": 0.0,
        "loss": loss,
        "edges": EDGES[num_classes],
        "raw_mean": 35.0,
        "raw_std": 15.0,
    }
    return HeadSpec(**{**options, **changes})


def build(kind, loss=None, num_classes=3, **changes):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return heads.build(kind, spec(loss or LOSSES.get(kind, OWN)[0], num_classes, **changes))


def problem(num_classes=3, count=60, seed=0):
    """Returns features and targets of an attribute that one direction of the features tells."""
    generator = torch.Generator().manual_seed(seed)
    edges = torch.tensor(EDGES[num_classes])
    classes = torch.arange(count) % num_classes
    ends = torch.cat([edges[:1] - 12, edges, edges[-1:] + 12])
    raw = (ends[classes] + ends[classes + 1]) / 2
    features = 0.02 * torch.randn(count, FEATURES, generator=generator)
    features[:, 0] += (raw - 35.0) / 7.5
    soft = functional.one_hot(classes, num_classes).to(torch.float32)
    return features, classes, HeadTarget(classes=soft, raw=(raw - 35.0) / 15.0)


def outputs_of(head, seed, scale, count=50):
    """Returns outputs of any size, whether or not the head would make them."""
    generator = torch.Generator().manual_seed(seed)
    width = head(torch.zeros(1, FEATURES)).shape[1]
    return scale * torch.randn(count, width, generator=generator)


def assert_probabilities(probabilities, num_classes):
    assert probabilities.dtype == torch.float32
    assert probabilities.shape[1] == num_classes
    assert torch.isfinite(probabilities).all()
    assert float(probabilities.min()) >= 0
    assert float(probabilities.max()) <= 1
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(len(probabilities)))


kinds = pytest.mark.parametrize("kind", heads.names())
cases = pytest.mark.parametrize(("kind", "loss"), CASES, ids=str)
sizes = pytest.mark.parametrize("num_classes", EDGES)


def test_there_are_no_losses_for_a_head_that_does_not_exist():
    assert set(LOSSES) <= set(heads.names())
    assert heads.names()


@kinds
@sizes
@settings(max_examples=25)
@given(seed=st.integers(0, 2**31), scale=st.sampled_from([0.1, 1.0, 10.0, 1000.0]))
def test_any_outputs_are_probabilities(kind, num_classes, seed, scale):
    head = build(kind, num_classes=num_classes)
    outputs = outputs_of(head, seed, scale)
    assert_probabilities(head.probabilities(outputs), num_classes)


@kinds
@sizes
def test_outputs_of_features_are_probabilities_whatever_the_weights(kind, num_classes):
    head = build(kind, num_classes=num_classes)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(30 * torch.randn(parameter.shape, generator=generator))
        features = torch.randn(1001, FEATURES, generator=generator)
        assert_probabilities(head.probabilities(head(features)), num_classes)


@kinds
def test_half_precision_outputs_make_single_precision_probabilities(kind):
    head = build(kind)
    outputs = outputs_of(head, 0, 3.0)
    half = head.probabilities(outputs.to(torch.bfloat16))
    assert_probabilities(half, 3)
    torch.testing.assert_close(half, head.probabilities(outputs), atol=0.05, rtol=0)


def train(head, features, target, steps=300):
    optimizer = torch.optim.Adam(head.parameters(), lr=0.03)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = head.loss(head(features), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@cases
@sizes
def test_a_separable_problem_is_learnt_and_the_column_of_a_class_is_its_code(
    kind, loss, num_classes
):
    head = build(kind, loss, num_classes)
    features, classes, target = problem(num_classes)
    losses = train(head, features, target)
    assert all(map(torch.isfinite, torch.tensor(losses)))
    assert losses[-1] < losses[0] - 0.1
    predicted = head.probabilities(head(features)).argmax(dim=1)
    assert float((predicted == classes).float().mean()) > 0.95


@kinds
@sizes
def test_a_hidden_layer_learns_too(kind, num_classes):
    head = build(kind, num_classes=num_classes, hidden=8)
    features, classes, target = problem(num_classes)
    train(head, features, target)
    predicted = head.probabilities(head(features)).argmax(dim=1)
    assert float((predicted == classes).float().mean()) > 0.95


@cases
def test_soft_labels_are_accepted_and_pull_between_their_classes(kind, loss):
    head = build(kind, loss)
    features, _, target = problem()
    partner = torch.randperm(len(features), generator=torch.Generator().manual_seed(2))
    soft = HeadTarget(
        classes=0.7 * target.classes + 0.3 * target.classes[partner],
        raw=0.7 * target.raw + 0.3 * target.raw[partner],
    )
    outputs = head(features)
    mixed = head.loss(outputs, soft)
    mixed.backward()
    assert torch.isfinite(mixed)
    assert mixed.shape == ()
    assert mixed.item() != head.loss(outputs, target).item()


@cases
@sizes
@pytest.mark.parametrize("scale", [0.0, 1.0, 100.0])
def test_loss_and_gradient_are_finite_for_any_outputs(kind, loss, num_classes, scale):
    head = build(kind, loss, num_classes)
    _, _, target = problem(num_classes)
    outputs = outputs_of(head, 3, scale, count=60).requires_grad_()
    value = head.loss(outputs, target)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(outputs.grad).all()


@cases
def test_the_gradient_is_the_slope_of_the_loss(kind, loss):
    head = build(kind, loss)
    _, _, target = problem()
    outputs = outputs_of(head, 4, 1.0, count=60).requires_grad_()
    head.loss(outputs, target).backward()
    direction = outputs.grad / outputs.grad.norm()
    with torch.no_grad():
        up, down = (head.loss(outputs + sign * 0.05 * direction, target) for sign in (1, -1))
    slope = float((up - down) / 0.1)
    assert slope == pytest.approx(float(outputs.grad.norm()), rel=0.02)


@kinds
def test_every_weight_has_a_gradient(kind):
    head = build(kind, hidden=5)
    features, _, target = problem()
    head.loss(head(features), target).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@kinds
def test_dropout_acts_in_training_alone(kind):
    head = build(kind, dropout=0.5)
    features, _, _ = problem()
    head.train()
    with torch.random.fork_rng():
        torch.manual_seed(5)
        first, second = head(features), head(features)
    assert not torch.equal(first, second)
    head.eval()
    assert torch.equal(head(features), head(features))


@kinds
def test_weights_carry_the_whole_head(kind):
    trained = build(kind)
    features, _, target = problem()
    train(trained, features, target, steps=5)
    other = build(kind, hidden=0)
    other.load_state_dict(trained.state_dict())
    expected = trained.probabilities(trained(features))
    assert torch.equal(other.probabilities(other(features)), expected)


def test_an_unknown_head_names_those_there_are():
    available = ", ".join(heads.names())
    with pytest.raises(ConfigError, match=rf"unknown head\.kind 'tree'; available: {available}"):
        heads.build("tree", spec(OWN[0]))
