# The same model finds the replaced tokens, 4 x 4 of them in each output.
_base_ = "../_base_/recipes/cim_resnet_toy.py"

model = dict(
    loss_weights=_base_.revdet.loss_weights,
    target_generator=dict(type="ReplacedTokenTarget", token_size=8),
    head=_base_.revdet.head,
)
