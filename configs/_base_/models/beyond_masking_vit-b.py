_base_ = ["mae_vit-b.py"]

# Beyond Masking, Tian et al. 2022: MAE with a smaller decoder; targets are standardised per patch and channel.
model = dict(
    neck=dict(dims=384, depth=4, num_heads=6),
    target_generator=dict(norm_pix="patch_channel"),
)
