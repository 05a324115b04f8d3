import pytest
from mmengine.config import Config
from PIL import Image
from small_pretraining import checkpoint, pretrain_config

__all__ = ["checkpoint", "pretrain_config"]


@pytest.fixture
def class_folder(tmp_path):
    for split in ("train", "val"):
        for number, name in enumerate(("ant", "bee")):
            folder = tmp_path / "images" / split / name
            folder.mkdir(parents=True)
            for i in range(4):
                Image.new("RGB", (40, 48), (100 * number, 20 * i, 5)).save(folder / f"{i}.png")
    return tmp_path / "images"


@pytest.fixture
def classifier_config(pretrain_config, class_folder):
    """A probe with the encoder of the pre-training config, on folders of its own."""

    def loader(split, transforms):
        dataset = dict(type="ImageFolder", root=f"{class_folder}/{split}", labelled=True, transforms=transforms)
        return dict(batch_size=4, num_workers=0, dataset=dataset)

    cfg = Config.fromfile(pretrain_config)
    cfg.model = dict(
        type="ImageClassifier",
        backbone=dict(cfg.model.backbone, out_type="avg"),
        head=dict(type="LinearClsHead", num_classes=2, in_channels=32),
        data_preprocessor=cfg.model.data_preprocessor,
    )
    cfg.train_dataloader = loader("train", [dict(type="RandomResizedCrop", size=32)])
    cfg.val_dataloader = loader("val", [dict(type="Resize", size=[32, 32]), dict(type="CenterCrop", size=32)])
    return cfg


@pytest.fixture
def scope():
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope("mmmim"):
        yield
