import os
import shutil
import sys

import pytest
import torch
from PIL import Image
from torch import nn

from mmmim.datasets import ImageFolder, ToyImages
from mmmim.evaluation import fingerprint
from mmmim.evaluation.fingerprint import Unknown, of_code, of_dataset, of_module
from mmmim.models.backbones import ViT
from mmmim.models.data_preprocessors import ImagePreprocessor

ARCH = dict(embed_dims=16, depth=1, num_heads=2)
RESIZE = [dict(type="Resize", size=8)]


@pytest.fixture
def folder(tmp_path):
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.new("RGB", (10, 12), (50 * i, 0, 5)).save(tmp_path / name / f"{i}.png")
    return tmp_path


def of_folder(folder, **changes):
    return of_dataset(ImageFolder(str(folder), **{"transforms": RESIZE, **changes}))


def test_the_same_files_have_the_same_hash(folder):
    assert of_folder(folder) == of_folder(f"{folder}/")


@pytest.mark.parametrize(
    "changes",
    [
        dict(transforms=[dict(type="Resize", size=9)]),
        dict(transforms=[dict(type="Resize", size=8, interpolation="nearest")]),
        dict(transforms=[*RESIZE, dict(type="CenterCrop", size=8)]),
        dict(channels=1),
        dict(value_range=(0, 100)),
        dict(labelled=False),
        dict(classes=["bee", "ant"]),
        dict(subset="train", holdout=0.4),
        dict(keep=0.4),
    ],
)
def test_each_argument_counts(folder, changes):
    assert of_folder(folder, **changes) != of_folder(folder)


def replace_with_the_same_size_and_time(file):
    facts = file.stat()
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    other = file.with_suffix(".new")
    other.write_bytes(content)
    os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    other.rename(file)
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (facts.st_size, facts.st_mtime_ns)


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.unlink(),
        lambda file: file.rename(file.with_name("9.png")),
        lambda file: Image.new("RGB", (10, 13)).save(file),
        lambda file: os.utime(file, (5, 5)),
        replace_with_the_same_size_and_time,
    ],
)
def test_each_change_of_a_file_counts(folder, change):
    before = of_folder(folder)
    change(folder / "bee" / "1.png")
    assert of_folder(folder) != before


def test_the_place_counts_and_not_the_way_to_it(folder, tmp_path_factory):
    copy, link = tmp_path_factory.mktemp("other"), tmp_path_factory.mktemp("more") / "link"
    shutil.copytree(folder, copy, dirs_exist_ok=True, copy_function=os.link)  # the same files, sizes and times
    link.symlink_to(folder)
    assert of_folder(copy) != of_folder(folder) == of_folder(link)


def test_random_transforms_and_unknown_datasets_have_none(folder):
    with pytest.raises(Unknown, match="RandomHorizontalFlip may draw random numbers"):
        of_folder(folder, transforms=[dict(type="RandomHorizontalFlip")])

    class Own(ImageFolder):
        def load(self, index):
            return super().load(0)

    class OwnToy(ToyImages):
        def load(self, index):
            return super().load(0)

    for dataset in (Own(str(folder)), OwnToy(3, 8), torch.utils.data.TensorDataset(torch.zeros(1))):
        with pytest.raises(Unknown, match="does not say which files it reads"):
            of_dataset(dataset)


def test_a_missing_file_has_none(folder):
    dataset = ImageFolder(str(folder))
    (folder / "ant" / "0.png").unlink()
    with pytest.raises(Unknown):
        of_dataset(dataset)


def test_toy_pictures_depend_on_all_arguments():
    settings = [{}, dict(img_size=16), dict(split="val"), dict(seed=1), dict(channels=1), dict(num_classes=4)]
    hashes = {of_dataset(ToyImages(**{"num_images": 8, "img_size": 8, **each})) for each in settings}
    assert len(hashes) == len(settings)


class Opaque(nn.Identity):
    def extra_repr(self):
        return repr(object())


def test_weights_buffers_settings_and_structure_of_a_module_count():
    torch.manual_seed(0)
    vit = ViT(ARCH, img_size=16, patch_size=8)
    plain = of_module(vit, dict(type="ViT"))
    assert of_module(vit, dict(type="ViT")) == plain != of_module(vit, dict(type="ViT", out_type="cls"))
    with torch.no_grad():
        vit.blocks[0].mlp.fc1.weight[3, 2] += 1e-6
    assert of_module(vit, dict(type="ViT")) != plain
    assert of_module(ImagePreprocessor()) != of_module(ImagePreprocessor(std=(58, 57, 57)))
    assert of_module(nn.GELU()) != of_module(nn.GELU("tanh"))
    with pytest.raises(Unknown, match="by its address"):
        of_module(Opaque())
    with pytest.raises(Unknown, match="settings of ViT hold more than plain values"):
        of_module(vit, dict(norm=nn.LayerNorm))


def test_the_source_of_an_encoder_counts(tmp_path, monkeypatch):
    source = "from torch import nn\n\nclass Mine(nn.Identity):\n    pass\n"
    (tmp_path / "my_encoder.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import my_encoder

    before = of_code([my_encoder.Mine()])
    assert of_code([my_encoder.Mine()]) == before != of_code([nn.Identity()])
    (tmp_path / "my_encoder.py").write_text(source + "    other = True\n", encoding="utf-8")
    assert of_code([my_encoder.Mine()]) != before
    sys.modules.pop("my_encoder")
    with pytest.raises(Unknown, match="the source of Mine is in no file"):
        of_code([my_encoder.Mine()])


def test_the_source_of_mmmim_counts(tmp_path, monkeypatch):
    before = of_code([])
    (tmp_path / "__init__.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(fingerprint, "__file__", str(tmp_path / "evaluation" / "fingerprint.py"))
    fingerprint._own_code.cache_clear()
    assert of_code([]) != before
    monkeypatch.undo()
    fingerprint._own_code.cache_clear()
    assert of_code([]) == before
