# Task (d): a random convolution for every image and channel; N(1/25, 0.02^2).
_base_ = ["vit-tiny_masked_toy.py"]

model = dict(
    masker=None,
    degradation=dict(type="RandomKernelBlur", kernel_size=5, mean=None, std=0.02),
    head=dict(scope="all"),
)
