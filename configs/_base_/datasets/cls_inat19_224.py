# iNaturalist 2019: 265,213 training and 3,030 validation images of 1,010 species.
_base_ = "cls_inat18_224.py"

assumed_num_images = 265_213
train_dataloader = dict(dataset=dict(root="data/inaturalist2019", ann_file="data/inaturalist2019/train2019.json"))
val_dataloader = dict(dataset=dict(root="data/inaturalist2019", ann_file="data/inaturalist2019/val2019.json"))
test_dataloader = val_dataloader
