"""JSON of every kind is read, or refused as no JSON."""

import pytest

from pconv_jax.common.json_values import is_number, read_json


def test_text_and_bytes_read_the_same():
    assert read_json('{"a": [1, 2.5, null]}') == read_json(b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[" * 100_000 + "]" * 100_000, b"\xff\xfe\x00"])
def test_text_that_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match=r"nested too deeply|Expecting|utf|decode"):
        read_json(text)


def test_what_is_a_number():
    assert [is_number(value) for value in (0, -2.5, float("nan"), True, None, "1", [1])] == [True] * 3 + [False] * 4
