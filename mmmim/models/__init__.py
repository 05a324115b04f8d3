from . import (
    algorithms,
    backbones,
    classifiers,
    data_preprocessors,
    degradations,
    generators,
    heads,
    maskers,
    necks,
    target_generators,
    tokenizers,
)

__all__ = [
    "algorithms",
    "backbones",
    "classifiers",
    "data_preprocessors",
    "degradations",
    "generators",
    "heads",
    "maskers",
    "necks",
    "target_generators",
    "tokenizers",
]
