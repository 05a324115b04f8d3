# The ResNet of all toy configs: one bottleneck per stage, a quarter of ResNet-50's width, 2 x 2 outputs of 64 pixels.
toy_resnet = dict(block="bottleneck", depths=(1, 1, 1, 1), channels=16)
