"""The optional hooks of runtimes: output, attaching, many answers at once, finding what was made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import ClassVar, Final, Self

from rouser.testing.guard import needs
from rouser.testing.runtime.kit import RuntimeKit, RuntimeTests
from rouser.testing.verdict import eventually, expect, refusal

_ON_TERMINAL: Final = "import os, sys; os.login_tty(int(sys.argv[1])); os.execvp(sys.argv[2], sys.argv[2:])"


class OptionTests(RuntimeTests):
    """Tests that are skipped where ``missing`` names the hook."""

    behaviours: ClassVar[frozenset[str]] = frozenset({"terminal"})

    @needs("runtime_get_output")
    def test_output_is_what_the_agent_printed(self, kit: RuntimeKit) -> None:
        """As plain text, as many lines of it as are asked for, the last ones."""
        started = kit.start()
        started.agent.say("\x1b[31mred\x1b[0m Grüße\r\n".encode())
        started.agent.say(b"".join(b"line %d\r\n" % number for number in range(200)))
        expect(
            eventually(lambda: "line 199" in (kit.runtime.get_output(started.handle, 10) or "")),
            "runtime_get_output does not show what the agent printed last",
        )
        wanted = 5
        last = (kit.runtime.get_output(started.handle, wanted) or "").rstrip("\n").splitlines()
        expect(len(last) <= wanted, f"asked for {wanted} lines, runtime_get_output returns {len(last)}")
        expect("line 198" in last, f"asked for 5 lines, runtime_get_output returns others than the last: {last}")
        everything = kit.runtime.get_output(started.handle, 100_000) or ""
        expect("\x1b" not in everything, "runtime_get_output returns escape sequences, not plain text")
        expect("red Grüße" in everything, "runtime_get_output has lost the lines before the last screen")

    @needs("runtime_get_output")
    def test_output_of_a_destroyed_runtime_is_an_error_or_still_there(self, kit: RuntimeKit) -> None:
        """Never that of another runtime whose name begins alike."""
        short, long = kit.start("proj-1"), kit.start("proj-10")
        long.agent.say(b"said by the other\r\n")
        expect(eventually(lambda: "other" in (kit.runtime.get_output(long.handle, 5) or "")), "no output")
        kit.runtime.destroy(short.handle)
        message = ""
        try:
            message = kit.runtime.get_output(short.handle, 5) or ""
        except Exception:
            return
        expect("other" not in message, "the output of proj-10 is returned for proj-1")

    @needs("runtime_get_output")
    @needs("output_after_end")
    def test_output_can_be_read_after_the_agent_has_ended(self, kit: RuntimeKit) -> None:
        """The last words of an agent tell why it ended."""
        started = kit.start()
        started.agent.say(b"last words\r\n")
        started.agent.exit(3)
        expect(
            eventually(lambda: "last words" in (kit.runtime.get_output(started.handle, 20) or "")),
            "what an agent printed cannot be read any more once it has ended",
        )

    @needs("runtime_attach_command")
    def test_attaching_shows_the_agent_and_takes_its_input(self, kit: RuntimeKit) -> None:
        """In a terminal of the kit's own; and when that is closed, the agent goes on."""
        started = kit.start(flags="raw")
        command = kit.runtime.attach_command(started.handle) or ()
        expect(command, "runtime_attach_command returns no command")
        with _Terminal(command) as terminal:

            def is_shown() -> bool:
                # Said again and again: what was said before the terminal was attached need not be shown.
                started.agent.say(b"seen by whoever is attached\r\n")
                return b"seen by whoever" in terminal.read()

            expect(eventually(is_shown), "an attached terminal shows nothing")
            terminal.type(b"typed\r")
            expect(
                eventually(lambda: started.agent.received.text == b"typed"),
                "what is typed in an attached terminal does not reach the agent",
            )
        kit.expect_alive(started, "after an attached terminal was closed")

    @needs("runtime_list_alive")
    def test_many_are_told_apart_in_one_call(self, kit: RuntimeKit) -> None:
        """As ``runtime_is_alive`` would say of each."""
        started = {name: kit.start(name) for name in ("proj-10", "proj-1", "proj", "ended", "killed")}
        kit.runtime.destroy(started["proj-1"].handle)
        started["ended"].agent.exit()
        started["killed"].agent.kill(signal.SIGKILL)
        handles = {name: one.handle for name, one in started.items()}
        wanted = {name: started[name].agent.runs for name in started}

        def answers() -> dict[str, bool | None]:
            found = kit.runtime.list_alive([*handles.values(), "no handle of this plugin"])
            expect(not found.get("no handle of this plugin"), "runtime_list_alive calls a foreign handle alive")
            return {name: found.get(handle) for name, handle in handles.items()}

        last = answers()
        expect(eventually(lambda: answers() == wanted), f"runtime_list_alive says {last}, where {wanted} is true")

    @needs("runtime_list_alive")
    def test_listing_none_is_no_error(self, kit: RuntimeKit) -> None:
        """With nothing to ask, and with nothing there."""
        expect(kit.runtime.list_alive([]) == {}, "runtime_list_alive answers where nothing was asked")

    @needs("runtime_discover")
    def test_live_runtimes_are_discovered_and_dead_ones_are_not(self, kit: RuntimeKit) -> None:
        """With the handle, session and name that they were created with, also by a later command."""
        expect(list(kit.runtime.discover() or ()) == [], "runtimes are discovered before any was created")
        live = [kit.start(name) for name in ("proj-10", "proj")]
        dead = kit.start("proj-1")
        kit.runtime.destroy(dead.handle)
        ended = kit.start("ended")
        ended.agent.exit()
        wanted = {(one.handle, one.session.id) for one in live}

        def found() -> set[tuple[str, str]]:
            return {(one.handle, one.session_id) for one in kit.anew().discover() or ()}

        expect(eventually(lambda: found() == wanted), f"runtime_discover finds {found()}, where {wanted} live")
        names = {one.name for one in kit.runtime.discover() or ()}
        expect(names == {"proj-10", "proj"}, f"runtime_discover gives the names {names}")

    @needs("runtime_get_output")
    def test_output_of_what_never_was_is_an_error(self, kit: RuntimeKit) -> None:
        """Nothing is known, which is not the same as nothing printed."""
        refusal(
            lambda: kit.runtime.get_output("no handle of this plugin", 5),
            "the output of a runtime that never was is returned",
        )


class _Terminal:
    """A terminal of the kit's own, with a command on it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._ours, theirs = os.openpty()
        os.set_blocking(self._ours, False)
        environment = {**os.environ, "TERM": "xterm"}
        self._seen = b""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, str(theirs), *command], env=environment, pass_fds=[theirs]
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._ours)
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def read(self) -> bytes:
        """Return everything that was shown so far."""
        try:
            while data := os.read(self._ours, 65536):
                self._seen += data
        except OSError:
            pass
        return self._seen

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._ours, keys)
