"""Runtimes in tmux, each with one thing done as people do it who trust tmux."""

import subprocess
import time

from testing.broken.defects import broken

from rouser import HookError, hookimpl
from rouser_tmux.handle import Handle
from rouser_tmux.plugin import TmuxRuntime


class Trusting(TmuxRuntime):
    """The shipped runtime, and tmux at hand."""

    programs = ("tmux",)
    missing = {}

    def tmux(self, handle, *arguments, **options):
        socket = Handle.parse(handle).socket
        return subprocess.run(
            ["tmux", "-S", socket, *arguments],
            check=False,
            capture_output=True,
            timeout=options.pop("timeout", 5),
            **options,
        )

    def name(self, handle):
        return Handle.parse(handle).name


@broken("test_a_dead_runtime_is_not_mistaken_for_one_whose_name_begins_alike", "destroying proj-1 again ended proj-10")
class PrefixKill(Trusting):
    @hookimpl
    def runtime_destroy(self, handle):
        self.tmux(handle, "kill-session", "-t", self.name(handle))


@broken("test_a_dead_runtime_is_not_mistaken_for_one_whose_name_begins_alike", "alive because proj-10 is")
class PrefixAlive(Trusting):
    @hookimpl
    def runtime_is_alive(self, handle):
        return self.tmux(handle, "has-session", "-t", self.name(handle)).returncode == 0


@broken(
    "test_destroying_an_old_handle_spares_the_new_runtime_of_that_name",
    "ended the new runtime of the same name",
)
class NameIsIdentity(Trusting):
    @hookimpl
    def runtime_destroy(self, handle):
        super().runtime_destroy(handle)
        self.tmux(handle, "kill-session", "-t", f"={self.name(handle)}")


@broken("test_an_agent_that_exits_is_dead[0]", "reported alive after it exited")
class SessionIsAgent(Trusting):
    @hookimpl
    def runtime_is_alive(self, handle):
        return self.tmux(handle, "has-session", "-t", f"={self.name(handle)}").returncode == 0


@broken("test_message_arrives_once_and_whole[a word-raw]", "is Enter pressed")
class LostEnter(Trusting):
    @hookimpl
    def runtime_send_message(self, handle, message):
        self.tmux(handle, "send-keys", "-l", "-t", f"={self.name(handle)}:", "--", message)


class SendsKeys(Trusting):
    @hookimpl
    def runtime_send_message(self, handle, message):
        self.tmux(handle, "send-keys", "-l", "-t", f"={self.name(handle)}:", "--", message)
        self.tmux(handle, "send-keys", "-t", f"={self.name(handle)}:", "Enter")


@broken("test_message_arrives_once_and_whole[trailing semicolon-raw]", "arrives damaged")
class LostSemicolon(SendsKeys):
    pass


@broken("test_message_arrives_once_and_whole[200 kB-raw]", "Argument list too long")
class LongMessageInCommandLine(SendsKeys):
    pass


@broken("test_message_arrives_once_and_whole[key names-raw]", "arrives damaged|does not arrive")
class KeyNames(Trusting):
    @hookimpl
    def runtime_send_message(self, handle, message):
        self.tmux(handle, "send-keys", "-t", f"={self.name(handle)}:", *message.split(" "), "Enter")


@broken("test_message_arrives_once_and_whole[two lines-raw,paste]", "submitted line by line")
class EnterAfterEachLine(Trusting):
    @hookimpl
    def runtime_send_message(self, handle, message):
        for line in message.splitlines():
            super().runtime_send_message(handle, line)


class Pastes(Trusting):
    @hookimpl
    def runtime_send_message(self, handle, message):
        pane = f"={self.name(handle)}:"
        self.tmux(handle, "load-buffer", "-b", "m", "-", input=message.encode(errors="replace"))
        self.tmux(handle, "paste-buffer", "-p", "-r", "-d", "-b", "m", "-t", pane)
        self.tmux(handle, "send-keys", "-t", pane, "Enter")


@broken("test_control_characters_never_reach_the_terminal[interrupt-raw]", "a control character reached the terminal")
class UncleanPaste(Pastes):
    pass


@broken("test_control_characters_do_not_end_an_agent_that_reads_lines", "ended the agent|gets no more messages")
class UncleanPasteIntoLines(Pastes):
    pass


@broken("test_message_to_a_destroyed_runtime_is_an_error", "accepted, and lost")
class SwallowsSendError(Pastes):
    pass


@broken("test_a_faulty_program_does_not_make_an_agent_dead[hung]", "reported dead, because a program is hung")
class SilenceIsDeath(Trusting):
    @hookimpl
    def runtime_is_alive(self, handle):
        try:
            return self.tmux(handle, "has-session", "-t", f"={self.name(handle)}", timeout=0.5).returncode == 0
        except subprocess.TimeoutExpired:
            return False


@broken("test_a_faulty_program_does_not_make_an_agent_dead[denied]", "reported dead, because a program is denied")
class RefusalIsDeath(SessionIsAgent):
    pass


@broken("test_a_faulty_program_does_not_make_an_agent_dead[hung]", "did not answer within")
class WaitsForEver(Trusting):
    @hookimpl
    def runtime_is_alive(self, handle):
        return self.tmux(handle, "has-session", "-t", f"={self.name(handle)}", timeout=60).returncode == 0


@broken("test_a_backend_that_hangs_does_not_make_an_agent_dead", "because its backend hangs")
class HungBackendIsDeath(SilenceIsDeath):
    pass


@broken("test_secrets_in_the_environment_stay_out_of_process_lists", "everybody can read it")
class SecretsInArguments(Trusting):
    @hookimpl
    def runtime_create(self, session, name, cwd, command, env):
        shown = [f"{key}={value}" for key, value in env.items()]
        script = 'n=$1; shift; while [ $n -gt 0 ]; do export "$1"; shift; n=$((n-1)); done; "$@"; exit'
        return super().runtime_create(
            session, name, cwd, ["sh", "-c", script, "sh", str(len(shown)), *shown, *command], env
        )


@broken("test_an_agent_that_ignores_hangup_and_termination_is_ended", "survives runtime_destroy")
class HangsUpOnly(Trusting):
    @hookimpl
    def runtime_destroy(self, handle):
        if not super().runtime_is_alive(handle):
            return
        self.tmux(handle, "kill-session", "-t", f"={self.name(handle)}")
        time.sleep(0.1)


@broken("test_an_agent_that_survives_its_backend_can_be_ended", "reported dead while it runs")
class NoServerIsDeath(Trusting):
    @hookimpl
    def runtime_is_alive(self, handle):
        answer = self.tmux(handle, "has-session", "-t", f"={self.name(handle)}")
        if b"no server running" in answer.stderr or b"No such file" in answer.stderr:
            return False
        return super().runtime_is_alive(handle)


@broken("test_missing_directory_is_an_error[missing]", "a directory that does not exist")
class TrustsDirectory(Trusting):
    @hookimpl
    def runtime_create(self, session, name, cwd, command, env):
        return super().runtime_create(session, name, cwd if cwd.is_dir() else cwd.parent, command, env)


@broken("test_a_faulty_program_fails_a_destruction[denied]", "destroyed is what still runs")
class SwallowsDestroyError(Trusting):
    @hookimpl
    def runtime_destroy(self, handle):
        try:
            super().runtime_destroy(handle)
        except HookError:
            return


@broken("test_output_of_a_destroyed_runtime_is_an_error_or_still_there", "proj-10 is returned for proj-1")
class OutputOfAnother(Trusting):
    @hookimpl
    def runtime_get_output(self, handle, lines):
        return self.tmux(handle, "capture-pane", "-p", "-t", self.name(handle), text=True).stdout


@broken("test_attaching_shows_the_agent_and_takes_its_input", "shows nothing|does not reach")
class AttachesToNothing(Trusting):
    @hookimpl
    def runtime_attach_command(self, handle):
        return ["echo", "attached to", self.name(handle)]
