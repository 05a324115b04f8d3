from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmmim.reproduce.stages import StageFailed

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo():
    from mmmim.commands import demo

    return demo


SUMMARY = dict(
    pretrain_loss_first=2.1,
    pretrain_loss_last=1.2,
    probe_acc_pretrained=70.0,
    probe_acc_random_init=48.5,
    seg_loaded="76/76",
    seg_miou=71.2,
    det_loaded="76/76",
    det_map=0.41,
    det_mask_map=0.38,
    seconds=dict(pretrain=90.0, probe=20.0, segmentation=60.0, detection=80.0, picture=9.0, report=9.0, total=210.0),
    cores=2,
)


def test_summary_names_every_result_and_the_time(demo):
    text = demo.table(SUMMARY, Path("work_dirs/demo"))
    for part in (
        "2.100 -> 1.200",
        "70.0 % pre-trained, 48.5 % untrained (+21.5)",
        "76/76",
        "71.2",
        "0.410",
        "210 s",
        "report.html",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (dict(), None),
        (dict(pretrain_loss_last=2.1), "did not fall"),
        (dict(probe_acc_random_init=70.0), "probes no better"),
        (dict(seg_loaded="75/76"), "seg: only 75 of 76"),
        (dict(det_loaded="0/0"), "det: only 0 of 0"),
    ],
)
def test_a_run_that_shows_nothing_is_a_problem(demo, change, complaint):
    found = demo.problems({**SUMMARY, **change})
    assert len(found) == (complaint is not None)
    assert complaint is None or complaint in found[0]


def test_values_come_from_the_log_of_the_run_in_order(demo, tmp_path):
    for stamp, losses in (("20260101_000000", [3.0, 2.0]), ("20260102_000000", [1.5])):
        folder = tmp_path / stamp / "vis_data"
        folder.mkdir(parents=True)
        rows = [json.dumps(dict(loss=loss, step=step)) for step, loss in enumerate(losses)]
        (folder / "scalars.json").write_text("\n".join([*rows, json.dumps(dict(mIoU=50.0))]) + "\n", encoding="utf-8")
    assert demo.logged(tmp_path, "loss") == [3.0, 2.0, 1.5]
    with pytest.raises(StageFailed, match="logged no 'mAP'"):
        demo.logged(tmp_path, "mAP")


def test_seeds_are_summed_up_by_mean_and_spread(demo):
    results = [(70.0, 50.0), (72.0, 49.0), (74.0, 51.0)]
    summary = demo.summarize_seeds([dict(probe_acc_pretrained=a, probe_acc_random_init=b) for a, b in results])
    assert summary["probe_acc_pretrained_mean"] == 72.0 and summary["spread_pretrained"] == 2.0
    assert summary["probe_acc_random_init_mean"] == 50.0 and summary["margin"] == 22.0
