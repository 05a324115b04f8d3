# Fine-tuning on all 2,000 labels of each class of CIFAR-10.
_base_ = "../../_base_/recipes/ft_beit-vit_mini.py"
