"""Whole commands with hostile words wherever some can be given, on a real tmux and git."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from support.world import World, new_world

from torture.forked import once, warm_up
from torture.payloads import CANARY_FILE, COMMANDS, CORPUS, is_bytes, steers
from torture.tally import Tally

TERMINAL = "The terminal of whoever lists or reads sessions receives no control sequence of theirs"
COMMAND_PARTS = 4

CANARY = "No part of any task, prompt, message, branch, name or path is ever run as a command"


@contextlib.contextmanager
def _watched() -> Iterator[World]:
    world = new_world()
    try:
        warm_up(world)
        yield world
    finally:
        world.end()


def run_commands(tally: Tally, *, part: int, quick: bool) -> None:
    """Give a part of the corpus to whole commands, with a real tmux and git, and look for the canary.

    :param part: which of :data:`COMMAND_PARTS`, counted from 0.
    """
    with _watched() as world:
        payloads = [text for text in CORPUS if is_bytes(text) and len(text) < 1000 and text.strip()]
        for payload in payloads[:: 24 if quick else 1][part::COMMAND_PARTS]:
            _life(tally, world, payload)
        for payload in [text for text in COMMANDS if len(text) < 200][:: 24 if quick else 1][part::COMMAND_PARTS]:
            _in_directory(tally, world, payload)
        if part == 0:
            _large(tally, world)


def _large(tally: Tally, world: World) -> None:
    large = world.root / "large"
    large.write_text("x" * 10_000_000)
    identity = once(world, "spawn", "--json", "--", "/bin/cat").json["id"]
    done = once(world, "send", identity, "--file", str(large), "--wait", "1")
    tally.check(CANARY, 0 <= done.code < 70, f"10 MB end with {done.code}: {done.err[:200]}")
    once(world, "rm", "--force", identity)


def _life(tally: Tally, world: World, payload: str) -> None:
    """Spawn, list, send, read, kill, restore and remove with a payload wherever one can be given."""
    prompt = world.root / "prompt"
    prompt.write_bytes(os.fsencode(payload))
    sets: tuple[tuple[str, ...], ...] = (
        ("spawn", "--json", "--prompt-file", str(prompt), "--", "/bin/cat"),
        ("spawn", "--json", f"task {payload}", "--", "/bin/cat"),
        ("spawn", "--json", f"--branch={payload}", "--", "/bin/cat"),
        ("spawn", "--json", f"--base={payload}", "--", "/bin/cat"),
        ("spawn", "--json", f"--name={payload}", "--", "/bin/cat"),
        ("spawn", "--json", "--", "/bin/sh", "-c", 'printf %s "$0"; exec cat', payload),
    )
    for command in sets:
        done = once(world, *command, env={"HOSTILE": payload})
        unreadable = "--prompt-file" in command and "\udcff" in payload  # no UTF-8, which the option refuses as such
        good = done.code < 70 and (done.code == 2) == unreadable
        tally.check(CANARY, good, f"{command} ends with {done.code}: {done.err[-200:]}")
        _looked_at(tally, world, f"{command[1:-2]}", done.out + done.err)
        if done.code:
            continue
        identity = done.json["id"]
        for later in (
            ("send", "--wait", "1", "--", identity, payload),
            ("ls",),
            ("show", identity),
            ("logs", identity),
            ("kill", identity),
            ("restore", "--dry-run", identity),
            ("rm", "--force", identity),
        ):
            seen = once(world, *later)
            tally.check(CANARY, seen.code < 70 and seen.code != 2, f"{later} ends with {seen.code}: {seen.err[-200:]}")
            _looked_at(tally, world, f"{payload!r}, {later}", seen.out + seen.err)


def _looked_at(tally: Tally, world: World, where: str, said: str) -> None:
    tally.check(TERMINAL, steers(said) is None, f"{where}: {steers(said)}")
    sung = [path for path in (world.repository, world.root, Path("/"), Path.home()) if (path / CANARY_FILE).exists()]
    sung += list(world.root.glob(f"wt/*/*/{CANARY_FILE}"))
    tally.check(CANARY, not sung, f"{where}: {sung}")


def _in_directory(tally: Tally, world: World, payload: str) -> None:
    """Work in a repository whose path is hostile."""
    directory = world.root / payload.replace("/", "_")
    world.git("clone", "--quiet", str(world.repository), str(directory), cwd=world.root)
    world.cwd = directory
    done = once(world, "spawn", "--json", "--", "/bin/cat")
    _looked_at(tally, world, f"in {payload!r}", done.out + done.err)
    tally.check(CANARY, not done.code, f"in {payload!r}: {done.err}")
    for command in (
        ("ls",),
        ("doctor",),
        ("restore", "--all"),
        ("rm", "--force", done.json["id"] if done.json else "x"),
    ):
        seen = once(world, *command)
        _looked_at(tally, world, f"in {payload!r}, {command}", seen.out + seen.err)
    world.cwd = None
    shutil.rmtree(directory)
