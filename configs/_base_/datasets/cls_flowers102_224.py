# Oxford Flowers-102: training and validation images together (2,040) to train on, 6,149 to test.
_base_ = "cls_imagenet_224_randaug.py"

assumed_num_images = 2040
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="Flowers102",
        root="data/flowers102",
        split="train",
        transforms={{_base_.train_dataloader.dataset.transforms}},
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="Flowers102",
        root="data/flowers102",
        split="test",
        transforms={{_base_.val_dataloader.dataset.transforms}},
    )
)
test_dataloader = val_dataloader
