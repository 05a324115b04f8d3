# The built-in tokenizer, from drawn pictures in minutes on a CPU; with --data DIR from one's own.
_base_ = ["../_base_/default_runtime.py"]
recipe = dict(scale="toy")

model = dict(
    type="DVAE",
    data_preprocessor=dict(type="ImagePreprocessor", mean=[0.0] * 3, std=[255.0] * 3),  # colours in [0, 1]
    tokenizer=dict(type="TinyDVAE", num_codes=512),
)
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    collate_fn=dict(type="default_collate"),
    sampler=dict(type="EpochSampler", shuffle=True),
    dataset=dict(
        type="Collages",
        num_images=3072,
        img_size=96,
        transforms=[
            dict(type="RandomResizedCrop", size=64, scale=(0.3, 1.0), interpolation="bicubic"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
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
