"""Attention: prefill of prompts, and decoding against keys and values that are held already."""

import pytest

from zbench.judge.summary import Summary


@pytest.mark.workloads("attention")
def test_attention(measured: Summary) -> None:
    """Rows drawn after the burst are computed again in fp64."""
    assert measured.trusted, measured.why
