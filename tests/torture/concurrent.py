"""Commands at the same time: 2, 8 and 32 restores of one session, restore against everything else."""

from __future__ import annotations

from collections.abc import Sequence

from support.world import World, new_world

from rouser import ConfigError, MessageNotSentError, SessionBusyError, SessionNotFoundError, SessionNotRestorableError
from torture.crowding import Clock, crowding, timed
from torture.forked import Ended, HungError, once, together, warm_up
from torture.runners import kill_runners, runners
from torture.tally import Tally

TITLE = "at the same time: exactly one live runtime, and everybody else is told who has it"

ONE_WINS = "Of any number of processes that restore one session, exactly one starts its agent, and only once"
LOSERS_TOLD = "Whoever comes second is told within 5 s that the session runs, or which process works on it"
NO_DEADLOCK = "Commands that meet never wait for each other for ever"
AT_MOST_ONE = "Restore against kill, rm, send and spawn leaves one agent or none, and a record that says which"
ALL_AT_ONCE = "Several `restore --all` at once start each session's agent once"

AGENT = ("--", "/bin/cat")
_SECONDS = 5.0
_PATIENCE = 60.0
_OK = 0
_BUSY = SessionBusyError.exit_code
_NOT_FOUND = SessionNotFoundError.exit_code
_NOT_RESTORABLE = SessionNotRestorableError.exit_code
_NOT_SENT = MessageNotSentError.exit_code
_SIZES = (2, 8, 32)


def run(tally: Tally, quick: bool) -> None:
    """Try it all, with 100 rounds of each size."""
    world = new_world()
    try:
        warm_up(world)
        for size in _SIZES:
            _one_session(tally, world, size, 3 if quick else 100)
        for rival in _RIVALS:
            _against(tally, world, rival, 3 if quick else 25)
        _all(tally, world, 2 if quick else 10)
    finally:
        world.end()


def _spawn(world: World, *options: str) -> str:
    done = once(world, "spawn", "compete", "--json", *options, *AGENT)
    if done.code:
        raise AssertionError(done.err)
    return str(done.json["id"])


def _race(tally: Tally, world: World, commands: Sequence[Sequence[str]]) -> list[Ended]:
    try:
        ended = together(world, commands, seconds=_PATIENCE * crowding())
    except HungError as error:
        tally.case(NO_DEADLOCK, f"{commands[0]}: {error}")
        return []
    tally.case(NO_DEADLOCK)
    return ended


def _one_session(tally: Tally, world: World, size: int, rounds: int) -> None:
    session_id = _spawn(world)
    for number in range(rounds):
        kill_runners(session_id)
        with timed() as clock:
            ended = _race(tally, world, [["restore", session_id]] * size)
        won = [one for one in ended if one.done.code == _OK]
        live = runners(session_id)
        where = f"round {number} of {size}"
        tally.check(
            ONE_WINS,
            len(won) == len(live) == 1,
            f"{where}: {len(won)} won, {len(live)} agents run: {_errors(ended)}",
        )
        _losers(tally, ended, clock.crowding, where)
    once(world, "rm", "--force", session_id)


def _losers(tally: Tally, ended: Sequence[Ended], crowding: float, where: str) -> None:
    rivals = {one.pid for one in ended}
    for one in ended:
        if one.done.code != _OK:
            clock = Clock(one.seconds, crowding)
            said = f"{where}: {one.done.err.strip()}"
            tally.check_in_time(LOSERS_TOLD, _told(one, rivals), clock, _SECONDS, said)


def _told(one: Ended, rivals: set[int]) -> bool:
    """Tell whether a loser learnt that the agent runs, or which of its rivals is at work."""
    words = one.done.err
    names_a_rival = one.done.code == _BUSY and any(f"process {pid} (" in words for pid in rivals - {one.pid})
    runs = one.done.code == _NOT_RESTORABLE and "its runtime is alive" in words
    return names_a_rival or runs


def _errors(ended: Sequence[Ended]) -> str:
    return "; ".join(sorted({" ".join(one.done.err.split())[-300:] for one in ended}))


_RIVALS = ("kill", "rm", "send", "spawn")
_ALLOWED = {
    "restore": {_OK, _BUSY, _NOT_RESTORABLE, _NOT_FOUND},
    "kill": {_OK, _BUSY},
    "rm": {_OK, _BUSY, _NOT_FOUND},
    "send": {_OK, _BUSY, _NOT_SENT},
    "spawn": {_OK, ConfigError.exit_code},
}


def _against(tally: Tally, world: World, rival: str, rounds: int) -> None:
    session_id = ""
    for number in range(rounds):
        if not session_id or once(world, "show", session_id).code:
            session_id = _spawn(world)
        kill_runners(session_id)
        other = {
            "kill": ["kill", session_id],
            "rm": ["rm", "--force", session_id],
            "send": ["send", session_id, "hello", "--wait", "1"],
            "spawn": ["spawn", "compete", "--name", f"rival-{number}", *AGENT],
        }[rival]
        ended = _race(tally, world, [["restore", session_id], other] * 4)
        where = f"{rival}, round {number}"
        for one, command in zip(ended, ["restore", rival] * 4, strict=False):
            tally.check(
                AT_MOST_ONE,
                one.done.code in _ALLOWED[command],
                f"{where}: {command} ended with {one.done.code}: {one.done.err.strip()}",
            )
        tally.check(AT_MOST_ONE, not (wrong := _wrong(world, session_id)), f"{where}: {wrong} {_errors(ended)}")
        if rival == "spawn":
            named = [item for item in once(world, "ls", "--json").json if item["name"] == f"rival-{number}"]
            agents = runners(named[0]["id"]) if named else []
            tally.check(AT_MOST_ONE, len(named) == len(agents) == 1, f"{where}: {len(named)} sessions, {agents} run")
            once(world, "rm", "--force", f"rival-{number}")
    once(world, "rm", "--force", session_id)


def _wrong(world: World, session_id: str) -> str:
    """Return what is wrong with a session: an agent without a record, two agents, or a record that is mistaken."""
    live = runners(session_id)
    shown = once(world, "show", session_id, "--json")
    if shown.code == _NOT_FOUND:
        return f"it was removed, and {len(live)} agents run" if live else ""
    if shown.code:
        return f"show says {shown.err.strip()}"
    if len(live) > 1:
        return f"{len(live)} agents run"
    if shown.json["alive"] is not bool(live):
        return f"the record says {shown.json['status']}, alive {shown.json['alive']}, and {len(live)} agents run"
    return f"the record is half done: {shown.json['status']}" if shown.json["interrupted"] else ""


def _all(tally: Tally, world: World, rounds: int) -> None:
    ids = [_spawn(world) for _ in range(8)]
    for number in range(rounds):
        for session_id in ids:
            kill_runners(session_id)
        ended = _race(tally, world, [["restore", "--all"]] * 4)
        for session_id in ids:
            wrong = _wrong(world, session_id) or ("" if runners(session_id) else "it was left dead")
            tally.check(ALL_AT_ONCE, not wrong, f"round {number}: {wrong} {_errors(ended)}")
    for session_id in ids:
        once(world, "rm", "--force", session_id)
