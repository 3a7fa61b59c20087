# The job: holds a tmux server in the foreground with the agent in it, and the lease that the agent may live by.
# Reads: place, lease, claim, limit, poll, tmux, notice, set by the lines before.
umask 077
PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}
main=$$
node=${SLURMD_NODENAME:-$(uname -n)}
beat=
fate=
agent=
server=
keeper=
nap=
watch=

say() {
    printf '%s\n' "$*" >>"$place/state"
}

uptime() {
    read -r now _ </proc/uptime
    now=${now%.*}
}

lease_is_ours() {
    line=
    IFS= read -r line 2>/dev/null <"$lease"
    [ "$line" = "$claim" ]
}

# Everything that has our tmux server's socket in its environment, or is of the agent's terminal session.
members() {
    {
        grep -lszF "TMUX=$here/tmux," /proc/[0-9]*/environ | while IFS=/ read -r _ _ pid _; do echo "$pid"; done
        [ -z "$agent" ] || ps -o stat=,pid= -s "$agent" 2>/dev/null | while read -r state pid; do
            case $state in Z*) ;; *) echo "$pid" ;; esac
        done
    } | sort -un
}

# Ends all processes of the agent; returns 0 once none is left. $1: signals before KILL, which get a second each.
end_members() {
    for number in $1 KILL KILL KILL KILL KILL KILL; do
        tries=0
        while [ "$tries" -lt 10 ]; do
            found=$(members)
            [ -n "$found" ] || return 0
            if [ "$tries" -eq 0 ] || [ "$number" = KILL ]; then
                kill -s "$number" $found 2>/dev/null
                kill -s CONT $found 2>/dev/null
            fi
            sleep 0.1
            tries=$((tries + 1))
        done
    done
    return 1
}

# What the terminal shows goes to the shared file system, where it outlives this machine.
keep_screen() {
    shown=$here/last
    if [ ! -s "$shown" ]; then
        shown=$here/shown
        timeout 2 "$tmux" -N -u -S "$here/tmux" capture-pane -p -J -S -2000 -t %0 >"$shown" 2>/dev/null
    fi
    if [ -s "$shown" ] && ! cmp -s "$shown" "$here/kept"; then
        cat "$shown" >"$place/screen" && cp "$shown" "$here/kept"
    fi
}

# Waits for a process that works on the shared file system, which may never answer.
wait_a_little() {
    tries=0
    while [ "$tries" -lt 40 ] && kill -0 "$1" 2>/dev/null; do
        sleep 0.05
        tries=$((tries + 1))
    done
}

# $1: why. Without a lease there is no time for manners.
finish() {
    trap '' TERM HUP INT USR1 USR2
    case $1 in
    exited | cancelled)
        keep_screen &
        wait_a_little "$!"
        end_members "HUP TERM"
        ;;
    *) end_members "" ;;
    esac
    gone=$?
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null
    if [ "$gone" -eq 0 ]; then
        say "ended $1" &
        wait_a_little "$!"
    fi
    rm -rf "$here"
    kill -KILL "$watch" "$nap" 2>/dev/null
    exit "$gone"
}

# Renews the beat as long as the lease is ours. A process of its own, as a file system may not answer for ever;
# and should the main one be killed, it ends what that left.
watch_lease() {
    trap '' TERM HUP INT USR1 USR2
    count=0
    while [ -d "$here" ]; do
        if lease_is_ours; then
            count=$((count + 1))
            printf '%s\n' "$count" 2>/dev/null >"$place/beat" && printf '%s\n' "$count" >"$here/beat"
        elif [ "${#line}" -eq "${#claim}" ]; then
            : >"$here/lost"
            kill -USR2 "$main" 2>/dev/null
        fi
        if ! kill -0 "$main" 2>/dev/null; then
            watch=
            read -r agent server 2>/dev/null <"$here/pids"
            finish abandoned
        fi
        sleep "$poll"
    done
}

announce() {
    [ -z "$notice" ] || "$tmux" -N -u -S "$here/tmux" set-buffer -b notice "$notice" \; \
        set-buffer -b enter "$(printf '\r')" \; paste-buffer -p -r -d -b notice -t %0 \; paste-buffer -r -d -b enter -t %0 &
}

lease_is_ours || { say "ended fenced"; exit 0; }
here=$(mktemp -d "${TMPDIR:-/tmp}/rouser-XXXXXXXXXX") || { say "failed there is no room in ${TMPDIR:-/tmp} of $node"; exit 1; }
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
(
    trap - TERM HUP INT USR1 USR2
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
    said=$("$tmux" -N -u -S "$here/tmux" new-session -d -P -F '#{pane_pid} #{pid}' -s agent -x 120 -y 40 \
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
echo "$agent $server" >"$here/pids"
uptime
seen=$now
kept=$now

while [ -z "$fate" ]; do
    sleep "$poll" &
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
    elif [ -e "$here/over" ] || ! kill -0 "$agent" 2>/dev/null; then
        fate=exited
    elif [ $((now - kept)) -ge 10 ] && ! kill -0 "$keeper" 2>/dev/null; then
        kept=$now
        keep_screen &
        keeper=$!
    fi
done
finish "$fate"
