"""What timm cannot do of a config is told, and only that."""

import pytest

from search.export.to_timm import losses
from tests.search.export.test_to_timm import made_best


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"optim__head_lr_ratio": 3.0}, "optim.head_lr_ratio=3"),
        ({"head__hidden": 64}, "head.hidden=64"),
        ({"sampler__power": 0.5}, "sampler.power=0.5"),
        ({"backbone__pretrained": True, "backbone__frozen_stages": 2}, "frozen_stages=2"),
        ({"augment__shift": 0.1}, "augment.shift=0.1"),
        ({"augment__erase": 0.1}, "augment.erase=0.1"),
        ({"augment__half_cutmix": 0.1}, "augment.half_cutmix=0.1"),
        ({"optim__ema": 0.9}, "optim.ema=0.9"),
        ({"optim__warmup": 0.1}, "optim.warmup=0.1"),
        ({"input__crop": "lower"}, "input.crop=lower"),
        ({"augment__scale": 0.1}, "augment.scale=0.1"),
    ],
)
def test_what_timm_cannot_do_is_told_only_where_it_applies(changes, lost):
    plain = losses(made_best().config)
    assert not any(lost.split("=")[0] in text for text in plain)
    assert any(lost in text for text in losses(made_best(**changes).config))


def test_the_options_of_the_age_are_told():
    age = {"age__old_from": 58, "age__drop": "57-59", "age__aux_weight": 0.1}
    text = " ".join(losses(made_best(**age).config))
    assert "age.old_from=58" in text
    assert "age.drop=57-59" in text
    assert "age.aux_weight=0.1" in text
