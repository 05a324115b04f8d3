# The same model finds the replaced tokens.
_base_ = "../_base_/recipes/cim_vit_mini.py"

model = dict(
    loss_weights=_base_.revdet.loss_weights,
    target_generator=dict(type="ReplacedTokenTarget", token_size=4),
    head=_base_.revdet.head,
)
