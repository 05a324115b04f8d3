"""Every command, path, link and snippet of every Markdown page is one that works."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
from argparse import Namespace
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from markdown_commands import Command, anchors, blocks, commands, links, named_files, tracked_pages

from mmmim.commands import launch, scripts
from mmmim.commands.main import verbs

ROOT = Path(__file__).resolve().parents[1]
TOOLS = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tools").rglob("*.py"))]
# first words of commands that are not ours to check
FOREIGN = {"apt", "cat", "cd", "eval", "git", "ls", "mim", "pip", "source", "tensorboard", "unzip", "uv"}
FOLDERS = ("configs/", "tools/", "projects/", "docs/", "tests/", "mmmim/", "requirements/")
LAUNCHERS = {"dist": 0, "slurm": 2}  # words before CONFIG: none; PARTITION and JOB
CHEAP = {"--dry-run", "--list", "--help"}
SHELL = {"|", ">", "&&", ";", "\n"}


PAGES = tracked_pages(ROOT)
each_page = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])


def make_variables_and_verbs() -> tuple[set[str], set[str]]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^(\w+) \?=", text, re.M)), set(re.findall(r"^\.PHONY: (\S+)", text, re.M))


@cache
def tool(path: str) -> ModuleType:
    name = Path(path).stem
    if (ROOT / f"mmmim/commands/{name}.py").is_file():
        return importlib.import_module(f"mmmim.commands.{name}")
    spec = importlib.util.spec_from_file_location(f"tool_{name}", ROOT / path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look up their annotations
    spec.loader.exec_module(module)
    return module


def check_arguments(path: str, arguments: list[str]) -> str | None:
    """The complaint of the tool's own parser and of its check of --cfg-options, if there is one."""
    arguments = ["2" if word in ("N", "GPUS", "SEED") else word for word in arguments]
    stderr = io.StringIO()
    try:
        with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(io.StringIO()):
            args = tool(path).parse_args(arguments)
    except SystemExit as stop:
        return stderr.getvalue() if stop.code else None
    if path == "tools/reproduce.py":
        return check_row(args)
    config = getattr(args, "config", None)
    if config and getattr(args, "cfg_options", None) and (ROOT / config).is_file():
        from mmengine.config import Config

        from mmmim.config.keys import check_options
        from mmmim.datasets.data_option import as_folders

        cfg = Config.fromfile(str(ROOT / config))
        try:
            check_options(as_folders(cfg) if getattr(args, "data", None) else cfg, args.cfg_options)
        except ValueError as error:
            return str(error)
    return None


def check_row(args: Namespace) -> str | None:
    """Whether tools/reproduce.py would find the table and the row."""
    from mmmim.reproduce.tables import find_table, load_tables

    if args.page:
        return None
    try:
        tables = load_tables(args.method)
        if args.table and re.search("[a-z]", args.table):
            table = find_table(args.table, tables)
            for row in args.row:
                if re.search("[a-z]", row):
                    table.row(row)
    except ValueError as error:
        return str(error)
    return None


def check_launcher(script: str, arguments: list[str]) -> str | None:
    """tools/dist_train.sh CONFIG GPUS ..., tools/slurm_test.sh PARTITION JOB CONFIG CKPT GPUS ..."""
    kind, verb = Path(script).stem.split("_")
    skip, count = LAUNCHERS[kind], 2 if verb == "test" else 1
    positionals, gpus = arguments[skip : skip + count], arguments[skip + count : skip + count + 1]
    if len(positionals) < count or not gpus or not re.fullmatch(r"\d+|GPUS", gpus[0]):
        return f"{script} needs {skip + count + 1} words, the last of them a number of processes"
    words = positionals + arguments[skip + count + 1 :]
    if kind == "dist":  # the launcher takes its own option out
        words = launch.parse_args(["--processes", "1", *words]).script
    return check_arguments(f"tools/{verb}.py", words)


def check_verb(words: list[str]) -> str | None:
    """The complaint of the parser of ``mmmim VERB ...``."""
    verb, *arguments = words
    if verb in ("--help", "VERB", "completion"):
        return None
    if verb not in verbs():
        return f"mmmim has no verb {verb}"
    path = f"tools/{verb.replace('-', '_')}"
    return (
        check_launcher(f"{path}.sh", arguments) if verb in scripts.VERBS else check_arguments(f"{path}.py", arguments)
    )


def complaint(command: Command) -> str | None:
    """What is wrong with a command, or None."""
    program, *arguments = command.words
    for word in command.words:
        if word.startswith(FOLDERS) and not re.search(r"[A-Z<*{$]", Path(word).name) and not (ROOT / word).exists():
            return f"{word} does not exist"
    if program in FOREIGN or program.startswith(".venv/bin/"):
        return None
    if program == "mmmim":
        return check_verb(arguments)
    if program == "bash" and arguments:
        program, *arguments = arguments
    if program == "make":
        variables, verbs = make_variables_and_verbs()
        unknown = {w for w in arguments if w.split("=")[0] not in (variables if "=" in w else verbs)}
        return f"the Makefile knows no {', '.join(sorted(unknown))}" if unknown else None
    if program in ("python", "python3", "python3.11") and arguments[:1] == ["-m"]:
        return None if importlib.util.find_spec(arguments[1]) else f"no module {arguments[1]}"
    if program == "python" and arguments and arguments[0] in TOOLS:
        return check_arguments(arguments[0], arguments[1:])
    if re.fullmatch(r"(\./)?tools/(dist|slurm)_(train|test)\.sh", program):
        return check_launcher(program, arguments)
    if program == "python" and arguments and (ROOT / arguments[0]).is_file():
        return None
    return f"no test knows the command {program!r}"


@each_page
def test_commands_are_accepted(page):
    wrong = [f"line {c.line}: {c.text}: {why}" for c in commands(page) if (why := complaint(c))]
    assert not wrong, "\n".join(wrong)


@each_page
def test_links_lead_somewhere(page):
    wrong = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            wrong.append(link)
    assert not wrong, f"dead links: {wrong}"


@each_page
def test_named_files_exist(page):
    missing = sorted({name for name in named_files(page) if not (ROOT / name).exists()})
    assert not missing, f"files that do not exist: {missing}"


@each_page
def test_every_block_names_its_language(page):
    """A block without a language would escape the checks of commands and snippets."""
    for block in blocks(page.read_text(encoding="utf-8")):
        told = block.language or not re.search(r"^\s*(make|python|bash) ", block.body, re.M)
        assert told, f"line {block.line}: name the language of the block: bash, python, text, ..."


def test_readme_starts_with_the_two_commands():
    first = next(
        block for block in blocks((ROOT / "README.md").read_text(encoding="utf-8")) if block.language == "bash"
    )
    assert "make demo" in first.body and "make test" in first.body


def test_index_names_every_page():
    index = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in links(ROOT / "docs/index.md")}
    pages = [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs/migration").iterdir(), *(ROOT / "docs/reference").iterdir()]
    missing = [page.name for page in pages if page.name not in ("index.md", "README.md") and page not in index]
    assert not missing, f"docs/index.md does not link {missing}"


def test_make_help_lists_every_verb():
    _, verbs = make_variables_and_verbs()
    listed = subprocess.run(["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    assert set(re.findall(r"make (\S+)", listed)) == verbs


@pytest.mark.parametrize("path", [path for path in TOOLS if '"__main__"' in (ROOT / path).read_text(encoding="utf-8")])
def test_tools_print_their_help(path, capsys):
    parse_args = getattr(tool(path), "parse_args", None)
    if parse_args is None:  # a tool without options
        assert tool(path).__doc__
        return
    with pytest.raises(SystemExit) as stop:
        parse_args(["--help"])
    assert not stop.value.code and len(capsys.readouterr().out.splitlines()) > 3


def cheap_commands() -> list[object]:
    """Commands that need nothing put in and print a plan or a list; the first of its kind is a quick test."""
    found: dict[str, object] = {}
    kinds = set()
    for command in (command for page in PAGES for command in commands(page)):
        called = [word for word in command.words[:2] if word.startswith(("tools/", "mmmim"))]
        flags = CHEAP & set(command.words)
        if not (called and flags) or command.has_placeholder or command.text in found or complaint(command):
            continue
        kind = (*called, *sorted(flags))
        found[command.text] = pytest.param(command.text, marks=[pytest.mark.slow] if kind in kinds else [])
        kinds.add(kind)
    return list(found.values())


@pytest.mark.parametrize("text", cheap_commands())
def test_cheap_commands_run(text, run_script, capsys):
    words = shlex.split(text)
    if words[0] == "python" and not set(words) & SHELL:
        assert run_script(*words[1:]) == 0
        assert capsys.readouterr().out.strip()
        return
    command = text.replace("python ", f"{sys.executable} ", 1) if text.startswith("python ") else text
    if words[0] == "mmmim":
        command = f"{sys.executable} -m {command}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stdout.strip()
