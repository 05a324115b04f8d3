import os
import socket
from pathlib import Path

import pytest
from mmengine.registry import init_default_scope
from pictures import broken, class_folder, picture
from PIL import Image
from small_packs import pack

from mmmim.datasets.toy_layouts import write_ade20k, write_coco

__all__ = ["broken", "class_folder", "picture"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(12):
        file = tmp_path / "images" / f"class{number % 2}" / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(file)
    return tmp_path / "images"


@pytest.fixture
def strange(folder: Path) -> Path:
    os.mkfifo(folder / "class0" / "pipe.jpg")
    (folder / "class0" / "loop.jpg").symlink_to("loop.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "class0" / "nothing.jpg").symlink_to("not there.jpg")
    (folder / "class0" / "device.jpg").symlink_to("/dev/null")
    (folder / "class1" / "again").symlink_to(folder)
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)  # paths of sockets are short
        server.bind("socket.jpg")
        os.chdir(here)
    return folder


@pytest.fixture(scope="module")
def ade(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy") / "ade"
    write_ade20k(root, num_train=8, num_val=4)
    return root


@pytest.fixture(scope="module")
def coco(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy") / "coco"
    write_coco(root, num_train=8, num_val=4)
    return root


@pytest.fixture
def scope():
    yield init_default_scope
    init_default_scope("mmmim")


@pytest.fixture
def packed(class_folder: Path, tmp_path: Path) -> Path:
    pack(class_folder, tmp_path / "pack")
    return tmp_path / "pack"
