# The training of a TinyDVAE in some 2,000 steps of 16 images.
_base_ = ["../default_runtime.py"]

model = dict(
    type="DVAE",
    data_preprocessor=dict(type="ImagePreprocessor", mean=[0.0] * 3, std=[255.0] * 3),  # colours in [0, 1]
    tokenizer=dict(type="TinyDVAE", num_codes=512),
)
optim_wrapper = dict(
    type="AutocastOptimWrapper",
    dtype="float32",
    optimizer=dict(type="AdamW", lr=2e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = dict(
    type="WarmupCosineLR",
    warmup=0.4,
    warmup_lr=2e-6,
    min_lr=1e-5,
    ends_at_peak=True,
    count_from_zero=False,
    begin=0,
    convert_to_iter_based=True,
)
train_cfg = dict(type="EpochTrainLoop", max_epochs=10)
auto_scale_lr = dict(base_batch_size=16, recipe_batch_size=16)
default_hooks = dict(tokenizer=dict(type="TokenizerTrainingHook"))
