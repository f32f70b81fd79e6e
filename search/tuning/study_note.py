"""What a study is, for whoever opens the journal in optuna-dashboard: its note, in Markdown.

The dashboard keeps a study's note in system attributes (its `_note.py`, `save_note`): a version,
and the text in pieces that a database column holds. Written here by the same names, so that the
package is not needed.
"""

import re
from collections.abc import Iterator, Mapping

from spaces.space import Space

VERSION_KEY = "dashboard:note_ver"
_TEXT_KEY = "dashboard:note_str:"
_PIECE = 2045
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def note_attributes(text: str) -> Iterator[tuple[str, int | str]]:
    """Yields the system attributes that hold a first note, last the version that makes it one."""
    for number, at in enumerate(range(0, len(text), _PIECE)):
        yield f"{_TEXT_KEY}{number}", text[at : at + _PIECE]
    yield VERSION_KEY, 1


def study_attributes(space: Space, max_epochs: int, data: str) -> Mapping[str, int | str]:
    """Returns what is noted of a study for other programs, a line each."""
    names = ", ".join(space.attributes)
    return {
        "headrace": f"space {space.name}: {names} by {_form(space)}; a trial that was stopped "
        "early is PRUNED at its last epoch, one that the budget cut off FAIL",
        "epochs": max_epochs,
        **({"data": data} if data else {}),
    }


def study_note(space: Space, max_epochs: int, data: str) -> str:
    """Returns the note of a study; names of the user are shown as they are.

    Args:
        space: what is searched.
        max_epochs: of a trial that is not stopped.
        data: what the data is called; empty where nobody knows.
    """
    names = ", ".join(f"**{_escaped(name)}**" for name in space.attributes)
    on = f" on {_escaped(data)}" if data else ""
    return f"""\
## headrace: space {_escaped(space.name)}

Searches the hyperparameters of models that predict {names} by {_form(space)}{on}.

- **Objective**: the macro-F1 on people that validate, from 0 to 1; that of the last epoch, \
where a trial was stopped early.
- **Trial 0** is the default config: what the search gains is the distance to it.
- **Chosen** is, once the search is over, the trial of the study's attribute `chosen`, not always \
that of the highest score, which is often luck.
- **Epochs**: {max_epochs} for a trial that is not stopped; every epoch is an intermediate value.
- **PRUNED**: stopped early, behind the others at the same epoch. **FAIL**: its attribute `cause` \
says why: `budget` is the end of the time, no fault of its config; `error` has the words.
- **COMPLETE with value 0 and the cause `out_of_memory`**: too large for the device.

Whole configs, seeds and device seconds are attributes of the trials. The search chose by these \
scores, so the best of them flatters; how approaches score where nothing was chosen stands in \
`report.html` of a run of `--space all`.
"""


def _form(space: Space) -> str:
    return "heads" if space.form == "heads" else "one softmax"


def _escaped(name: str) -> str:
    """Returns a name that Markdown, its HTML and its formulas leave as it is."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(name.split()))
