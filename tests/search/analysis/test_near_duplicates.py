"""Pairs of photos that show one picture, on pictures made for it."""

import numpy as np
import pytest

from search.analysis.near_duplicates import ENOUGH, EQUAL, LEAST, copies, near_pairs, together

SIDE = 64


def pictures(num, seed, cells=8):
    """Returns smooth random pictures [num, 64, 64]."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(20, 230, (num, cells + 1, cells + 1))
    at = np.linspace(0, cells - 1e-6, SIDE)
    low, share = at.astype(int), at - at.astype(int)
    rows = coarse[:, low] * (1 - share)[:, None] + coarse[:, low + 1] * share[:, None]
    whole = rows[:, :, low] * (1 - share) + rows[:, :, low + 1] * share
    return np.rint(whole).astype(np.uint8)


def test_other_pictures_are_no_pair(seed):
    assert len(near_pairs(pictures(60, seed))) == 0


@pytest.mark.parametrize("num", [0, 1, 2])
def test_a_few_pictures_are_enough(num, seed):
    assert len(near_pairs(pictures(num, seed))) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda x: np.clip(x.astype(float) * 0.7 + 5, 0, 255),
        lambda x: x[:, ::-1],
        lambda x: np.clip(x + np.random.default_rng(1).normal(0, 3, x.shape), 0, 255),
        lambda x: np.kron(x[2:-2, 2:-2], np.ones((1, 1)))[cut(2)][:, cut(2)],
    ],
    ids=["darker", "mirrored", "noise", "cut"],
)
def test_a_changed_picture_is_found_wherever_it_stands(change, seed):
    all_of_them = pictures(40, seed)
    all_of_them[31] = change(all_of_them[7])
    found = near_pairs(all_of_them)
    assert (found.first.tolist(), found.second.tolist()) == ([7], [31])
    assert LEAST <= found.alike[0] <= 1.001


def test_photos_of_one_template_are_no_pairs_and_a_copy_among_them_is(seed):
    noise = np.random.default_rng(seed + 2).normal(0, 8, (40, SIDE, SIDE))
    alike = np.clip(pictures(1, seed + 1) + noise, 0, 255).astype(np.uint8)
    alone = near_pairs(np.concatenate([alike[:2], pictures(60, seed)]))
    assert (alone.first.tolist(), alone.second.tolist()) == ([0], [1])
    assert LEAST < alone.alike[0] < ENOUGH
    assert len(near_pairs(alike)) == 0
    alike[31] = alike[7] * 0.9
    found = near_pairs(alike)
    assert (found.first.tolist(), found.second.tolist()) == ([7], [31])


def cut(pixels):
    """Returns which pixels of a shorter line stretch it to 64."""
    inner = SIDE - 2 * pixels
    return np.minimum((np.arange(SIDE) * inner / SIDE).astype(int), inner - 1)


@pytest.mark.parametrize("share", [0.01, 0.03, 0.05, 0.07, 0.09])
def test_of_alike_pictures_the_same_is_found_however_much_is_cut_off(share, seed):
    fine = 0.5 * pictures(40, seed, cells=32) + 0.5 * pictures(1, seed + 1, cells=32)
    fine = fine.astype(np.uint8)
    at = np.clip(share * SIDE + (np.arange(SIDE) + 0.5) * (1 - 2 * share) - 0.5, 0, SIDE - 1)
    low, part = at.astype(int), at - at.astype(int)
    high = np.minimum(low + 1, SIDE - 1)
    rows = fine[7][low] * (1 - part)[:, None] + fine[7][high] * part[:, None]
    fine[31] = np.rint(rows[:, low] * (1 - part) + rows[:, high] * part)
    found = near_pairs(fine)
    assert (found.first.tolist(), found.second.tolist()) == ([7], [31])


def test_it_says_what_is_mirrored(seed):
    both = pictures(10, seed)
    both[4] = both[2][:, ::-1]
    both[9] = both[1]
    found = near_pairs(both)
    mirrored = dict(zip(found.second.tolist(), found.is_mirrored.tolist(), strict=True))
    assert mirrored == {4: True, 9: False}


def test_blocks_of_photos_hide_no_pair(seed, monkeypatch):
    monkeypatch.setattr("search.analysis.near_duplicates._BLOCK", 7)
    many = pictures(30, seed)
    many[29], many[13] = many[0], many[12]
    found = near_pairs(many)
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert pairs == {(0, 29), (12, 13)}


def test_pictures_that_are_all_alike_need_more_to_be_copies(seed):
    rng = np.random.default_rng(seed)
    common = pictures(1, seed)[0].astype(float)
    alike = np.clip(common + rng.normal(0, 12, (50, SIDE, SIDE)), 0, 255).astype(np.uint8)
    alike[40] = alike[3]
    found = near_pairs(alike)
    assert (found.first.tolist(), found.second.tolist()) == ([3], [40])
    assert found.alike[0] >= ENOUGH


@pytest.mark.parametrize("share", [0.55, 0.65, 0.7, 0.8, 0.9])
def test_two_pictures_alone_say_whether_they_are_a_pair(share, seed):
    two = pictures(2, seed).astype(float)
    two[1] = share * two[0] + (1 - share) * two[1]
    two = np.rint(two).astype(np.uint8)
    rng = np.random.default_rng(seed)
    common = pictures(1, seed + 1)[0] * 0.7 + pictures(80, seed + 2) * 0.3
    alike = np.clip(common + rng.normal(0, 3, common.shape), 0, 255).astype(np.uint8)
    others = (two[:0], pictures(80, seed + 3), alike)
    found = [near_pairs(np.concatenate([two, each])) for each in others]
    pairs = [set(zip(each.first.tolist(), each.second.tolist(), strict=True)) for each in found]
    assert len({(0, 1) in each for each in pairs}) == 1
    if share == 0.9:
        assert (0, 1) in pairs[0]


def test_pictures_of_one_colour_are_no_pair():
    assert len(near_pairs(np.full((3, SIDE, SIDE), 200, dtype=np.uint8))) == 0


def test_equal_files_come_first_each_with_the_first_of_them(seed):
    some = pictures(5, seed)
    some[4] = some[0]
    found = copies(some, ["a", "b", "a", "", "d"])
    pairs = list(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert pairs == [(0, 2), (0, 4)]
    assert found.alike[0] == EQUAL


def test_what_cannot_be_read_is_equal_to_nothing(seed):
    assert len(copies(pictures(2, seed), ["", ""])) == 0


def test_pairs_and_chains_are_one_cluster():
    pairs = np.array([(1, 4), (4, 2), (5, 6)])
    assert together(8, pairs).tolist() == [0, 1, 1, 3, 1, 5, 5, 7]
    assert together(2, np.zeros((0, 2), dtype=np.int64)).tolist() == [0, 1]
