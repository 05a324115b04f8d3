# iNaturalist 2019: 265,213 training and 3,030 validation images of 1,010 species.
_base_ = "cls_imagenet_224_randaug.py"

assumed_num_images = 265_213
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="INaturalist",
        root="data/inaturalist2019",
        ann_file="data/inaturalist2019/train2019.json",
        transforms={{_base_.train_dataloader.dataset.transforms}},
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="INaturalist",
        root="data/inaturalist2019",
        ann_file="data/inaturalist2019/val2019.json",
        transforms={{_base_.val_dataloader.dataset.transforms}},
    )
)
test_dataloader = val_dataloader
