# Fine-tuning of SimMIM, all rates per 512 images as in its code: 1.25e-3, so the paper's 5e-3 at 2048; first and last
# lr 1e-6, the same for every layer. 20 epochs of warm-up and the clipping are the code's; cls_simmim_100e_paper.py has
# the paper's 10. The cosine counts from step 0: after the warm-up the lr drops from the peak to 0.905 of it.
_base_ = "cls_adamw_100e.py"

optim_wrapper = dict(
    optimizer=dict(lr=1.25e-3),
    clip_grad=dict(max_norm=5.0),
    paramwise_cfg=dict(layer_decay_rate=0.9),
)
param_scheduler = dict(
    _delete_=True,
    type="WarmupCosineLR",
    warmup=20,
    warmup_lr=2.5e-7,
    min_lr=2.5e-7,
    begin=0,
    convert_to_iter_based=True,
)
auto_scale_lr = dict(base_batch_size=512, recipe_batch_size=2048)
