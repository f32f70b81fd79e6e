"""Whatever is typed is a command, or refused in one sentence; see test_readers.py for how many."""

from random import Random

import pytest

from search.cli.options import build_parser
from search.cli.run_config import check_not_empty, new_config
from search.errors import SearchError
from search.prepare.config import OPTIONS, command_of
from tests.faults.test_readers import COUNT, LONGEST, SEED
from trainables.errors import TrainablesError

VALUES = (
    *("", " ", "0", "1", "-1", "0.5", "1/3", "1/0", "nan", "inf", "1e400", "9" * 400, "2h", "0s"),
    *(
        "90",
        "1h1h",
        "age",
        "all",
        "joint",
        "a.py",
        "age=a.py",
        "=",
        "=a.py",
        "a=b=c.py",
        "a" * 5000,
    ),
    *(
        "[wide] *",
        "../..",
        "/",
        "/dev/null",
        "/dev/null/x",
        "x/" * 3000,
        "attribute:x.py",
        "-x",
        "--",
        "a" * 5000,
    ),
    *(
        "é",
        "\udcff",
        "age=0.8",
        "age=",
        "age=x",
        "True",
        "None",
        "{}",
        "$HOME",
        "a b",
        "\n",
        "\x1b[2J",
    ),
)


def typed(rng):
    """Returns the words after `headrace`."""
    flags = [option.flag for option in OPTIONS.values()]
    words = ["run", *(["--space", "age"] if rng.random() < 0.8 else [])]
    for _ in range(rng.randrange(5)):
        words.append(
            rng.choice((*flags, "--plan", "--cache", "--results", "--nothing", "--no-pretrained"))
        )
        words += [rng.choice(VALUES) for _ in range(rng.choice((0, 1, 1, 1, 2)))]
    return words


@pytest.mark.parametrize("block", range(4))
def test_whatever_is_typed_is_a_command_or_refused(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = {}
    for number in range(block * COUNT, (block + 1) * COUNT):
        words = typed(Random(f"options {SEED} {number}"))
        try:
            options = build_parser().parse_args(words)
            check_not_empty(options)
            command_of(new_config(options))
        except (SearchError, TrainablesError) as error:
            if not 0 < len(str(error)) <= LONGEST:
                wrong[number] = words, f"{len(str(error))} characters"
        except (Exception, SystemExit) as error:  # noqa: BLE001  any other is what this looks for
            wrong[number] = words, f"{type(error).__name__}: {str(error)[:200]}"
    assert wrong == {}
