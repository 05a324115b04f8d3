# The ResNet of the mini configs, half as wide as ResNet-26: 2 x 2 outputs of a photograph of 32 pixels enlarged to 64.
mini_resnet = dict(block="bottleneck", depths=(2, 2, 2, 2), channels=32)
