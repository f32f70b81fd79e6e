"""Backbone and heads as one module, and the moving average of its weights."""

import copy

import pytest
import torch

from tests.trainables import tiny
from trainables.backbone import build_backbone
from trainables.config import CrossEntropy
from trainables.heads import HeadSpec
from trainables.network import MovingAverage, Network, build_network
from trainables.targets import AUXILIARY, training_targets

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def network(*names):
    """Returns a network with a softmax head of three classes an output name."""
    backbone = build_backbone(tiny.config().backbone, None, 32)
    spec = HeadSpec(
        num_features=backbone.num_features,
        num_classes=3,
        hidden=0,
        dropout=0.0,
        loss=CrossEntropy(name="ce", smoothing=0.0),
    )
    return Network(backbone, dict.fromkeys(names, ("softmax", spec)))


def photos(count=2):
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_every_head_reads_the_same_features():
    model = network("a", "b").eval()
    x = photos()
    features = model.backbone(x)
    outputs = model(x)
    assert list(outputs) == ["a", "b"]
    for name, output in outputs.items():
        torch.testing.assert_close(output, model.head(name)(features))
    assert not torch.equal(outputs["a"], outputs["b"])


@pytest.mark.parametrize(
    "name", ["type", "keys", "training", "a.b", "eye colour", "alter (Jahre)"]
)
def test_an_attribute_may_have_any_name(name):
    model = network(name, "other").eval()
    assert model(photos())[name].shape == (2, 3)
    assert len({key for key in model.state_dict() if name.partition(".")[0] in key}) > 0


def test_names_that_differ_in_a_dot_have_their_own_heads():
    model = network("a.b", "a%2Eb", "ab")
    assert len({id(model.head(name)) for name in ("a.b", "a%2Eb", "ab")}) == 3


def test_the_targets_decide_the_heads():
    data = tiny.training_data()
    config = tiny.config(tiny.MULTIHEAD, {**tiny.AGE, "age.aux_weight": 0.1})
    targets = training_targets(config, data.schema, data.labels, data.raw, data.train)
    backbone = build_backbone(config.backbone, None, 32)
    outputs = build_network(config, backbone, targets).eval()(photos())
    widths = {name: output.shape[1] for name, output in outputs.items()}
    assert widths == {"mask": 3, "gender": 2, "age": 3, AUXILIARY: 2}


def test_an_unaveraged_step_moves_the_average_by_one_minus_the_decay():
    model = network("a")
    average = MovingAverage(model, decay=0.9)
    start = {n: p.detach().clone() for n, p in average.network.named_parameters()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    average.update(model, step=10_000)
    for name, parameter in average.network.named_parameters():
        torch.testing.assert_close(parameter, start[name] + 0.1)


def test_the_average_forgets_its_start_quickly_at_first():
    model = network("a")
    average = MovingAverage(model, decay=0.999)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    average.update(model, step=0)
    mine, theirs = (next(iter(m.parameters())) for m in (average.network, model))
    torch.testing.assert_close(theirs - mine, torch.full_like(mine, 0.1))


def test_the_average_copies_buffers_and_takes_no_gradient():
    model = network("a")
    average = MovingAverage(model, decay=0.5)
    model.train()(photos(4))
    average.update(model, step=0)
    assert not average.network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
    theirs = dict(model.named_buffers())
    for name, value in average.network.named_buffers():
        assert torch.equal(value, theirs[name])
        assert value.data_ptr() != theirs[name].data_ptr()


def test_updating_the_average_leaves_the_network_alone():
    model = network("a")
    before = copy.deepcopy(model.state_dict())
    MovingAverage(model, decay=0.5).update(model, step=3)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_training_mode_reaches_backbone_and_heads():
    model = network("a").eval()
    model.start_training()
    assert all(module.training for module in model.modules())
