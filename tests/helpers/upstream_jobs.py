"""Run the tools of mmseg or mmdet on several jobs in one process: ``upstream_jobs.py PACKAGE JOBS``.

A job with options calls the framework's ``tools/train.py``; another one its ``tools/test.py`` and its inferencer.
"""

from __future__ import annotations

import json
import runpy
import sys
import time
import traceback
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def run_tool(package: str, name: str, arguments: list[str]) -> None:
    """Run a tool of mmseg or mmdet in this process."""
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    tool = Path(spec.origin).parent / ".mim" / "tools" / f"{name}.py"
    sys.argv = [str(tool), *arguments]
    runpy.run_path(str(tool), run_name="__main__")


def predict(package: str, job: dict[str, Any]) -> Any:
    """Return the inferencer's prediction for an image: shape and range of its labels, or the numbers of its boxes."""
    arguments = dict(model=job["config"], weights=job["checkpoint"], device="cpu", show_progress=False)
    if package == "mmseg":
        from mmseg.apis import MMSegInferencer

        labels = MMSegInferencer(**arguments)(job["image"])["predictions"]
        return [list(labels.shape), int(labels.min()), int(labels.max())]
    from mmdet.apis import DetInferencer

    found = DetInferencer(**arguments)(job["image"], no_save_vis=True)["predictions"][0]
    return [len(found["bboxes"]), len(found["scores"]), len(found.get("masks", []))]


def run_job(package: str, job: dict[str, Any]) -> dict[str, Any]:
    """Run a job and return its prediction or error, and its CPU time."""
    start = time.process_time()
    result: dict[str, Any] = {}
    try:
        if "options" in job:
            arguments = [job["config"], "--work-dir", job["work_dir"], "--cfg-options", *job["options"]]
            run_tool(package, "train", arguments)
        else:
            run_tool(package, "test", [job["config"], job["checkpoint"], "--work-dir", job["work_dir"]])
            result["prediction"] = predict(package, job)
            result["tools"] = [
                name for name in sys.modules if name in ("mmmim.commands.work.train", "mmmim.launch.options")
            ]
    except BaseException:
        result["error"] = traceback.format_exc()
    return dict(result, cpu_seconds=round(time.process_time() - start, 1))


def main() -> None:
    """Run all jobs of the file and write their results to it."""
    package, file = sys.argv[1:]
    jobs = json.loads(Path(file).read_text(encoding="utf-8"))
    for name, job in jobs.items():
        job["result"] = run_job(package, job)
        print(name, json.dumps(job["result"]), flush=True)
        Path(file).write_text(json.dumps(jobs), encoding="utf-8")


if __name__ == "__main__":
    main()
