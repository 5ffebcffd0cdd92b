from __future__ import annotations

import pytest

from experiments.formatting import memory_size, shortened


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(2**30, "1 GB"), (24 * 2**20, "24 MB"), (2000 * 2**10, "2,000 kB"), (1000, "1,000 B"), (3 * 2**39, "1,536 GB")],
)
def test_memory_is_told_in_the_largest_unit_that_leaves_a_whole_number(size_bytes: int, text: str) -> None:
    assert memory_size(size_bytes) == text


def test_a_text_that_is_too_long_ends_in_an_ellipsis() -> None:
    assert shortened("the server\nis  gone", 18) == "the server is gone"
    assert shortened("the server is gone", 17) == "the server is go…"
    assert shortened("the server is gone", 12) == "the server…"
