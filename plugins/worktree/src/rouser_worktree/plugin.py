"""The git worktree plugin of rouser."""
