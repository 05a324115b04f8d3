"""A work directory of a run that stopped before its end."""

from pathlib import Path

import torch


def stopped(folder: Path, done: int, last: int = 10) -> Path:
    """Write what a run leaves that stopped after ``done`` of ``last`` iterations."""
    info = dict(max_iters=last)
    content = dict(meta=dict(iter=done), state_dict={}, optimizer={}, message_hub=dict(runtime_info=info))
    torch.save(content, folder / "rolling.pth")
    (folder / "last_checkpoint").write_text("rolling.pth", encoding="utf-8")
    torch.save({}, folder / "best_top1_epoch_1.pth")
    return folder
