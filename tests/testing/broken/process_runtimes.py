"""Runtimes of plain processes, each with one realistic defect."""

import atexit
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from testing.broken.defects import broken
from testing.sound import SoundRuntime, birth

from rouser import DiscoveredRuntime, HookError, hookimpl


@broken("test_environment_arrives_verbatim[spaces]", "KIT_0 does not arrive")
class DropsEnvironment(SoundRuntime):
    def start(self, command, env, **options):
        return super().start(command, env=None, **options)


@broken("test_environment_is_the_whole_environment", "variables of the caller leak")
class AddsToTheCallersEnvironment(SoundRuntime):
    def start(self, command, env, **options):
        return super().start(command, env={**os.environ, **env}, **options)


@broken("test_environment_of_one_runtime_does_not_reach_another", "of the first runtime leaks into the second")
class RemembersEnvironment(SoundRuntime):
    def __init__(self):
        self.environment = {}

    def start(self, command, env, **options):
        self.environment |= env
        return super().start(command, env=self.environment, **options)


@broken("test_directory_is_the_one_that_was_given[spaces]", "runs in a wrong directory")
class WrongDirectory(SoundRuntime):
    def start(self, command, cwd, **options):
        return super().start(command, cwd=Path.home() if cwd.is_dir() else cwd, **options)


@broken("test_directory_is_the_one_that_was_given[spaces]", "runs in a wrong directory")
class StripsDirectory(SoundRuntime):
    def start(self, command, cwd, **options):
        stripped = Path(" ".join(str(cwd).split()))
        stripped.mkdir(exist_ok=True)
        return super().start(command, cwd=stripped, **options)


@broken("test_missing_directory_is_an_error[missing]", "a directory that does not exist")
class FallsBackToHome(SoundRuntime):
    def start(self, command, cwd, **options):
        return super().start(command, cwd=cwd if cwd.is_dir() else Path.home(), **options)


@broken("test_arguments_arrive_verbatim[spaces]", "arguments with spaces arrive damaged")
class ThroughAShell(SoundRuntime):
    def start(self, command, **options):
        return super().start(["sh", "-c", " ".join(command)], **options)


@broken("test_arguments_arrive_verbatim[empty]", "arguments with empty arrive damaged")
class DropsEmptyArguments(SoundRuntime):
    def start(self, command, **options):
        return super().start([argument for argument in command if argument], **options)


@broken("test_missing_command_is_an_error[missing]", "created for a command that is missing")
class ShellHidesMissingCommand(SoundRuntime):
    def start(self, command, **options):
        return super().start(["sh", "-c", '"$@"', "sh", *command], **options)


@broken("test_missing_command_is_an_error[not executable]", "raise HookError")
class BareException(SoundRuntime):
    @hookimpl
    def runtime_create(self, session, name, cwd, command, env):
        if Path(command[0]).exists() and not os.access(command[0], os.X_OK):
            raise PermissionError(command[0])
        return super().runtime_create(session, name, cwd, command, env)


@broken("test_a_failed_creation_leaves_the_name_free", "is there already")
class LeavesHalfMade(SoundRuntime):
    def start(self, command, **options):
        if shutil.which(command[0]) is None:
            raise HookError(f"no program {command[0]}")
        return super().start(command, **options)


@broken("test_a_name_that_is_taken_is_refused_and_left_alone", "created under a name that is taken")
class TakesTheName(SoundRuntime):
    def take(self, place):
        if (place / "handle").exists():
            self.runtime_destroy((place / "handle").read_text().split()[0])
        super().take(place)


@broken("test_one_wins_of_many_that_create_the_same_name", r"at once, \d win")
class RacesForTheName(SoundRuntime):
    def take(self, place):
        if place.exists():
            raise HookError(f"{place} is there already")
        time.sleep(0.2)
        place.mkdir(parents=True, exist_ok=True)
        (place / "input").unlink(missing_ok=True)

    @hookimpl
    def runtime_create(self, session, name, cwd, command, env):
        place = self.base / name
        self.take(place)
        agent = self.start(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return self.handle(name, agent)


@broken("test_many_at_once", "of 8 that were destroyed at once, 7 still run")
class KeepsStateOfTheLastCall(SoundRuntime):
    def start(self, command, **options):
        self.last = super().start(command, **options)
        time.sleep(0.2)
        return self.last


@broken("test_destroying_twice_is_no_error", "no runtime")
class DestroyingTwiceFails(SoundRuntime):
    @hookimpl
    def runtime_destroy(self, handle):
        if not self.runtime_is_alive(handle):
            raise HookError(f"no runtime {handle}")
        super().runtime_destroy(handle)


@broken("test_a_later_command_knows_the_runtime", "another instance of the plugin reports the runtime dead")
class RemembersInMemory(SoundRuntime):
    def __init__(self):
        self.mine = set()

    def handle(self, name, agent):
        self.mine.add(handle := super().handle(name, agent))
        return handle

    @hookimpl
    def runtime_is_alive(self, handle):
        return handle in self.mine and super().runtime_is_alive(handle)


@broken("test_a_created_runtime_is_alive_and_a_destroyed_one_is_dead", "returned while the agent still runs")
class DestroysWithoutWaiting(SoundRuntime):
    @hookimpl
    def runtime_destroy(self, handle):
        _, pid, born = self.parse(handle)
        if birth(pid) == born:
            subprocess.Popen(["sh", "-c", f"sleep 0.3; kill {pid}"]).returncode = 0


@broken("test_an_agent_that_ignores_hangup_and_termination_is_ended", "survives runtime_destroy")
class AsksPolitely(SoundRuntime):
    @hookimpl
    def runtime_destroy(self, handle):
        _, pid, born = self.parse(handle)
        if birth(pid) == born:
            os.kill(int(pid), signal.SIGTERM)
            time.sleep(0.2)


@broken("test_children_of_the_agent_are_ended", "a child of the agent survives")
class KillsTheLeaderOnly(SoundRuntime):
    @hookimpl
    def runtime_destroy(self, handle):
        _, pid, born = self.parse(handle)
        while birth(pid) == born:
            os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.01)


@broken("test_an_agent_that_is_killed_is_dead[SIGKILL]", "reported alive after SIGKILL")
class ZombieIsAlive(SoundRuntime):
    @hookimpl
    def runtime_is_alive(self, handle):
        _, pid, born = self.parse(handle)
        return birth(pid, ended="") == born


@broken("test_a_stopped_agent_is_alive_and_can_be_destroyed", "a stopped agent is reported dead")
class StoppedIsDead(SoundRuntime):
    @hookimpl
    def runtime_is_alive(self, handle):
        _, pid, born = self.parse(handle)
        return birth(pid, ended="ZXxTt") == born


@broken("test_children_alone_do_not_make_a_runtime_alive", "reported alive while a child")
class GroupIsAlive(SoundRuntime):
    @hookimpl
    def runtime_is_alive(self, handle):
        group = self.parse(handle)[1]
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[2] == group and fields[0] != "Z":
                return True
        return False


@broken("test_a_backend_that_cannot_be_reached_does_not_make_an_agent_dead", "because the backend's files are gone")
class NoFileIsDeath(SoundRuntime):
    @hookimpl
    def runtime_is_alive(self, handle):
        return self.place(self.parse(handle)[0]).exists() and super().runtime_is_alive(handle)


@broken("test_agent_outlives_the_command_that_started_it", "keeps the output of the command that created it open")
class InheritsOutput(SoundRuntime):
    def start(self, command, stderr, **options):
        return super().start(command, stderr=None, **options)


@broken("test_agent_outlives_the_command_that_started_it", "ended with the command that started it")
class DiesWithTheCaller(SoundRuntime):
    def start(self, command, **options):
        agent = super().start(command, **options)
        atexit.register(agent.wait)
        atexit.register(agent.kill)
        atexit.register(time.sleep, 0.5)
        return agent


@broken("test_nothing_is_left_behind", "leaves files behind")
class LeavesLogs(SoundRuntime):
    @hookimpl
    def runtime_destroy(self, handle):
        super().runtime_destroy(handle)
        (self.base / f"{handle}.log").touch()


@broken("test_nothing_is_left_behind", "leaves open files in the caller")
class LeaksDescriptors(SoundRuntime):
    def start(self, command, **options):
        os.dup(options["stdin"])
        return super().start(command, **options)


@broken("test_nothing_is_left_behind", "processes are left")
class LeaksProcess(SoundRuntime):
    def start(self, command, env, **options):
        subprocess.Popen(["sleep", "60"], env=env).returncode = 0
        return super().start(command, env=env, **options)


@broken("test_message_arrives_once_and_whole[10 kB on a line-raw]", "arrives damaged")
class CutsMessages(SoundRuntime):
    def write(self, pipe, text):
        super().write(pipe, text.rstrip("\n")[:4000] + "\n")


@broken("test_message_arrives_once_and_whole[a word-raw]", "arrives 2 times")
class SendsTwice(SoundRuntime):
    def write(self, pipe, text):
        super().write(pipe, text + text)


@broken("test_message_arrives_once_and_whole[spaces-raw]", "arrives damaged")
class StripsMessages(SoundRuntime):
    def write(self, pipe, text):
        super().write(pipe, text.strip() + "\n")


@broken("test_many_are_told_apart_in_one_call", "runtime_list_alive says")
class AllAreAlive(SoundRuntime):
    @hookimpl
    def runtime_list_alive(self, handles):
        return {handle: True for handle in handles if handle.count(":") == 2}


@broken("test_live_runtimes_are_discovered_and_dead_ones_are_not", "runtime_discover finds")
class DiscoversTheDead(SoundRuntime):
    @hookimpl
    def runtime_discover(self):
        records = [(record, *record.read_text().split()) for record in self.base.glob("*/handle")]
        return [
            DiscoveredRuntime(handle=handle, session_id=session, name=file.parent.name)
            for file, handle, session in records
        ]


@broken("test_output_is_what_the_agent_printed", "escape sequences")
class RawOutput(SoundRuntime):
    @hookimpl
    def runtime_get_output(self, handle, lines):
        text = (self.place(self.parse(handle)[0]) / "output").read_text()
        return "\n".join(text.splitlines()[-lines:])


@broken("test_output_is_what_the_agent_printed", "asked for 5 lines")
class AllOutput(SoundRuntime):
    @hookimpl
    def runtime_get_output(self, handle, lines):
        return super().runtime_get_output(handle, 100_000)


@broken("test_ending_returns_the_last_words", "which is not what the agent said last")
class EndsInSilence(SoundRuntime):
    @hookimpl
    def runtime_end(self, handle, lines):
        self.runtime_destroy(handle)
        return ""


@broken("test_ending_returns_the_last_words", "an agent survives runtime_end")
class OnlySaysWhatItSaid(SoundRuntime):
    @hookimpl
    def runtime_end(self, handle, lines):
        return self.runtime_get_output(handle, lines)


@broken("test_unknown_settings_are_refused", "accepted without a word")
class AcceptsAnySetting(SoundRuntime):
    @hookimpl
    def plugin_configure(self, settings):
        self.base = Path(settings["base"])


@broken("test_it_loads_as_a_plugin_of_its_kind", "keyword-only parameters")
class KeywordOnly(SoundRuntime):
    @hookimpl
    def runtime_is_alive(self, *, handle):
        return super().runtime_is_alive(handle)


@broken("test_capabilities_are_declared", "the optional hook runtime_attach_command is not implemented")
class SaysNothingOfWhatIsMissing(SoundRuntime):
    missing = {"terminal": "agents have a pipe"}


@broken("test_agent_has_a_terminal", "the agent has no terminal")
class NoTerminal(SoundRuntime):
    missing = {"runtime_attach_command": "there is no terminal"}


@broken("test_programs_are_declared", "say which programs the plugin runs")
class SaysNothingOfPrograms(SoundRuntime):
    programs = None
