"""Runs the console blocks of a page, in a world of its own, and compares what appears with what is written.

A page may say, in comments that no reader sees:

- ``<!-- before``, lines that begin with ``$``, ``-->``: commands that are run without being shown;
- ``<!-- not run: REASON -->``: the next block is not run, for one of the reasons in ``REASONS``;
- ``<!-- one command -->``: what looks like commands further down in the next block is output of the first;
- ``<!-- file: PATH -->``: the next block of any language is written to that file.

A page with a ``pyproject.toml`` that names an entry point is run with that plugin installed, made of the page's
own blocks. A line ``...`` in an output stands for any lines.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import termios
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from doc_pages import DOCS, ROOT, blocks
from support.screen import left_on_screen

PROGRAMS = ("cat", "chmod", "env", "git", "grep", "mkdir", "printf", "rm", "sh", "tmux", "touch")
NOT_EVERYWHERE = ("systemd-analyze",)
_PIECE = re.compile(
    r"<!-- before\n(?P<before>.*?)^-->$|<!-- not run: (?P<reason>[^\n]*?) -->|<!-- file: (?P<file>\S+) -->"
    r"|(?P<one><!-- one command -->)|^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
CLIENTS = frozenset({"codex", "gemini", "opencode"})
"""Agents that are nothing without a client of their own."""

_REPEATABLE = re.compile(r"rouser (ls|show|logs|doctor|plugins)\b|cat |grep |.*\| ")
_INSTALLERS = re.compile(r"(\S*/)?(pip|apt|pipx) install |python3 -m venv |ln -s ")


def _runs_claude_code(line: str) -> bool:
    return line.startswith("rouser spawn ") and "--agent" not in line


def _runs_another_agent(line: str) -> object:
    named = re.search(r" --agent (\S+)", line)
    if line.startswith("rouser spawn ") and named and named[1] in CLIENTS:
        return True
    command = line.partition(" -- ")[2].split()
    return line.startswith("rouser spawn ") and command and command[0] not in PROGRAMS


def _is_checked_by_ci(line: str) -> bool:
    steps = (step.removeprefix("counted ") for step in (ROOT / ".ci" / "run").read_text().splitlines())
    return line.startswith("make ") and line in steps


REASONS: dict[str, Callable[[str], object]] = {
    "it needs an account with Claude Code": _runs_claude_code,
    "it needs an agent that is installed separately": _runs_another_agent,
    "it installs something": lambda line: _INSTALLERS.match(line) or _runs_claude_code(line),
    "it needs a Slurm cluster": re.compile(r"rouser (spawn .*--runtime slurm|(ls|attach|send|restore|kill)\b)").match,
    "it needs conversations that were started by hand": re.compile(r"rouser (discover|adopt)\b").match,
    "it is a step of .ci/run": _is_checked_by_ci,
    "it takes minutes, and what it prints depends on the machine": re.compile(r"make bench").match,
    "it changes what the machine starts": re.compile(r"(systemctl --user|journalctl --user|loginctl) ").match,
}
"""What a block may not be run for, and how to tell that a line of it really is of that sort."""


@dataclass(frozen=True)
class Step:
    """A command line, and what the page says that it prints; None: the page does not show it."""

    line: str
    output: list[str] | None


@dataclass(frozen=True)
class File:
    """A block that a page says is a file."""

    path: str
    text: str


@dataclass
class Story:
    """What there is to do for a page, in its order, and the blocks that are left out with their reasons."""

    steps: list[Step | File] = field(default_factory=list)
    left_out: list[tuple[str, list[Step]]] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)


def story_of(page: Path) -> Story:
    """Return what a page tells; what is said of the next block and has none is a stray."""
    story, said = Story(), dict[str, str]()
    if page.parent == DOCS / "commands":
        said["synopsis"] = "test_a_command_page_begins_with_its_synopsis"
    for piece in _PIECE.finditer(page.read_text()):
        if piece["language"] is None:
            said |= {key: text for key, text in piece.groupdict().items() if text}
            if before := said.pop("before", ""):
                story.steps += steps_in(before)
        else:
            said = _told(story, said, piece["language"], piece["text"])
    story.stray += said.values()
    return story


def _told(story: Story, said: dict[str, str], language: str, text: str) -> dict[str, str]:
    """Add a block to the story, as what was said before it demands; return what is left of that."""
    if "file" in said:
        story.steps.append(File(said.pop("file"), text))
    elif language == "console":
        if reason := said.get("reason"):
            story.left_out.append((reason, steps_in(text)))
        elif "synopsis" not in said:
            story.steps += steps_in(text, one="one" in said)
        return {}
    elif "reason" in said:
        story.stray.append(said["reason"])
    return said


def steps_in(text: str, *, one: bool = False) -> list[Step]:
    """Return the commands behind ``$``, each with the lines below it; a block of commands alone shows no output.

    :param one: only the first is a command.
    """
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ ") and not (one and found):
            found.append((line.removeprefix("$ "), []))
        elif found:
            found[-1][1].append(line)
    shows = any(output for _, output in found)
    return [Step(line, output if shows else None) for line, output in found]


class Stage:
    """A home with a repository, and nothing on ``PATH`` but rouser and a few programs.

    :param patience: how many seconds a look at something may go on until it is as the page shows it.
    """

    def __init__(self, page: Path, patience: float = 15) -> None:
        self.patience = patience
        self.root = Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp")).resolve()
        self.home = self.root / "home"
        self.directory = self.home / "shop"
        self.tmux = self.root / "t"
        for path in (self.directory, self.tmux, self.root / "bin"):
            path.mkdir(mode=0o700, parents=True)
        (self.root / "bin" / "rouser").symlink_to(Path(sys.executable).parent / "rouser")
        (self.root / "bin" / "python3").symlink_to(Path(sys.executable).resolve())
        for program in (*PROGRAMS, *NOT_EVERYWHERE):
            if found := shutil.which(program):
                (self.root / "bin" / program).symlink_to(found)
        self.environment = self._environment()
        self.ids: dict[str, str] = {}
        install(page, self.root / "site")
        for line in ("git init -q -b main", "touch README", "git add README", "git commit -q -m Start"):
            subprocess.run(line.split(), cwd=self.directory, env=self.environment, check=True, timeout=30)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in {"LANG", "LC_ALL", "USER", "TZ"}}
        role = {"NAME": "you", "EMAIL": "you@example.org"}
        identity = {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in role.items()}
        return {
            **kept,
            **identity,
            "HOME": str(self.home),
            "PATH": str(self.root / "bin"),
            "PYTHONPATH": str(self.root / "site"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "TMUX_TMPDIR": str(self.tmux),
            "NO_COLOR": "1",
            "COLUMNS": "110",
            "TERM": "xterm",
        }

    def play(self, step: Step | File) -> None:
        """Do what the page says, and fail if it does not lead to what the page shows."""
        if isinstance(step, File):
            path = self.home / step.path.removeprefix("~/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text)
        elif step.line.startswith("cd "):
            self.directory /= step.line.removeprefix("cd ").replace("~", str(self.home))
        elif step.line.startswith("export "):
            name, _, value = step.line.removeprefix("export ").partition("=")
            self.environment[name] = value.replace("$HOME", str(self.home)).replace("$PATH", self.environment["PATH"])
        elif step.line.startswith(NOT_EVERYWHERE) and not shutil.which(step.line.split()[0]):
            pass
        else:
            self._run(step)

    def _run(self, step: Step) -> None:
        deadline = time.monotonic() + self.patience
        line = re.sub(ID, lambda found: self.ids.get(found[0], found[0]), step.line)
        while True:
            code, shown = self._in_a_terminal(line)
            told = step.output is None or self._fits(step.output, shown)
            failed = code != 0 and "error: " not in shown and "✗ " not in shown
            if told and not failed:
                self.ids.update(zip(re.findall(ID, "".join(step.output or ())), re.findall(ID, shown), strict=False))
                return
            if not _REPEATABLE.match(step.line) or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        wanted = "" if step.output is None else "\n".join(step.output)
        raise AssertionError(f"$ {step.line}\nexit code {code}, and it prints\n{shown}\nwhere the page has\n{wanted}")

    def _fits(self, wanted: list[str], shown: str) -> bool:
        pattern = "".join("(.*\n)*?" if line == "..." else re.escape(line) + "\n" for line in self._blurred(wanted))
        return re.fullmatch(pattern, "".join(f"{line}\n" for line in self._blurred(shown.splitlines()))) is not None

    def _blurred(self, lines: list[str]) -> list[str]:
        """Return lines without what differs from one run to the next."""
        text = "\n".join(line.rstrip() for line in lines).strip()
        text = text.replace(f"{self.tmux}/tmux-{os.getuid()}/", "/tmp/tmux-1000/")
        text = text.replace(str(self.home), "/home/you").replace(str(self.root / "bin"), "/usr/bin")
        for pattern, word in BLURRED:
            text = re.sub(pattern, word, text)
        return [" ".join(line.split()) for line in text.splitlines()]

    def _in_a_terminal(self, line: str) -> tuple[int, str]:
        """Run a command line in a terminal of its own; return its exit code and what appears there."""
        attaches = line.startswith("rouser attach ") and "|" not in line
        ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (40, 110))
        process = subprocess.Popen(
            ["sh", "-c", line],
            cwd=self.directory,
            env=self.environment,
            stdin=theirs if attaches else subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            shown = read_until_closed(ours, self._detach if attaches else None)
            return process.wait(timeout=60), last_screen(shown) if attaches else shown
        finally:
            os.close(ours)
            process.kill()
            process.wait()

    def end(self) -> None:
        """Remove the sessions, end the tmux server, remove the files."""
        shown = self.quietly("rouser", "ls", "--json", "--no-probe")
        for item in json.loads(shown or "[]"):
            self.quietly("rouser", "rm", "--force", item["id"])
        self.quietly("tmux", "kill-server")
        shutil.rmtree(self.root)

    def _detach(self) -> None:
        """Do what a reader does with two keys, which tmux would take for pasted text if they came at once."""
        self.quietly("tmux", "detach-client", "-s", "=login")

    def quietly(self, *argv: str) -> str:
        """Run a program and return what it writes to its standard output, whatever its exit code."""
        done = subprocess.run(
            argv, cwd=self.home, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout


ID = r"\b[0-9a-f]{8}\b"
BLURRED = (
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UUID"),
    (ID, "ID"),
    (r"\b(attach|kill|logs|restore|rm|send|show) [0-9a-f]{3,7}\b", r"\1 ID"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?", "TIME"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d|(?<= of )\d\d:\d\d", "TIME"),
    (r"\b[0-9a-f]{12}\b", "COMMIT"),
    (r"\b\d+(\.\d+)? s\b", "SECONDS"),
    (r"\b\d+[smh]\b", "AGE"),
    (r"\b\d+(\.\d+)?e-\d+|\b\d+\.\d{3,}", "NUMBER"),
    (r"\b(tmux|git) \d[\w.]*", r"\1 VERSION"),
    (r"\$\d+:@\d+\.%\d+", "PANE"),
)
"""What differs from one run to the next, and what stands for it in a comparison."""


def read_until_closed(terminal: int, answer: Callable[[], object] | None) -> str:
    """Return all that appears on a terminal; once anything has, do ``answer``."""
    deadline, seen = time.monotonic() + 60, b""
    while select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
        try:
            seen += os.read(terminal, 4096)
        except OSError:  # the other end was closed
            return left_on_screen(seen.decode())
        if answer is not None:
            answer()
            answer = None
    raise AssertionError(f"still not done after 60 s: {seen!r}")


def last_screen(shown: str) -> str:
    """Return what is left on a terminal after a program that had all of it."""
    return re.sub(r"\x1b[\[\]()?>=][0-9;?]*[a-zA-Z]?", "", shown.rpartition("\x1b[?1049l")[2]).strip()


def install(page: Path, site: Path) -> None:
    """Lay out the distribution that a page is about, as pip would, in a directory for ``PYTHONPATH``."""
    site.mkdir()
    for text in blocks(page, "toml"):
        project = tomllib.loads(text).get("project", {})
        for name, value in project.get("entry-points", {}).get("rouser", {}).items():
            module, _, thing = value.partition(":")
            defines = re.compile(rf"^(class )?{thing}\b", re.MULTILINE)
            source = next(block for block in blocks(page, "python") if defines.search(block))
            (site / f"{module}.py").write_text(source)
            metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
            metadata.mkdir()
            (metadata / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
            (metadata / "entry_points.txt").write_text(f"[rouser]\n{name} = {value}\n")
