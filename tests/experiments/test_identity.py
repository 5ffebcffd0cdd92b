from __future__ import annotations

import re

from experiments.identity import short_hash


def test_a_short_hash_changes_with_each_text_and_with_their_borders() -> None:
    assert re.fullmatch(r"[0-9a-f]{6}", short_hash("a"))
    assert short_hash("a", "b") == short_hash("a", "b")
    assert len({short_hash("a"), short_hash("b"), short_hash("a", "b"), short_hash("ab"), short_hash()}) == 5
