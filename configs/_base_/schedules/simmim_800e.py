_base_ = ["simmim_100e.py"]

# SimMIM's long schedule: 10 epochs of warm-up, a tenth of the lr for the last eighth of the run.
optim_wrapper = dict(optimizer=dict(lr=1e-4))  # per 512 images
param_scheduler = dict(
    _delete_=True,
    type="WarmupStepLR",
    warmup=10,
    warmup_lr=5e-7,
    milestones=[700],
    gamma=0.1,
    begin=0,
    end=800,
    convert_to_iter_based=True,
)
train_cfg = dict(max_epochs=800)
