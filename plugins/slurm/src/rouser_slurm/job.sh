# The job: holds a tmux server in the foreground with the agent in it, and the lease that the agent may live by.
# Reads: place, lease, claim, limit, poll, tmux, notice, set by the lines before.
umask 077
PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}
main=$$
temporary=${TMPDIR:-/tmp}
node=${SLURMD_NODENAME:-$(uname -n)}
guard=
beat=
fate=
agent=
server=
keeper=
nap=
watch=
common=

say() {
    printf '%s\n' "$*" >>"$place/state"
}

# Sets now, in seconds, and moment, in hundredths of them.
uptime() {
    read -r moment _ </proc/uptime
    now=${moment%.*}
    moment=$now${moment#*.}
}

lease_is_ours() {
    line=
    IFS= read -r line 2>/dev/null <"$lease"
    [ "$line" = "$claim" ]
}

# Runs a command of tmux's; the pipes are the main process's alone, so that their end is its end.
ask_tmux() {
    "$tmux" -N -u -S "$here/tmux" "$@" 4>&- 6<&- 7>&-
}

# Leaves the end to the guard, and waits for it: until then this is no job that is over.
finish() {
    trap '' TERM HUP INT USR1 USR2 PIPE
    printf '%s\n' "$1" 2>/dev/null >&7
    exec 7>&-
    read -r rest <&6
    [ ! -d "$here" ] || end_all "$1"
    kill -s KILL "$nap" 2>/dev/null
    exit 0
}

# Renews the beat as long as the lease is ours. A process of its own, as a file system may not answer for ever.
watch_lease() {
    trap '' TERM HUP INT USR1 USR2
    exec 4>&- 6<&- 7>&-
    count=0
    while [ -d "$here" ]; do
        if lease_is_ours; then
            count=$((count + 1))
            printf '%s\n' "$count" 2>/dev/null >"$place/beat" && printf '%s\n' "$count" >"$here/beat"
        elif [ "${#line}" -eq "${#claim}" ]; then
            : >"$here/lost"
            kill -USR2 "$main" 2>/dev/null
        fi
        sleep "$poll"
    done
}

announce() {
    [ -z "$notice" ] || ask_tmux set-buffer -b notice "$notice" \; \
        set-buffer -b enter "$(printf '\r')" \; paste-buffer -p -r -d -b notice -t %0 \; paste-buffer -r -d -b enter -t %0 &
}

if [ "$1" = guard ]; then
    here=$2
    guard
    exit 0
fi
lease_is_ours || { say "ended fenced"; exit 0; }
here=$(mktemp -d "$temporary/rouser-slurm-$$-XXXXXX") || { say "failed there is no room in $temporary of $node"; exit 1; }
exec 4>"$here/lock"
flock -n 4
cat >"$here/conf" <<END
set -g history-limit 10000
set -g remain-on-exit on
set -gq remain-on-exit-format ""
set -g update-environment ""
set -g destroy-unattached off
set-hook -g pane-died 'if -F "#{==:#{hook_pane},%0}" "capture-pane -J -b last -S - -t %0 ; save-buffer -b last $here/last ; kill-server" "kill-pane -t \"#{hook_pane}\""'
END
trap 'fate=cancelled' TERM
trap 'announce' USR1
trap : USR2 HUP INT
# Both ends of the pipes are opened before there is a guard, so that neither can miss the other's end.
mkfifo "$here/word" "$here/guard"
exec 9<>"$here/word" 8<"$here/word" 7>"$here/word" 9<>"$here/guard" 6<"$here/guard" 5>"$here/guard" 9>&-
(setsid /bin/sh "$0" guard "$here" 6<&- 7>&- &)
exec 5>&- 8<&-
read -r guard <&6 || { say "failed the job cannot be guarded on $node: setsid does not work"; rm -rf "$here"; exit 1; }
(
    trap - TERM HUP INT USR1 USR2
    exec 4>&- 6<&- 7>&-
    "$tmux" -D -u -f "$here/conf" -S "$here/tmux"
    : >"$here/over"
    kill -USR2 "$main"
) &
watch_lease &
watch=$!

tries=0
while [ ! -S "$here/tmux" ] && [ ! -e "$here/over" ] && [ "$tries" -lt 500 ]; do
    sleep 0.02
    tries=$((tries + 1))
done
tries=0
while :; do
    said=$(exec 4>&- 6<&- 7>&-; ask_tmux new-session -d -P -F '#{pane_pid} #{pid}' -s agent -x 120 -y 40 \
        /bin/sh "$place/launch" \; set -s exit-empty on 2>&1) && break
    tries=$((tries + 1))
    if [ "$tries" -gt 50 ] || [ -e "$here/over" ]; then
        say "failed tmux does not start on $node: $said"
        finish exited
    fi
    sleep 0.1
done
agent=${said%% *}
server=${said##* }
echo "$agent $server $watch" >"$here/pids"
uptime
seen=$now
kept=$now
sweep 4>&- 6<&- 7>&- 2>/dev/null &

while [ -z "$fate" ]; do
    sleep "$poll" 4>&- 6<&- 7>&- &
    nap=$!
    wait "$nap"
    kill "$nap" 2>/dev/null
    # Now and then tmux does not hear that the agent has ended, which stays a zombie then; told once more, it looks.
    [ -e "$here/over" ] || kill -CHLD "$server" 2>/dev/null
    uptime
    count=
    read -r count 2>/dev/null <"$here/beat"
    if [ "$count" != "$beat" ]; then
        beat=$count
        seen=$now
    fi
    if [ -e "$here/lost" ]; then
        fate=fenced
    elif [ $((now - seen)) -ge "$limit" ]; then
        fate="cut off"
    elif ! kill -0 "$guard" 2>/dev/null; then
        fate=unguarded
    elif [ -e "$here/over" ] || ! kill -0 "$agent" 2>/dev/null; then
        fate=exited
    elif [ $((now - kept)) -ge 10 ] && ! kill -0 "$keeper" 2>/dev/null; then
        kept=$now
        { look; keep_screen "$here/shown"; } 4>&- 6<&- 7>&- &
        keeper=$!
    fi
done
finish "$fate"
