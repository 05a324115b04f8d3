# k-NN on ImageNet-1K with tools/knn.py: mean of the patch tokens after the final norm, resize 256, crop 224.
_base_ = "../../_base_/recipes/linear_vit-b_90e_in1k.py"
recipe = dict(task="knn", toy="knn")

model = dict(backbone=dict(final_norm=True))
