# The recipe of upernet_swin-l_80k_ade20k.py for a checkpoint of pre-training as it is: BEiT's lr and layer decay.
_base_ = "./upernet_swin-l_80k_ade20k.py"
optim_wrapper = dict(optimizer=dict(lr=7e-4), paramwise_cfg=dict(layer_decay_rate=0.65))
custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True)]
