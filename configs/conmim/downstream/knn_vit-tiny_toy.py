# k-NN on the built-in pictures with tools/knn.py: mean of the patch tokens after the final norm, all training pictures.
_base_ = "linear_vit-tiny_toy.py"

model = dict(backbone=dict(final_norm=True))
