"""Reading the documentation for the tests: files, code blocks, commands."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: its file, the line it starts on, its language, its text."""

    path: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(ROOT).as_posix()}:{self.line}"


@lru_cache
def documents() -> tuple[Path, ...]:
    """Every Markdown file of the project."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("models/**/*.md")]
    return tuple(sorted(found))


@lru_cache
def blocks(language: str) -> tuple[Block, ...]:
    """Every fenced block of one language."""
    found = []
    for path in documents():
        text = path.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 1
                found.append(Block(path, line, language, match[2]))
    return tuple(found)


def commands(block: Block) -> list[str]:
    """The command lines of a shell block: comments and prompts dropped, continued lines joined."""
    joined = block.text.replace("\\\n", " ")
    lines = [re.sub(r"\s#\s.*$", "", line).strip().removeprefix("$ ") for line in joined.splitlines()]
    return [part.strip() for line in lines if line and not line.startswith("#") for part in line.split("&&")]
