# Settings are those of ResNet-50; the paper gives none of its own.
_base_ = ["resnet50_respix_300e.py"]

model = dict(backbone=dict(width=2))
