# The encoder of all toy configs: what pre-training writes, the downstream toys read.
toy_arch = dict(embed_dims=128, depth=6, num_heads=4)
