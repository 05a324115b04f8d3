import math

import pytest
import torch

from mmmim.errors import UsageError
from mmmim.evaluation.spectrum import effective_rank, feature_spectrum


def test_orthogonal_features_of_equal_length_have_full_rank():
    assert effective_rank(3 * torch.eye(12)) == pytest.approx(12, rel=1e-4)


def test_features_on_a_line_have_rank_one():
    x = torch.linspace(1, 2, 20)[:, None] * torch.tensor([[1.0, -2.0, 0.5]])
    assert effective_rank(x) == pytest.approx(1, abs=1e-4)


def test_the_rank_is_that_of_the_formula():
    """RankMe (Garrido et al. 2023, Eq. 1): exp of the entropy of the normalised singular values."""
    x = torch.diag(torch.tensor([3.0, 1.0]))
    expected = math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert effective_rank(x) == pytest.approx(expected, rel=1e-5)


def test_features_that_are_all_zero_are_no_error():
    assert 1 <= effective_rank(torch.zeros(4, 3)) < 1.01


def test_a_common_part_hides_the_rank_from_rankme_alone():
    noise = torch.randn(400, 16, generator=torch.Generator().manual_seed(0))
    told = feature_spectrum(noise + 1000)
    assert told["rankme"] < 2 < 14 < told["effective_rank"] <= 16
    assert told["spread"] < 0.01


def test_spread_is_zero_of_equal_features_and_largest_of_isotropic_ones():
    noise = torch.randn(2000, 64, generator=torch.Generator().manual_seed(0))
    assert feature_spectrum(noise)["spread"] == pytest.approx(64**-0.5, rel=0.02)
    assert feature_spectrum(torch.ones(10, 64))["spread"] == pytest.approx(0, abs=1e-12)
    assert feature_spectrum(1e3 * noise)["spread"] == pytest.approx(feature_spectrum(noise)["spread"])


def test_one_feature_is_refused():
    with pytest.raises(UsageError, match="at least 2"):
        feature_spectrum(torch.ones(1, 3))
