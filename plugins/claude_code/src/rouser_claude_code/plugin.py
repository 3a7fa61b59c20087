"""The Claude Code plugin of rouser."""
