# 384 pixels after a run at 224, whose head goes on. ConMIM follows "BEiT's setup", which is not published: a constant
# 5e-6 at batch 512 with next to no weight decay is DeiT's recipe, so ours here and not the authors'. BEiT's own second
# stage after ImageNet-22K has 2e-5, 5 of 30 epochs of warm-up, decay 0.85, no mixup and no cutmix.
_base_ = "cls_beit_100e.py"

optim_wrapper = dict(optimizer=dict(lr=5e-6, weight_decay=1e-8))
param_scheduler = []
auto_scale_lr = dict(base_batch_size=512, recipe_batch_size=512)
