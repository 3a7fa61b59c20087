"""Workspaces, each with one realistic defect; most of them lose somebody's work."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from testing.broken.defects import broken
from testing.sound import SoundWorkspace

from rouser import HookError, hookimpl


@broken("test_work_survives_without_force[a modified file]", "destroys a modified file")
class AlwaysForces(SoundWorkspace):
    @hookimpl
    def workspace_destroy(self, path, force):
        super().workspace_destroy(path, True)


@broken("test_work_survives_without_force[an untracked file]", "destroys an untracked file")
class OverlooksUntracked(SoundWorkspace):
    status = ("status", "--porcelain", "--untracked-files=no")


@broken("test_work_survives_without_force[an unpushed commit]", "destroys an unpushed commit")
class DeletesTheBranch(SoundWorkspace):
    def remove(self, repository, path):
        branch = self.git(path, "branch", "--show-current")
        super().remove(repository, path)
        self.git(repository, "branch", "-D", branch)


@broken("test_work_survives_without_force[a commit on no branch]", "destroys a commit on no branch")
class OverlooksDetached(SoundWorkspace):
    @hookimpl
    def workspace_destroy(self, path, force):
        if path.exists() and self.is_ours(path) and not force and self.git(path, *self.status):
            raise HookError("changed")
        super().workspace_destroy(path, True)


@broken("test_commits_are_never_lost_with_the_branch", "a branch that existed before was deleted")
class DeletesTheUsersBranch(DeletesTheBranch):
    pass


@broken("test_foreign_paths_are_never_touched[a directory-force]", "removes a directory, which is not its own")
class RemovesAnything(SoundWorkspace):
    @hookimpl
    def workspace_destroy(self, path, force):
        if force:
            shutil.rmtree(path, ignore_errors=True)
        else:
            super().workspace_destroy(path, force)


@broken("test_foreign_paths_are_never_touched[a worktree made by hand-plain]", "a worktree made by hand, which is not")
class TakesAnyWorktreeForItsOwn(SoundWorkspace):
    def is_ours(self, path):
        return self.workspace_exists(path)


@broken(
    "test_foreign_paths_are_never_touched[a path that leaves a workspace by dots-force]",
    "by dots, which is not its own",
)
class BelievesPrefixes(SoundWorkspace):
    @hookimpl
    def workspace_destroy(self, path, force):
        if force and str(path).startswith(str(self.base)):
            shutil.rmtree(path, ignore_errors=True)
        else:
            super().workspace_destroy(path, force)


@broken("test_a_lost_workspace_comes_back_on_its_branch", "not the branch")
class RestoresDetached(SoundWorkspace):
    @hookimpl
    def workspace_restore(self, session, path):
        self.git(session.repository, "worktree", "prune")
        self.git(session.repository, "worktree", "add", "--detach", str(path), session.branch)
        return path


@broken("test_a_deleted_branch_is_an_error", "restored from something else")
class FallsBackToTheDefaultBranch(SoundWorkspace):
    @hookimpl
    def workspace_restore(self, session, path):
        try:
            return super().workspace_restore(session, path)
        except HookError:
            self.git(session.repository, "worktree", "add", "-b", session.branch, str(path))
            return path


@broken("test_what_has_taken_the_place_is_not_destroyed", "has taken the workspace's place")
class ClearsThePlace(SoundWorkspace):
    @hookimpl
    def workspace_restore(self, session, path):
        if not self.workspace_exists(path):
            shutil.rmtree(path, ignore_errors=True)
        return super().workspace_restore(session, path)


@broken("test_a_directory_is_not_yet_a_workspace[emptied]", "is reported as a usable workspace")
class DirectoryIsEnough(SoundWorkspace):
    @hookimpl
    def workspace_exists(self, path):
        return path.is_dir()


@broken("test_a_directory_is_not_yet_a_workspace[inside a repository]", "is reported as a usable workspace")
class AsksGitWhetherInside(SoundWorkspace):
    @hookimpl
    def workspace_exists(self, path):
        try:
            return path.is_dir() and self.git(path, "rev-parse", "--is-inside-work-tree") == "true"
        except HookError:
            return False


@broken("test_a_faulty_program_does_not_make_a_workspace_unusable[denied]", "because a program is denied")
class RefusalIsAbsence(SoundWorkspace):
    @hookimpl
    def workspace_exists(self, path):
        try:
            return Path(self.git(path, "rev-parse", "--show-toplevel")) == path
        except HookError:
            return False


@broken("test_an_existing_branch_is_checked_out_as_it_is", "an existing branch was moved")
class MovesTheBranch(SoundWorkspace):
    def add(self, repository, path, branch, is_new, start):
        self.git(repository, "worktree", "add", "-B", branch, str(path), start)


@broken("test_a_new_branch_starts_from_the_base_that_is_given", "does not start from the base")
class IgnoresTheBase(SoundWorkspace):
    def add(self, repository, path, branch, is_new, start):
        super().add(repository, path, branch, is_new, "HEAD")


@broken("test_unknown_base_is_an_error_and_leaves_nothing[no-such-revision]", "an unknown base is accepted")
class ReplacesAnUnknownBase(SoundWorkspace):
    @hookimpl
    def workspace_create(self, session, repository, branch, base):
        try:
            return super().workspace_create(session, repository, branch, base)
        except HookError:
            return super().workspace_create(session, repository, branch, None)


@broken("test_bad_branch_name_is_an_error_and_leaves_nothing['a b']", "a branch with a bad name is accepted")
class MendsNames(SoundWorkspace):
    @hookimpl
    def workspace_create(self, session, repository, branch, base):
        return super().workspace_create(session, repository, re.sub(r"[^\w/-]+", "-", branch), base)


@broken("test_a_hook_that_hangs_does_not_hang_the_creation", "miss its deadline")
class WaitsForHooks(SoundWorkspace):
    def add(self, repository, path, branch, is_new, start):
        options = ["-b", branch, str(path), start] if is_new else [str(path), branch]
        subprocess.run(
            ["git", "worktree", "add", *options], cwd=repository, check=False, timeout=10, capture_output=True
        )


@broken("test_a_hook_that_hangs_does_not_hang_the_creation", "left running")
class LeavesHooksRunning(SoundWorkspace):
    def end(self, process):
        process.kill()


@broken("test_a_hook_that_fails_leaves_nothing_half_made", "half-made")
class LeavesHalfMade(SoundWorkspace):
    def undo(self, repository, path, branch, is_new):
        pass


@broken("test_variables_of_a_git_hook_do_not_lead_astray", "leads the plugin into another repository")
class FollowsGitDir(SoundWorkspace):
    def environment(self):
        return dict(os.environ)


@broken("test_destroying_twice_is_no_error", "is not ours|cannot be run")
class DestroyingTwiceFails(SoundWorkspace):
    @hookimpl
    def workspace_destroy(self, path, force):
        if not path.exists():
            raise HookError(f"{path} is not ours")
        super().workspace_destroy(path, force)


@broken("test_creating_again_returns_the_same_workspace_and_keeps_its_work", "made another workspace|already")
class MakesAnotherEachTime(SoundWorkspace):
    def path(self, session):
        self.base.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self.base, prefix=f"{session.id}-")) / "-4"


@broken("test_branches_whose_names_begin_alike_have_workspaces_of_their_own", "share a workspace")
class NamesAfterTheBranch(SoundWorkspace):
    def path(self, session):
        return self.base / re.sub(r"\W", "-", session.branch)


@broken("test_a_destroyed_workspace_is_gone", "still lists a workspace that was destroyed")
class RemovesTheDirectoryOnly(SoundWorkspace):
    def remove(self, repository, path):
        shutil.rmtree(path)


@broken("test_a_new_branch_starts_from_what_is_checked_out", "changes the repository's own checkout")
class SwitchesTheMainCheckout(SoundWorkspace):
    def add(self, repository, path, branch, is_new, start):
        self.git(repository, "switch", "--quiet", "--create", f"{branch}-base")
        super().add(repository, path, branch, is_new, start)


@broken("test_repository_may_be_called_anything[shell]", "No such file")
class ExpandsVariables(SoundWorkspace):
    def git(self, place, *arguments):
        return super().git(Path(os.path.expandvars(place)), *arguments)


@broken("test_taking_a_snapshot_changes_nothing", "taking a snapshot changes the index")
class StagesForASnapshot(SoundWorkspace):
    @hookimpl
    def workspace_snapshot(self, session, path, reason):
        self.git(path, "add", "--all")
        return super().workspace_snapshot(session, path, reason)


@broken("test_taking_a_snapshot_changes_nothing", "taking a snapshot changes the files")
class StashesForASnapshot(SoundWorkspace):
    @hookimpl
    def workspace_snapshot(self, session, path, reason):
        taken = super().workspace_snapshot(session, path, reason)
        self.git(path, "-c", "user.name=x", "-c", "user.email=x", "stash", "push", "--include-untracked")
        return taken


@broken("test_a_snapshot_has_all_work_and_gives_it_back", "work is lost or changed in a snapshot: .*sub/untracked")
class OverlooksUntrackedInSnapshots(SoundWorkspace):
    @hookimpl
    def workspace_snapshot(self, session, path, reason):
        untracked = self.git(path, "ls-files", "--others", "--exclude-standard").splitlines()
        with tempfile.TemporaryDirectory() as away:
            for number, name in enumerate(untracked):
                shutil.move(path / name, f"{away}/{number}")
            try:
                return super().workspace_snapshot(session, path, reason)
            finally:
                for number, name in enumerate(untracked):
                    shutil.move(f"{away}/{number}", path / name)


@broken("test_nothing_new_gives_no_snapshot", "gets another snapshot")
class KeepsTheSameAgain(SoundWorkspace):
    @hookimpl
    def workspace_snapshot(self, session, path, reason):
        taken = super().workspace_snapshot(session, path, reason)
        found = self.snapshots(session).all()
        return taken or (found[0] if found else None)


@broken("test_snapshots_survive_the_workspace", "a snapshot is lost with its workspace")
class DropsSnapshotsWithTheWorkspace(SoundWorkspace):
    def remove(self, repository, path):
        super().remove(repository, path)
        for name in self.git(repository, "for-each-ref", "--format=%(refname)", "refs/rouser").split():
            self.git(repository, "update-ref", "-d", name)


@broken("test_what_is_newer_is_not_overwritten_unasked", "overwrites newer work without being asked")
class OverwritesAlways(SoundWorkspace):
    @hookimpl
    def workspace_restore_snapshot(self, session, path, number, overwrite):
        return super().workspace_restore_snapshot(session, path, number, True)


@broken("test_what_is_newer_is_not_overwritten_unasked", "removes what the snapshot does not have")
class ResetsToTheSnapshot(SoundWorkspace):
    @hookimpl
    def workspace_restore_snapshot(self, session, path, number, overwrite):
        if overwrite:
            self.git(path, "clean", "--quiet", "-d", "--force")
        return super().workspace_restore_snapshot(session, path, number, overwrite)


@broken("test_a_missing_snapshot_is_an_error", "a snapshot that does not exist is put back")
class TakesAnotherSnapshot(SoundWorkspace):
    @hookimpl
    def workspace_restore_snapshot(self, session, path, number, overwrite):
        return super().workspace_restore_snapshot(session, path, 1, overwrite)


@broken("test_snapshots_are_listed_newest_first_and_dropped_one_by_one", "drops others, or none")
class DropsNothing(SoundWorkspace):
    @hookimpl
    def workspace_drop_snapshot(self, session, number):
        pass
