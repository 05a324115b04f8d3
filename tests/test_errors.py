from __future__ import annotations

from typing import Any

import pytest

from mmmim.errors import MissingFileError, UsageError, WeightsError, check_agreement, did_you_mean, nearest, one_of


def test_a_known_value_is_returned_and_an_unknown_one_names_the_nearest() -> None:
    assert one_of("pool", "avg", ("cls", "avg")) == "avg"
    with pytest.raises(UsageError, match=r"^pool='agv' is unknown; did you mean 'avg'\? choose one of 'cls', 'avg'$"):
        one_of("pool", "agv", ("cls", "avg"))
    with pytest.raises(UsageError, match=r"^depth=7 is unknown; choose one of 18, 50$"):
        one_of("depth", 7, (18, 50))


def test_letter_case_does_not_count_and_the_best_comes_first() -> None:
    assert nearest("MASKER", ["RandomMasker", "masker", "maskers", "neck"]) == ["masker", "maskers", "RandomMasker"]
    assert nearest("completely other", ["vit", "swin"]) == []


def test_the_end_of_a_message_is_empty_where_nothing_is_similar() -> None:
    assert did_you_mean("simim", ["simmim", "mae"]) == "; did you mean 'simmim'?"
    assert did_you_mean("xyz", ["simmim", "mae"]) == ""


@pytest.mark.parametrize("given", [8, [8, 8], (8, 8)])
def test_a_number_and_a_pair_of_it_agree(given: Any) -> None:
    check_agreement("masker", dict(patch_size=given), "the encoder", patch_size=(8, 8))


def test_what_contradicts_the_neighbours_is_named() -> None:
    message = (
        r"^masker \{'patch_size': 8\} does not fit the encoder, which give \{'patch_size': \(16, 16\)\}; leave that out"
    )
    with pytest.raises(UsageError, match=message):
        check_agreement("masker", dict(patch_size=8, ratio=0.5), "the encoder", patch_size=(16, 16), dims=3)


def test_callers_of_the_standard_library_catch_them_too() -> None:
    with pytest.raises(FileNotFoundError):
        raise MissingFileError("images")
    with pytest.raises(RuntimeError):
        raise WeightsError("weights")
