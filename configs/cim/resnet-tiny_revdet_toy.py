# The same model finds the replaced tokens, 4 x 4 of them in each output.
_base_ = ["resnet-tiny_respix_toy.py"]

model = dict(
    loss_weights=_base_.revdet.loss_weights,
    target_generator=dict(_delete_=True, type="ReplacedTokenTarget", token_size=8),
    head=dict(_delete_=True, **_base_.revdet.head),
)
