"""Snapshots of a git checkout, for workspace plugins; git is run by the plugin that uses them."""
