# Fine-tuning of SimMIM as the paper prints it: 10 epochs of warm-up, no clipping. First and last lr, which it leaves
# open, and a cosine counted from step 0 are the code's.
_base_ = "cls_simmim_100e.py"

optim_wrapper = dict(clip_grad=None)
param_scheduler = dict(warmup=10)
