#!/bin/sh
# What floor.sh does, and what rouser does besides: a lock, the intent on disk before anything is started, and a look
# whether it runs.
# usage: careful.sh SOCKET CONFIG NAME WORKTREE RECORD COMMAND...
socket=$1 config=$2 name=$3 place=$4 record=$5
shift 5

write() {
    printf '%s %s %s\n' "$1" "$name" "$place" >"$record.new" && sync "$record.new" && mv "$record.new" "$record" &&
        sync "${record%/*}"
}

exec 9>"$record.lock"
flock -n 9 || exit 1
tmux -S "$socket" -f "$config" has-session -t "=$name" 2>/dev/null && exit 1
git -C "$place" rev-parse --is-inside-work-tree >/dev/null || exit 1
write restoring || exit 1
pid=$(tmux -S "$socket" -f "$config" new-session -d -P -F '#{pane_pid}' -s "$name" -c "$place" "$@") || exit 1
kill -0 "$pid" || exit 1
write restored
