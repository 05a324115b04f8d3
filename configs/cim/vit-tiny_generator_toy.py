# The generator of the small CIM alone, on the built-in pictures, a minute on two CPU cores: its checkpoint is for runs
# with generator.frozen.
_base_ = [
    "../_base_/models/cim_generator.py",
    "../_base_/datasets/toy_64_pretrain.py",
    "../_base_/schedules/conmim_toy.py",
    "../_base_/toy_runtime.py",
]

model = dict(
    backbone=dict(arch=dict(embed_dims=128, num_heads=4), img_size=64, patch_size=8),
    masker=dict(num_masked=32),
    target_generator=dict(tokenizer=dict(type="TinyDVAE")),
)
train_dataloader = dict(dataset=dict(num_images=2048))
