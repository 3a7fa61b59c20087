"""The tmux runtime plugin of rouser."""
