#!/bin/sh
# What one would write by hand to restore one session: checks, creates, and writes the record durably.
# usage: floor.sh SOCKET CONFIG NAME WORKTREE RECORD COMMAND...
socket=$1 config=$2 name=$3 place=$4 record=$5
shift 5
tmux -S "$socket" -f "$config" has-session -t "=$name" 2>/dev/null && exit 1
git -C "$place" rev-parse --is-inside-work-tree >/dev/null || exit 1
tmux -S "$socket" -f "$config" new-session -d -s "$name" -c "$place" "$@" || exit 1
printf '%s restored %s\n' "$name" "$place" >"$record.new" && sync "$record.new" && mv "$record.new" "$record" &&
    sync "${record%/*}"
