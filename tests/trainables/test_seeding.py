"""Seeds by hashing: stable for ever, unrelated between neighbours."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.seeding import derive_seed, global_torch_seed, numpy_generator, torch_generator

CPU = torch.device("cpu")
keys = st.lists(st.one_of(st.integers(0, 100), st.text(max_size=5)), max_size=3)


def test_seeds_are_the_same_for_ever():
    assert derive_seed(0) == 3456079177858693020
    assert derive_seed(42, "epoch", 3) == 7590602349745570009


@settings(max_examples=100)
@given(base=st.integers(0, 2**63 - 1), path=keys)
def test_a_seed_is_a_number_that_every_generator_takes(base, path):
    seed = derive_seed(base, *path)
    assert 0 <= seed < 2**63
    assert seed == derive_seed(base, *path)
    np.random.default_rng(seed)
    torch.Generator().manual_seed(seed)


def test_neighbouring_bases_and_keys_never_collide():
    seeds = {derive_seed(base, "epoch", epoch) for base in range(100) for epoch in range(100)}
    assert len(seeds) == 10_000


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, "a"), (1, "b")),
        ((1, 2), (1, "2")),
        ((1, "a", "b"), (1, "b", "a")),
        ((1, "ab"), (1, "a", "b")),
        ((1, 23), (12, 3)),
        ((1,), (1, "")),
    ],
)
def test_every_key_its_type_and_their_order_count(one, other):
    assert derive_seed(*one) != derive_seed(*other)


def test_numbers_of_numpy_are_numbers():
    assert derive_seed(np.int64(5), np.int64(3), "x") == derive_seed(5, 3, "x")


def test_generators_repeat_themselves():
    np.testing.assert_array_equal(
        numpy_generator(1, "order", 2).random(5), numpy_generator(1, "order", 2).random(5)
    )
    one, again = (torch.rand(5, generator=torch_generator(1, "augment")) for _ in range(2))
    assert torch.equal(one, again)
    assert not torch.equal(one, torch.rand(5, generator=torch_generator(2, "augment")))


def test_the_global_generator_is_seeded_inside_and_as_before_outside():
    before = torch.random.get_rng_state()
    with global_torch_seed(CPU, 1, "init"):
        inside = torch.rand(5)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(3)
    with global_torch_seed(CPU, 1, "init"):
        assert torch.equal(torch.rand(5), inside)


def test_the_global_generator_is_put_back_after_an_error():
    before = torch.random.get_rng_state()
    with pytest.raises(RuntimeError, match="invalid"), global_torch_seed(CPU, 1):
        torch.rand(1).reshape(2)
    assert torch.equal(torch.random.get_rng_state(), before)
