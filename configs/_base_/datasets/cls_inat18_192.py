# The same at 192 pixels.
_base_ = "cls_imagenet_192_randaug.py"

assumed_num_images = 437_513
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="INaturalist",
        root="data/inaturalist2018",
        ann_file="data/inaturalist2018/train2018.json",
        transforms={{_base_.train_dataloader.dataset.transforms}},
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="INaturalist",
        root="data/inaturalist2018",
        ann_file="data/inaturalist2018/val2018.json",
        transforms={{_base_.val_dataloader.dataset.transforms}},
    )
)
test_dataloader = val_dataloader
