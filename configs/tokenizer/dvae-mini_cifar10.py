# A tokenizer of photographs of 32 pixels, enlarged to 64, for BEiT and CIM: --data DIR, minutes on a CPU. A code stands
# for 4 x 4 pixels of the photograph.
_base_ = ["../_base_/recipes/dvae.py", "../_base_/datasets/cifar10_64_pretrain.py"]

train_dataloader = dict(batch_size=16)
param_scheduler = dict(warmup=0.1)
train_cfg = dict(max_epochs=2)
