# Channel statistics of ImageNet in RGB order, 0..255. A backbone must see downstream what it saw in pre-training.
imagenet_rgb = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
