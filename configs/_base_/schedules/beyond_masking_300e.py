# Beyond Masking's schedule: 1.2e-3 at 2048 images, linear warm-up over 20 epochs, half a cosine to 1e-5.
_base_ = ["adamw_800e.py"]

# The tokens do not decay, as in the authors' code; MAE's do.
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys=dict(
            cls_token=dict(decay_mult=0.0),
            mask_token=dict(decay_mult=0.0),
            pos_embed=dict(decay_mult=0.0),
        )
    )
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=20, convert_to_iter_based=True),
    dict(
        type="CosineAnnealingLR",
        eta_min_ratio=1e-5 / 1.2e-3,
        T_max=280,
        begin=20,
        end=300,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs=300)
auto_scale_lr = dict(recipe_batch_size=2048)
