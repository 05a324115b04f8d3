from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import mmmim
from mmmim.apis import zoo
from mmmim.errors import UsageError

pytestmark = pytest.mark.usefixtures("own_cache_folder")


def test_models_are_listed_by_name() -> None:
    names = mmmim.list_models()
    assert {"mae/vit-b_800e", "simmim/swin-b_100e", "cim/resnet-tiny_respix_toy"} <= set(names)
    assert names == sorted(names) and not any("downstream" in name or "tables" in name for name in names)
    assert mmmim.list_models("mae/*toy*") == ["mae/vit-tiny_toy"]
    assert mmmim.list_models("mae/nothing*") == []
    assert mmmim.list_models(pretrained=True) == [model.name for model in zoo.zoo() if model.weights is not None]


def test_a_list_needs_no_torch() -> None:
    code = "import sys, mmmim; assert mmmim.list_models(); print('torch' in sys.modules, 'mmengine' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["False", "False"]


def test_models_without_an_entry_are_known_by_their_name() -> None:
    known = {model.name: model for model in zoo.zoo()}
    toy, generator = known["beyond_masking/vit-tiny_blurred_toy"], known["cim/vit-b_generator_300e"]
    assert (toy.method, toy.backbone, toy.epochs) == ("Beyond Masking", "vit-tiny", None)
    assert (generator.method, generator.backbone, generator.epochs) == ("CIM", "vit-b", 300)
    root = Path(zoo.__file__).parents[2]
    assert all((root / model.config).is_file() for model in known.values())


def test_what_a_metafile_says_agrees_with_the_name_of_the_config() -> None:
    described = [model for model in zoo.zoo() if model.results]
    assert described
    for model in described:
        assert re.search(rf"_{model.epochs}e$", model.name), model


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Weights SHA256": "1234"}, "Weights SHA256 '1234' is no hash"),
        ({"Weights Size": "12 MB"}, "Weights Size '12 MB' is no number of bytes"),
        ({"Weights License": " "}, "Weights License ' ' names no licence"),
    ],
)
def test_wrong_facts_of_weights_are_named(
    changes: dict[str, object], message: str, publish: Callable[..., Path]
) -> None:
    with pytest.raises(UsageError, match=rf"metafile.yml: the entry 'mae_vit-tiny_toy': {message}"):
        publish(**changes)


@pytest.mark.parametrize("missing", ["Weights SHA256", "Weights Size", "Weights License", "Epochs"])
def test_a_metafile_that_lacks_something_is_named(missing: str, publish: Callable[..., Path], tmp_path: Path) -> None:
    read = zoo.zoo.__wrapped__
    publish()
    file = tmp_path / "project" / "metafile.yml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    del content["Models"][0]["Metadata"][missing]
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(UsageError, match=f"the entry 'mae_vit-tiny_toy' lacks '{missing}'"):
        read(tmp_path / "project")


def test_a_figure_says_whose_it_is(publish: Callable[..., Path], tmp_path: Path) -> None:
    read = zoo.zoo.__wrapped__
    publish()
    model = next(model for model in zoo.zoo() if model.name == "mae/vit-tiny_toy")
    assert model.figures() == "k-NN Top 1 Accuracy 50.0 (ours)"
    file = tmp_path / "project" / "metafile.yml"
    file.write_text(file.read_text(encoding="utf-8").replace("ours", "our"), encoding="utf-8")
    with pytest.raises(UsageError, match="Source='our' is unknown; did you mean 'ours'"):
        read(tmp_path / "project")
