from mmmim.models.backbones.timm_model import Code, TimmModel


def test_an_expression_is_printed_as_it_stands() -> None:
    norm = Code("partial(LayerNorm, eps=1e-6)", object())
    arguments = dict(embed_dim=32, norm_layer=norm)
    assert repr(arguments) == "{'embed_dim': 32, 'norm_layer': partial(LayerNorm, eps=1e-6)}"


def test_a_json_file_holds_the_plain_arguments() -> None:
    model = TimmModel("vision_transformer.VisionTransformer", dict(depth=2, act_layer=Code("nn.GELU", None)), {})
    assert model.plain_arguments == dict(depth=2) and model.has_norm and model.head == "head"
