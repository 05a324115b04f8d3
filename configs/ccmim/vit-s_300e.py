# Implied by the COCO rows of ViT-S; the recipe is ViT-B's, with the 512-wide decoder.
_base_ = ["vit-b_300e.py"]

model = dict(backbone=dict(arch="small"))
