# Fine-tuning on 200 labels of each class of CIFAR-10.
_base_ = "../../_base_/recipes/lowshot10_beit-vit_mini.py"
