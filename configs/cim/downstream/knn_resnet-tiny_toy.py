# k-NN on the built-in pictures with tools/knn.py: the mean cell.
_base_ = "linear_resnet-tiny_toy.py"
