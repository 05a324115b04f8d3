"""The metafiles against the files, configs and tables they speak of."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from mmengine.config import Config

from mmmim.apis.zoo import zoo
from mmmim.reproduce.tables import iter_rows

ROOT = Path(__file__).resolve().parents[1]
INDEX = yaml.safe_load((ROOT / "model-index.yml").read_text(encoding="utf-8"))["Import"]
METRIC_OF = {
    ("Linear Probe", "Top 1 Accuracy"): "linear",
    ("Image Classification", "Top 1 Accuracy"): "finetune",
    ("Object Detection", "box AP"): "bbox_mAP",
    ("Instance Segmentation", "mask AP"): "segm_mAP",
    ("Semantic Segmentation", "mIoU"): "mIoU",
}


def read(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


MODELS = [(path, model) for path in INDEX for model in read(path)["Models"]]


@pytest.fixture(params=MODELS, ids=[model["Name"] for _, model in MODELS])
def entry(request: pytest.FixtureRequest) -> tuple[str, dict]:
    return request.param


def test_the_index_lists_every_metafile() -> None:
    assert sorted(INDEX) == sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("configs/*/metafile.yml"))


@pytest.mark.parametrize("path", INDEX)
def test_collections_have_a_readme_and_models(path: str) -> None:
    collections = read(path)["Collections"]
    for collection in collections:
        assert (ROOT / collection["README"]).is_file()
        assert collection["Paper"]["URL"].startswith("https://")
    assert {model["In Collection"] for model in read(path)["Models"]} == {c["Name"] for c in collections}


def test_names_follow_the_configs(entry: tuple[str, dict]) -> None:
    path, model = entry
    config = Path(model["Config"])
    assert model["Name"] == f"{Path(path).parent.name}_{config.stem}"
    for file in (model["Config"], *model.get("Downstream", [])):
        assert (ROOT / file).is_file(), file


def test_recipe_equals_the_config(entry: tuple[str, dict]) -> None:
    _, model = entry
    config = Config.fromfile(ROOT / model["Config"])
    told = model["Metadata"]
    assert told["Epochs"] == config.train_cfg.max_epochs
    assert told["Batch Size"] == config.auto_scale_lr.recipe_batch_size
    assert float(told["Base LR"]) == config.optim_wrapper.optimizer.lr
    accumulated = config.train_dataloader.batch_size * config.optim_wrapper.get("accumulative_counts", 1)
    assert told["Batch Size"] % accumulated == 0


def test_every_entry_is_a_model_of_the_zoo(entry: tuple[str, dict]) -> None:
    _, model = entry
    (found,) = [each for each in zoo() if each.config == model["Config"]]  # reading checks hash, size and licence
    assert found.epochs == model["Metadata"]["Epochs"] and found.method == model["In Collection"]
    assert (found.weights is None) == (model["Weights"] is None)


def test_published_results_are_those_of_the_tables(entry: tuple[str, dict]) -> None:
    path, model = entry
    published: dict[str, set[float]] = {}
    for _, row in iter_rows(Path(path).parent.name):
        if row.config == Path(model["Config"]).name and not row.overrides:
            for metric, number in row.published.items():
                published.setdefault(metric, set()).add(number)
    for result in model["Results"] or []:
        if result["Source"] == "ours":
            continue
        for name, number in result["Metrics"].items():
            assert number in published[METRIC_OF[result["Task"], name]], (result["Task"], number)
