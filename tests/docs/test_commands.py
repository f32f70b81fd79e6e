"""Every command on a page for people is one that the program takes."""

import pytest

from search.cli.options import build_parser
from search.cli.parser import commands_of
from tests.docs.pages import PAGES, code_of, commands_in, inline_code_of

ROOT_OPTIONS = {"--version", "--print-completion", "--help"}


def printed():
    return [
        (page.name, words)
        for page in PAGES
        for line in code_of(page)
        for words in commands_in(line)
    ]


def in_sentences():
    return [
        (page.name, piece)
        for page in PAGES
        for piece in inline_code_of(page)
        if piece.startswith(("headrace ", ".venv/bin/headrace "))
    ]


def test_the_pages_have_commands():
    assert {words[0] for _, words in printed()} >= set(commands_of(build_parser()))
    assert len(in_sentences()) > 10


@pytest.mark.parametrize(("page", "words"), printed())
def test_every_printed_command_is_taken(page, words):
    if words[0] in ROOT_OPTIONS:
        with pytest.raises(SystemExit, match="0"):
            build_parser().parse_args(words)
    else:
        build_parser().parse_args(words)


@pytest.mark.parametrize(("page", "piece"), in_sentences())
def test_a_command_in_a_sentence_has_the_options_it_names(page, piece):
    command, *words = next(commands_in(piece))
    parsers = commands_of(build_parser())
    if command.isupper():  # stands for any
        assert set(words) <= ROOT_OPTIONS
        return
    known = {flag for action in parsers[command]._actions for flag in action.option_strings}
    assert {word for word in words if word.startswith("--")} <= known
