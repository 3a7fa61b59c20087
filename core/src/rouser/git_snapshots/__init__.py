"""Snapshots of a git checkout, for workspace plugins."""
