# Pre-training on some 20,000 photographs: a checkpoint every five epochs.
_base_ = "default_runtime.py"

default_hooks = dict(checkpoint=dict(interval=5))
