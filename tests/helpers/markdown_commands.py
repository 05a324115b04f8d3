"""Read the commands of a Markdown page, so that tests can check them."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^(?P=indent)```\s*$", re.M | re.S)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
COMMAND_STARTS = ("python tools/", "mmmim ", "make ", "bash tools/", "tools/dist_", "tools/slurm_")
PLACEHOLDER = re.compile(r"(?<![\w.])(?:[A-Z][A-Z0-9_]*[A-Z0-9]|[A-Z]|<[^>]+>|\.\.\.)(?![\w.=])|\$\{?\w+|[*{]")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    body: str
    line: int


@dataclass(frozen=True)
class Command:
    """A simple shell command: the words after its environment assignments."""

    words: tuple[str, ...]
    page: Path
    line: int

    @property
    def text(self) -> str:
        """Return the command as one line of shell."""
        return shlex.join(self.words)

    @property
    def has_placeholder(self) -> bool:
        """Return whether the reader has to replace something: DIR, CKPT, <name>, a shell variable, a glob."""
        return any(PLACEHOLDER.search(word) for word in self.words)


def tracked_pages(root: Path) -> list[Path]:
    """Return the Markdown pages that git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(path for name in listed.stdout.splitlines() if (path := root / name).is_file())


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    return [Block(m["language"], m["body"], text.count("\n", 0, m.start()) + 1) for m in FENCE.finditer(text)]


def prose(text: str) -> str:
    """Return the page without its fenced blocks, with the line numbers unchanged."""
    return FENCE.sub(lambda m: "\n" * m[0].count("\n"), text)


def split_commands(script: str) -> list[tuple[str, ...]]:
    """Return the simple commands of a shell script; pipes and lists are split."""
    script = script.replace("\\\n", " ")
    found: list[tuple[str, ...]] = []
    for line in script.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
        lexer.whitespace_split, lexer.commenters = True, "#"
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("|&;"):
                while words and re.match(r"^\w+=", words[0]):
                    words.pop(0)
                if words:
                    found.append(tuple(words))
                words = []
            elif not re.match(r"^\d*[<>]", word):
                words.append(word)
    return found


def commands(page: Path) -> list[Command]:
    """Return the commands of the page's bash blocks, and those that its prose quotes in backticks."""
    text = page.read_text(encoding="utf-8")
    found = [
        Command(words, page, block.line)
        for block in blocks(text)
        if block.language == "bash"
        for words in split_commands(block.body)
    ]
    body = prose(text)
    for quoted in INLINE.finditer(body):
        if quoted[1].startswith(COMMAND_STARTS) and " " in quoted[1]:
            line = body.count("\n", 0, quoted.start()) + 1
            found += [Command(words, page, line) for words in split_commands(quoted[1])]
    return found


def links(page: Path) -> list[str]:
    """Return the targets of the links of a page."""
    return re.findall(r"\]\(([^)\s]+)\)", INLINE.sub("", prose(page.read_text(encoding="utf-8"))))


def anchors(page: Path) -> set[str]:
    """Return the names by which GitHub links to the headings of a page."""
    titles = re.findall(r"^#+ +(.+?) *$", prose(page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def named_files(page: Path) -> list[str]:
    """Return the files of the repository that the page names in full, in prose or in a block."""
    pattern = (
        r"(?<![\w./-])(?:configs|tools|projects|docs|tests|mmmim|requirements)/[\w./{},*<>-]+\.(?:py|sh|md|txt|yml)\b"
    )
    return [
        name
        for name in re.findall(pattern, page.read_text(encoding="utf-8"))
        if not re.search(r"[{}*<>]|METHOD|TASK|NAME", name)
    ]
