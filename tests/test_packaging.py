from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
# Imported only to be compared with (tools/benchmark.py says how to install it), or to give a user of it its own type.
PEERS = {"mmmim/benchmark/peer.py": {"mmpretrain"}, "mmmim/apis/embedding.py": {"pandas"}}
IMPORT_NAMES = {  # distribution -> the name it is imported by, where the two differ
    "onedl-mmengine": "mmengine",
    "onedl-mmcv": "mmcv",
    "onedl-mmsegmentation": "mmseg",
    "onedl-mmdetection": "mmdet",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
}


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(extra: str | None = None) -> list[Requirement]:
    """The project's own requirements; with `extra`, those that this extra adds."""
    lines = project()["dependencies"] if extra is None else project()["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def locked() -> dict[str, list[str]]:
    """Distribution -> its locked versions (several where Python versions differ)."""
    versions: dict[str, list[str]] = {}
    for line in (ROOT / "requirements/lock.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement = Requirement(line)
            (specifier,) = requirement.specifier
            assert specifier.operator == "=="
            versions.setdefault(canonicalize_name(requirement.name), []).append(specifier.version)
    return versions


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_mmmim_loads_no_framework():
    out = run_python(
        "import sys, mmmim; print(*sorted({'torch','timm','mmengine','mmcv','mmseg','mmdet'} & set(sys.modules)))"
    )
    assert out.split() == []


@pytest.mark.parametrize("package", ["models", "datasets", "engine", "evaluation", "visualization", "compat"])
def test_pretraining_never_imports_the_dense_frameworks(package):
    out = run_python(
        f"import sys, mmmim.{package}; print(*sorted({{'mmseg','mmdet','pycocotools','pyarrow'}} & set(sys.modules)))"
    )
    assert out.split() == [], f"mmmim.{package} must import without the extras"


def test_models_load_nothing_above_them():
    out = run_python(
        "import sys, mmmim.models; print(*{n.split('.')[1] for n in sys.modules if n.startswith('mmmim.')})"
    )
    assert set(out.split()) <= {
        "checkpoint",
        "compat",
        "errors",
        "models",
        "precision",
        "registry",
        "seeding",
        "version",
    }


def test_every_imported_package_is_declared():
    declared = {IMPORT_NAMES.get(r.name, r.name) for r in requirements()}
    optional = {IMPORT_NAMES.get(r.name, r.name) for e in ("seg", "det", "hf") for r in requirements(e)}
    undeclared = {}
    for path in (ROOT / "mmmim").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                known = declared | optional | {"mmmim"} | PEERS.get(str(path.relative_to(ROOT)), set())
                if top not in sys.stdlib_module_names and top not in known:
                    undeclared.setdefault(top, str(path.relative_to(ROOT)))
    assert not undeclared, f"imported but missing in pyproject.toml: {undeclared}"


def test_ranges_are_open_and_admit_the_lock():
    versions = locked()
    for requirement in (
        requirements() + requirements("seg") + requirements("det") + requirements("hf") + requirements("dev")
    ):
        if requirement.name == "mmmim":
            continue
        assert {s.operator for s in requirement.specifier} == {">="}, f"{requirement} is not an open range"
        name = canonicalize_name(requirement.name)
        assert name in versions, f"{name} is missing in requirements/lock.txt: run `make lock`"
        for version in versions[name]:
            assert requirement.specifier.contains(version), f"the lock has {name} {version}, outside {requirement}"


def test_promised_minimum_versions():
    torch = next(r for r in requirements() if r.name == "torch")
    assert torch.specifier.contains("2.10.0") and not torch.specifier.contains("2.9.1")
    python = SpecifierSet(project()["requires-python"])
    assert [v for v in ("3.9", "3.10", "3.11", "3.12", "3.13") if v in python] == ["3.10", "3.11", "3.12"]


def test_pretraining_installs_without_the_dense_frameworks():
    base = {r.name for r in requirements()}
    assert base.isdisjoint({"onedl-mmsegmentation", "onedl-mmdetection"})
    assert [r.name for r in requirements("seg")] == ["onedl-mmsegmentation"]
    assert [r.name for r in requirements("det")] == ["onedl-mmdetection"]
    assert [r.name for r in requirements("hf")] == ["pyarrow"]
    assert requirements("export")[0].name == "transformers"
    (everything,) = requirements("all")
    assert everything.name == "mmmim" and everything.extras == {"seg", "det", "hf", "export", "tensorboard"}


def test_lock_has_names_and_versions_only():
    lines = (ROOT / "requirements/lock.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[\w.+!]+( ; .+)?", line.strip()), line


def test_lock_needs_no_display_library():
    """opencv-python links libGL and libxcb, which a fresh server lacks; the headless build serves."""
    assert "opencv-python-headless" in locked()
    assert "opencv-python" not in locked()


def test_no_machine_path_and_no_index_address_in_the_repository():
    machine = re.compile(
        "|".join(["/ho" + "me/", "/ro" + r"ot/", "/Use" + "rs/", r"(?<![\w.])/wo" + r"rk/", "/opt/py" + "pi"])
    )
    index = re.compile("index" + "-url|find" + r"-links|://[^\s\"'`]*pypi[^\s\"'`]*/sim" + "ple", re.IGNORECASE)
    offending = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if machine.search(line) or index.search(line):
                offending.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not offending, "\n".join(offending)


def test_licence_is_apache():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "END OF TERMS AND CONDITIONS" in text
    assert project()["license"] == "Apache-2.0"


def test_version_has_one_source_and_a_changelog_entry():
    from mmmim import __version__

    assert "version" not in project() and project()["dynamic"] == ["version"]
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_names_this_version():
    from mmmim import __version__

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["version"] == __version__
    assert citation["license"] == project()["license"]


def test_ci_runs_the_documented_test_command():
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111, ".ci/run is not executable"
    assert re.search(r"^make test\b", script.read_text(encoding="utf-8"), re.MULTILINE)
