# k-NN on the built-in pictures with tools/knn.py: mean of the normed tokens.
_base_ = "linear_swin-tiny_toy.py"
