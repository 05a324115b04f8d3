from importlib import import_module

import pytest


def run(name, *arguments):
    return import_module(f"mmmim.commands.{name}").main([str(argument) for argument in arguments])


@pytest.mark.parametrize(
    "options, message",
    [
        (["nothing.pth"], "no checkpoint at"),
        (["none", "--data", "nowhere"], "nowhere"),
        (["none", "--k", "500"], "k: (500,) must lie in 1..160"),
        (["none", "--crop-ratio", "0"], "crop_ratio: 0.0"),
    ],
)
def test_mistakes_are_named_in_one_line(pretrain_config, capsys, options, message):
    assert run("knn", pretrain_config, *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
