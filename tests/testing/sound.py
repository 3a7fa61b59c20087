"""Small plugins that keep to the contract; the broken ones are these with one thing done wrong."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

from rouser import (
    AgentSpec,
    Conversation,
    DiscoveredRuntime,
    Evidence,
    GitSnapshots,
    HookError,
    PluginSpec,
    PromptState,
    RuntimeSpec,
    WorkspaceSpec,
    hookimpl,
    is_valid_name,
    time_left,
)

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def state_of(accepted):
    return PromptState.DURABLE if accepted else PromptState.QUEUED


CHILDREN = []  # kept, or each would warn that it was forgotten while it runs


def birth(pid, ended="ZXx"):
    """Return what tells a process from all others; None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ended else fields[19]


class Scratch(PluginSpec):
    """Settings of one directory."""

    base = Path("/nowhere")

    @hookimpl
    def plugin_configure(self, settings):
        for name in settings.keys() - {"base"}:
            raise HookError(f"unknown setting {name!r}; allowed is: base")
        self.base = Path(settings["base"])

    @hookimpl
    def plugin_scratch_settings(self, directory):
        return {"base": str(directory / "plugin")}


class SoundRuntime(Scratch, RuntimeSpec):
    """Processes that read from a named pipe and write to a file."""

    programs = ()
    missing = {
        "runtime_attach_command": "there is no terminal",
        "terminal": "agents have a pipe",
        "detached_children": "it knows only the agent's own process group",
    }

    def place(self, name):
        return self.base / name

    @hookimpl
    def runtime_create(self, session, name, cwd, command, env):
        place = self.place(name)
        self.take(place)
        os.mkfifo(place / "input")
        pipe = os.open(place / "input", os.O_RDWR)
        try:
            with (place / "output").open("wb") as output:
                agent = self.start(command, cwd=cwd, env=env, stdin=pipe, stdout=output, stderr=output)
        except OSError as error:
            shutil.rmtree(place)
            raise HookError(f"cannot start {command[0][:80]}: {error.strerror}") from error
        finally:
            os.close(pipe)
        handle = self.handle(name, agent)
        (place / "handle").write_text(f"{handle} {session.id}")
        return handle

    def take(self, place):
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            raise HookError(f"{place} is there already") from None

    def start(self, command, **options):
        agent = subprocess.Popen(command, start_new_session=True, **options)
        CHILDREN.append(agent)
        return agent

    def handle(self, name, agent):
        return f"{name}:{agent.pid}:{birth(agent.pid)}"

    def parse(self, handle):
        if not re.fullmatch(r"[^:]+:\d+:\d+", handle):
            raise HookError(f"{handle!r} is no handle")
        return handle.split(":")

    @hookimpl
    def runtime_end(self, handle, lines):
        output = self.runtime_get_output(handle, lines) if self.place(self.parse(handle)[0]).exists() else ""
        self.runtime_destroy(handle)
        return output

    @hookimpl
    def runtime_is_alive(self, handle):
        _, pid, born = self.parse(handle)
        return birth(pid) == born

    @hookimpl
    def runtime_send_message(self, handle, message):
        name, pid, born = self.parse(handle)
        if birth(pid) != born:
            raise HookError(f"the agent of {name} has ended")
        self.write(self.place(name) / "input", CONTROL.sub("", message) + "\n")

    def write(self, pipe, text):
        with pipe.open("wb", buffering=0) as stream:
            data = memoryview(os.fsencode(text))
            while data:
                data = data[stream.write(data) :]

    @hookimpl
    def runtime_destroy(self, handle):
        name, pid, born = self.parse(handle)
        with contextlib.suppress(ProcessLookupError):
            if birth(pid, ended="") == born:
                os.killpg(int(pid), signal.SIGKILL)
        while birth(pid) == born:
            if time_left() < 0.1:
                raise HookError(f"process {pid} does not end")
            time.sleep(0.005)
        record = self.place(name) / "handle"
        if record.exists() and record.read_text().startswith(f"{handle} "):
            shutil.rmtree(record.parent)

    @hookimpl
    def runtime_get_output(self, handle, lines):
        try:
            text = (self.place(self.parse(handle)[0]) / "output").read_text(errors="replace")
        except OSError as error:
            raise HookError(f"the output of {handle} is gone") from error
        return "\n".join(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).splitlines()[-lines:])

    @hookimpl
    def runtime_list_alive(self, handles):
        answers = {}
        for handle in handles:
            with contextlib.suppress(HookError):
                answers[handle] = self.runtime_is_alive(handle)
        return answers

    @hookimpl
    def runtime_discover(self):
        found = []
        for record in self.base.glob("*/handle"):
            handle, session = record.read_text().split()
            if self.runtime_is_alive(handle):
                found.append(DiscoveredRuntime(handle=handle, session_id=session, name=record.parent.name))
        return found


class SoundWorkspace(Scratch, WorkspaceSpec):
    """Git worktrees, one below ``base`` for each session id."""

    programs = ("git",)
    missing = {
        "workspace_describe": "it says nothing of the work",
        "workspace_discover": "it keeps no list",
    }
    status = ("status", "--porcelain", "--untracked-files=all")
    adding = threading.Lock()

    def environment(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return kept | {"GIT_CONFIG_NOSYSTEM": "1"}

    def git(self, place, *arguments):
        with contextlib.ExitStack() as stack:
            try:
                process = subprocess.Popen(
                    ["git", *arguments],
                    cwd=place,
                    env=self.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    text=True,
                )
            except OSError as error:
                raise HookError(f"git cannot be run in {place}: {error.strerror}") from error
            stack.enter_context(process)
            try:
                output, _ = process.communicate(timeout=max(time_left() / 2, time_left() - 1))
            except subprocess.TimeoutExpired:
                self.end(process)
                raise HookError(f"git {arguments[0]} hangs in {place}") from None
        if process.returncode:
            raise HookError(f"git {arguments[0]} failed: {output.strip()[-200:]}")
        return output.strip()

    def end(self, process):
        os.killpg(process.pid, signal.SIGKILL)

    def path(self, session):
        return self.base / session.id

    @hookimpl
    def workspace_create(self, session, repository, branch, base):
        path = self.path(session)
        if self.workspace_exists(path):
            return path
        self.git(repository, "check-ref-format", "--branch", branch)
        if branch.startswith(("-", "@")) or not self.git(repository, "rev-parse", "HEAD").isalnum():
            raise HookError(f"{branch!r} is no name for a branch, or git is not git")
        is_new = branch not in self.git(repository, "branch", "--format=%(refname:short)").split()
        start = self.git(repository, "rev-parse", "--verify", "--end-of-options", f"{base or 'HEAD'}^{{commit}}")
        try:
            self.add(repository, path, branch, is_new, start.split()[-1])
        except HookError:
            self.undo(repository, path, branch, is_new)
            raise
        if not (path / ".git").exists():
            raise HookError("git made no worktree")
        return path

    def add(self, repository, path, branch, is_new, start):
        with self.adding:  # two gits that add at once may read what the other has not written yet
            self.git(
                repository, "worktree", "add", *(["-b", branch, str(path), start] if is_new else [str(path), branch])
            )

    def undo(self, repository, path, branch, is_new):
        shutil.rmtree(path, ignore_errors=True)
        self.git(repository, "worktree", "prune")
        if is_new and branch in self.git(repository, "branch", "--format=%(refname:short)").split():
            self.git(repository, "branch", "-D", "--", branch)

    @hookimpl
    def workspace_exists(self, path):
        try:
            gitdir = (path / ".git").read_text().strip().removeprefix("gitdir: ")
            return (Path(gitdir) / "gitdir").read_text().strip() == str(path / ".git")
        except OSError:
            return False

    def is_ours(self, path):
        place = path.parent.resolve() / path.name
        return (
            place.parent == self.base.resolve()
            and is_valid_name(place.name)
            and "-4" in place.name
            and not place.is_symlink()
        )

    @hookimpl
    def workspace_destroy(self, path, force):
        if not path.exists():
            return
        if not self.is_ours(path):
            raise HookError(f"{path} is not ours")
        repository = Path(self.git(path, "rev-parse", "--path-format=absolute", "--git-common-dir")).parent
        if not force:
            if not self.git(path, "rev-parse", "HEAD").isalnum() or self.git(path, *self.status):
                raise HookError(f"{path} has work that is not committed")
            self.git(path, "symbolic-ref", "HEAD")
        self.remove(repository, path)

    def remove(self, repository, path):
        self.git(repository, "worktree", "remove", "--force", str(path))

    @hookimpl
    def workspace_restore(self, session, path):
        if self.workspace_exists(path):
            return path
        self.git(session.repository, "worktree", "prune")
        self.git(session.repository, "rev-parse", "--verify", f"refs/heads/{session.branch}")
        self.git(session.repository, "worktree", "add", str(path), session.branch)
        return path

    def snapshots(self, session):
        return GitSnapshots(session.repository / ".git", session.id)

    @hookimpl
    def workspace_snapshot(self, session, path, reason):
        return self.snapshots(session).take(path, reason) if path.exists() else None

    @hookimpl
    def workspace_snapshots(self, session):
        return self.snapshots(session).all()

    @hookimpl
    def workspace_restore_snapshot(self, session, path, number, overwrite):
        return self.snapshots(session).put_back(path, number, overwrite=overwrite)

    @hookimpl
    def workspace_drop_snapshot(self, session, number):
        self.snapshots(session).drop(number)


class SoundAgent(Scratch, AgentSpec):
    """An agent that keeps a file of prompts, a JSON string a line, for each session."""

    programs = ()
    missing = {
        "agent_prepare": "nothing to check",
        "agent_is_ready": "it takes input at once",
        "agent_discover": "it knows only rouser's",
    }

    def options(self, session):
        return list(session.agent_config.get("arguments", ()))

    def log(self, session):
        return Path(session.agent_config["base"]) / session.id

    def prompts(self, session):
        try:
            return [json.loads(line) for line in self.log(session).read_text().splitlines()]
        except FileNotFoundError:
            return []

    @hookimpl
    def agent_find_conversation(self, session):
        return Conversation(id=session.id, evidence=Evidence.PINNED, reason="pinned at spawn")

    @hookimpl
    def agent_launch_command(self, session):
        return ["agent", "--session", session.id, *self.options(session)]

    @hookimpl
    def agent_restore_command(self, session):
        if not self.prompts(session):
            return None
        return ["agent", "--resume", session.conversation.id, *self.options(session)]

    @hookimpl
    def agent_environment(self, session):
        return {"AGENT_MODE": "quiet", "AGENT_PARENT": None}

    @hookimpl
    def agent_initial_prompt(self, session):
        return session.task

    @hookimpl
    def agent_prompt_arguments(self, session, prompt):
        return ["--", prompt] if len(os.fsencode(prompt)) < 100_000 and "\0" not in prompt else None

    @hookimpl
    def agent_prompt_state(self, session, prompt):
        return state_of(prompt in self.prompts(session))

    @hookimpl
    def agent_detect_activity(self, session):
        return None
