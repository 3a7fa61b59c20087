"""What is wanted of tmux at the same time takes one client, and what is gone for good none."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from rouser import HookError
from rouser_tmux import opening, panes
from rouser_tmux.client import Server
from rouser_tmux.handle import Handle


@pytest.fixture
def clients(monkeypatch):
    """The arguments of the tmux clients that are run."""
    seen = []
    run = Server._client

    def record(self, arguments, **how):
        seen.append(list(arguments))
        return run(self, arguments, **how)

    monkeypatch.setattr(Server, "_client", record)
    return seen


def wanted(world, make_session, name, token, cwd=None):
    path = world.directory / f"{token}.sh"
    path.write_text("exec cat\n")
    return opening.Wanted(token, make_session().id, name, cwd or world.directory, ["/bin/sh", str(path)])


class TestCreation:
    def test_many_at_once_take_one_client_and_need_no_server_before(self, world, make_session, clients):
        tokens = [f"{number:016x}" for number in range(5)]
        outcomes = opening.open_together(
            Server(("-S", str(world.socket))), [wanted(world, make_session, f"n{token[-1]}", token) for token in tokens]
        )
        world.end_later(world.server_pid())
        assert [opening.Opened.parse(line).token for line, _ in outcomes] == tokens
        assert all(is_marked for _, is_marked in outcomes)
        assert len(clients) == 1
        assert world.sessions() == ["n0", "n1", "n2", "n3", "n4"]
        marks = world.tmux("list-panes", "-a", "-F", "#{@rouser_runtime} #{@rouser_home} #{remain-on-exit}")
        assert marks == [f"{token} {token} on" for token in tokens]

    def test_a_name_that_is_taken_fails_alone(self, world, make_session):
        world.start_foreign("taken")
        names = {"0" * 16: "before", "1" * 16: "taken", "2" * 16: "behind"}
        outcomes = opening.open_together(
            Server(("-S", str(world.socket))), [wanted(world, make_session, names[token], token) for token in names]
        )
        assert [isinstance(outcome, tuple) for outcome in outcomes] == [True, False, True]
        assert outcomes[1].reason == "duplicate session: taken"
        assert world.sessions() == ["before", "behind", "taken"]

    @pytest.mark.parametrize("count", [1, 2])
    def test_one_that_could_not_be_marked_is_told_from_the_others(self, world, make_session, count):
        world.start_foreign("other")
        world.tmux("set-hook", "-g", "after-new-session", "if -F '#{m:b*,#{session_name}}' 'rename-session else'")
        pair = [wanted(world, make_session, name, f"{number:016x}") for number, name in enumerate("ab")][-count:]
        outcomes = opening.open_together(Server(("-S", str(world.socket))), pair)
        assert [is_marked for _, is_marked in outcomes] == [True, False][-count:]

    @pytest.mark.parametrize("name", ["it's", "a b", "$HOME", "~", "#x", ";", "a;", "\\", '"', "new\nline", "{", "%if"])
    def test_any_directory_is_one_argument(self, world, make_session, eventually, name):
        place = world.directory / name
        place.mkdir()
        pair = [wanted(world, make_session, f"n{number}", f"{number:016x}", place) for number in range(2)]
        outcomes = opening.open_together(Server(("-S", str(world.socket))), pair)
        world.end_later(world.server_pid())
        assert all(is_marked for _, is_marked in outcomes)
        shown = ("display-message", "-p", "-t", "=n1:", "#{pane_current_path}")
        eventually(lambda: world.tmux(*shown) == str(place).split("\n"))  # the pane's process goes there by itself

    def test_threads_that_create_get_each_their_own(self, world):
        world.start_foreign("other")
        with ThreadPoolExecutor(8) as pool:
            handles = [Handle.parse(handle) for handle in pool.map(lambda n: world.create(name=f"n{n}"), range(16))]
        assert [handle.name for handle in handles] == [f"n{number}" for number in range(16)]
        assert len({handle.agent for handle in handles}) == len({handle.token for handle in handles}) == 16
        assert all(world.runtime.runtime_is_alive(str(handle)) for handle in handles)


class TestGone:
    def test_what_is_gone_is_not_asked_for_again(self, world, clients):
        world.start_foreign("other")
        handle = world.create()
        world.tmux("kill-session", "-t", "=proj-1")
        assert world.runtime.runtime_is_alive(handle) is False
        clients.clear()
        world.runtime.runtime_destroy(handle)
        with pytest.raises(HookError, match="there is no tmux session"):
            world.runtime.runtime_get_output(handle, 10)
        assert clients == []

    def test_a_server_out_of_reach_may_come_back(self, world):
        handle = world.create()
        away = world.socket.with_name("away")
        world.socket.rename(away)
        with pytest.raises(HookError, match="is gone but its tmux server still runs"):
            world.runtime.runtime_is_alive(handle)
        assert Handle.parse(handle).token not in panes._gone
        away.rename(world.socket)
        assert world.runtime.runtime_is_alive(handle) is True

    def test_a_survivor_of_its_pane_is_ended_all_the_same(self, world, eventually):
        world.start_foreign("other")
        handle = world.create(["/bin/sh", "-c", "trap '' HUP; sleep 100 & while :; do wait; done"])
        agent = Handle.parse(handle).agent
        world.tmux("kill-session", "-t", "=proj-1")
        world.runtime.runtime_destroy(handle)
        assert not agent.runs()


def test_one_that_was_just_created_is_found_wherever_people_moved_it(world):
    world.start_foreign("other")
    handle = world.create()
    assert world.runtime.runtime_is_alive(handle) is True
    world.tmux("rename-session", "-t", "=proj-1", "renamed")
    assert world.runtime.runtime_is_alive(handle) is True
    world.start_foreign("proj-1")
    assert world.runtime.runtime_is_alive(handle) is True
