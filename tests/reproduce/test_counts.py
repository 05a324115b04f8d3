def test_a_smaller_decoder_costs_less_and_the_encoder_stays(values) -> None:
    assert values("half-the-decoder", "gflop") < values("toy", "gflop") == values("longer", "gflop")
    assert values("half-the-decoder", "gmacs") == values("toy", "gmacs") > 0
