_base_ = ["mae_vit-b.py"]

# ccMIM, ICLR 2023: MAE with sampled masks (Eq. 4-6), a two-layer decoder and a contrast of the two sets (Eq. 7, 10).
model = dict(
    type="CCMIM",
    masker=dict(_delete_=True, type="ImportanceMasker", mask_ratio=0.75, preset="proportional"),
    neck=dict(depth=2),
    projector=dict(type="ContrastProjector", out_dims=256),
    contrast=dict(type="InfoNCE", negatives="eq7", tau=0.5, scale="one", gather=True),
    contrast_weight=0.2,
    stop_grad=True,
)
