# The ViT of all mini configs, 2.7 million parameters: 64 patches of 4 pixels in a photograph of 32.
mini_arch = dict(embed_dims=192, depth=6, num_heads=3)
