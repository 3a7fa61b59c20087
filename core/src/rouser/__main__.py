"""``python -m rouser``."""

from rouser.cli import main

main()
