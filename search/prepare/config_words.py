"""A config in a few words, for people."""

from collections.abc import Mapping

from trainables.blocks import FlatValue


def in_words(config: Mapping[str, FlatValue]) -> str:
    """Returns what tells configs apart at a glance: "resnet18, 96 px, adamw 0.0012, batch 32".

    Args:
        config: flat; what it lacks is left out.
    """
    parts = (
        ("backbone.name", "{}"),
        ("input.size", "{} px"),
        ("optim.name", "{}"),
        ("optim.lr", "learning rate {:.2g}"),
        ("optim.batch_size", "batch {}"),
    )
    return ", ".join(form.format(config[name]) for name, form in parts if name in config)
