from __future__ import annotations

from degraded import IMAGENET

from mmmim.models.degradations import (
    CenterInput,
    Degradation,
    DegradationSequence,
    Fisheye,
    HorizontalWave,
    RandomKernelBlur,
    SaturationScale,
    ZoomIn,
    ZoomOut,
)


def every() -> list[Degradation]:
    return [
        ZoomIn(48),
        ZoomIn(48, location="random"),
        ZoomOut(48),
        ZoomOut(24, interpolation="area"),
        ZoomOut(choices=[24, 32, 48]),
        ZoomOut(48, pad="black", **IMAGENET),
        ZoomOut(48, pad="none"),
        Fisheye(),
        Fisheye(raw_size=64, input_size=48),
        HorizontalWave(),
        RandomKernelBlur(),
        RandomKernelBlur(choices=[3, 5, 9]),
        RandomKernelBlur(init="xavier"),
        SaturationScale(),
        SaturationScale(mode="luma"),
        CenterInput(48),
        DegradationSequence([SaturationScale(0.3), ZoomOut(48), RandomKernelBlur(5)]),
    ]


def name_of(degradation: Degradation) -> str:
    return type(degradation).__name__
