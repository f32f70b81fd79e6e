"""`headrace quick`: approaches as heads on frozen features, called a preview everywhere."""

import json

import numpy as np
import pytest
from rich.console import Console

from search.cli.commands import main
from search.cli.options import build_parser
from search.cli.run_config import frozen_config
from search.refit import approaches
from search.screen.preview import KINDS, lineup_of, preview
from search.screen.quick import quick
from tests.search.builders.grouped import GROUPED
from tests.search.screen.test_ranking import features, table


@pytest.fixture
def done(people, cache, tmp_path, capsys):
    """A preview of tiny photos by two seeds: verdicts, file and what was printed."""
    options = build_parser().parse_args(["quick", "--data", str(people)])
    out = tmp_path / "quick.json"
    verdicts = quick(
        frozen_config(options), "test_resnet", out, cache, Console(width=80), num_seeds=2
    )
    return verdicts, json.loads(out.read_text(encoding="utf-8")), capsys.readouterr().out


def test_every_approach_is_judged_with_both_kinds_of_heads(done):
    verdicts, content, _ = done
    assert tuple(verdicts) == KINDS == tuple(content["heads"])
    for verdict in verdicts.values():
        assert {each.name for each in verdict.scores} == {"separate", "joint", "multihead"}
        assert all(len(each.per_seed) == 2 for each in verdict.scores)


def test_it_is_called_a_preview_wherever_it_speaks(done):
    _, content, out = done
    assert content["preview"] is True
    assert all(each["answer"].startswith("PREVIEW: ") for each in content["heads"].values())
    assert out.count("PREVIEW") >= 1 + 2 * len(KINDS)
    assert "What a preview cannot know:" in out
    assert len(content["cannot_know"]) >= 4
    assert "Here its weights are random" in out
    assert "wins" not in " ".join(line for line in out.splitlines() if "│" in line)
    assert max(len(line) for line in out.splitlines() if "│" in line) <= 80


def test_the_file_says_what_it_rests_on(done):
    _, content, _ = done
    assert (content["folds"], content["seeds"]) == (5, 2)
    assert content["backbone"]["name"] == "test_resnet"
    assert content["backbone"]["pretrained"] is False


def test_features_that_tell_every_attribute_are_read_by_all_heads(seed):
    data = table(seed)
    found = preview(features(data, seed, 3.0), data, num_seeds=2)
    for kind in KINDS:
        assert set(found[kind]) == {"separate", "joint", "multihead"}
        for probs in found[kind].values():
            assert probs.shape == (2, data.num_samples, 18)
            np.testing.assert_allclose(probs.sum(axis=2), 1, atol=1e-3)
            assert (probs.argmax(axis=2) == data.joint).mean() > 0.2  # guessing: 0.06


def test_seeds_deal_the_people_anew(seed):
    data = table(seed)
    found = preview(features(data, seed, 1.0), data, num_seeds=2)
    for kind in KINDS:
        for probs in found[kind].values():
            assert np.abs(probs[0] - probs[1]).max() > 1e-3


def test_the_same_features_give_the_same_preview(seed):
    data = table(seed)
    first, again = (preview(features(data, seed, 1.0), data, num_seeds=1) for _ in range(2))
    for kind in KINDS:
        for name, probs in first[kind].items():
            np.testing.assert_array_equal(probs, again[kind][name])


def test_time_that_ends_leaves_the_least_seeds_that_can_be_judged(seed):
    data, told = table(seed), []
    found = preview(
        features(data, seed, 1.0),
        data,
        num_seeds=50,
        seconds=0.0,
        progress=lambda done, total: told.append((done, total)),
    )
    num = len(found["linear"]["joint"])
    assert 2 <= num < 50
    assert told[-1] == (num, 50)


def test_its_blocks_are_those_of_all_approaches():
    lineup = lineup_of(table(0).schema)
    assert set(lineup.approaches) == {"separate", "joint", "multihead"}
    assert set(lineup.blocks) == {"mask", "gender", "age", "joint", "joint-heads"}


def test_a_new_approach_is_one_entry_here_too(seed, monkeypatch):
    monkeypatch.setattr(approaches, "APPROACHES", (*approaches.APPROACHES, GROUPED))
    data = table(seed)
    found = preview(features(data, seed, 3.0), data, num_seeds=1)
    for kind in KINDS:
        probs = found[kind][GROUPED.name]
        np.testing.assert_allclose(probs.sum(axis=2), 1, atol=1e-3)
        assert (probs.argmax(axis=2) == data.joint).mean() > 0.2


def test_one_attribute_alone_is_refused(people, cache, tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    (data / "photos").symlink_to(people / "photos")
    lines = (people / "manifest.csv").read_text(encoding="utf-8").splitlines()
    rows = [",".join(line.split(",")[:3]) for line in lines]
    (data / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    command = ["quick", "--data", str(data), "--cache", str(cache)]
    assert main([*command, "--out", str(tmp_path / "q.json")]) == 2
    assert "quick compares approaches to two attributes or more" in capsys.readouterr().err
    assert not (tmp_path / "q.json").exists()


def test_an_unknown_backbone_is_refused_with_near_names(people, cache, tmp_path, capsys):
    command = ["quick", "--data", str(people), "--cache", str(cache), "--backbone", "resnet181"]
    assert main([*command, "--out", str(tmp_path / "q.json")]) == 2
    assert "models of timm, got 'resnet181' (did you mean resnet18 or" in capsys.readouterr().err
