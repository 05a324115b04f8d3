# What the enhancer learns of the corrupted image: `model = dict(**_base_.respix)` or `dict(**_base_.revdet)`.
# The pixels of the image, standardised by the 8 x 8 pixels around each one, by L1 + L2:
respix = dict(
    loss_weights=dict(generator=1.0, enhancer=10.0),
    target_generator=dict(type="PixelTarget", norm_pix="window_joint", window=8),
    head=dict(type="ReconstructionHead", loss=dict(l1=1.0, l2=1.0), scope="all"),
)
# Which tokens were replaced:
revdet = dict(
    loss_weights=dict(generator=1.0, enhancer=1.0),
    target_generator=dict(type="ReplacedTokenTarget", token_size=16),
    head=dict(type="BinaryCrossEntropyHead"),
)
