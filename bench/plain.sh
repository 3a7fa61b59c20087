#!/bin/sh
# Plain sessions, one after another, with nothing checked and nothing recorded.
# usage: plain.sh SOCKET CONFIG DIRECTORY...
socket=$1 config=$2
shift 2
for place; do
    tmux -S "$socket" -f "$config" new-session -d -s "${place##*/}" -c "$place" sleep 86400 || exit 1
done
