from small_swin import swin

from mmmim.models.backbones.swin_names import official_to_timm, timm_to_official


def test_names_of_official_checkpoints() -> None:
    assert official_to_timm("encoder.layers.0.downsample.reduction.weight") == "layers.1.downsample.reduction.weight"
    assert official_to_timm("layers.2.blocks.17.attn.relative_position_index") is None
    assert official_to_timm("encoder.mask_token") == "mask_token" and official_to_timm("head.bias") == "head.fc.bias"
    for name in swin().state_dict():
        assert official_to_timm(timm_to_official(name)) == name
