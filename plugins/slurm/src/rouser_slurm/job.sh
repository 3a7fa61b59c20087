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

# Runs a command of tmux's; the pipes are the main process's alone, so that their end is its end.
ask_tmux() {
    "$tmux" -N -u -S "$here/tmux" "$@" 4>&- 6<&- 7>&-
}

runs() {
    stat=
    read -r stat 2>/dev/null <"/proc/$1/stat"
    case ${stat##*) } in '' | [ZX]*) return 1 ;; esac
}

# Sets found to all that has our tmux server's socket in its environment, or is of the agent's terminal session.
# Returns 1 if the search was killed, whose silence would say that nothing is left.
find_members() {
    paths=$(grep -lszF "TMUX=$here/tmux," /proc/[0-9]*/environ)
    [ "$?" -le 2 ] || return 1
    if [ -n "$agent" ]; then
        paths="$paths $(grep -lszE "^[0-9]+ [(].*[)] [^ZX] -?[0-9]+ -?[0-9]+ $agent " /proc/[0-9]*/stat)"
        [ "$?" -le 2 ] || return 1
    fi
    found=
    for path in $paths; do
        path=${path#/proc/}
        found="$found ${path%/*}"
    done
}

# Sends processes signals, and waits for a second at most until all have gone. $1: the signals. $2: the
# processes.
ask_to_go() {
    for number in $1 CONT; do
        for each in $2; do
            kill -s "$number" -- "$each" 2>/dev/null
        done
    done
    tries=0
    while [ "$tries" -lt 20 ]; do
        left=
        for each in $2; do
            ! runs "${each#-}" || left=1
        done
        [ -n "$left" ] || return 0
        [ -z "$server" ] || kill -s CHLD "$server" 2>/dev/null
        sleep 0.05
        tries=$((tries + 1))
    done
}

# Ends all processes of the agent, however long that takes. A search looks at every process of the machine, so that
# what goes when its terminal hangs up is searched for once, when it has gone. $1: not empty if there is time to ask.
end_members() {
    polite=$1
    if [ -n "$polite" ] && [ -n "$agent" ]; then
        ask_to_go HUP "-$agent"
        if runs "$agent" && find_members; then
            ask_to_go "HUP TERM" "$found"
            polite=
        fi
    fi
    if [ -n "$server" ]; then
        kill -s KILL "$server" 2>/dev/null
    else
        timeout 2 "$tmux" -N -S "$here/tmux" kill-server 2>/dev/null
    fi
    while ! find_members || [ -n "$found" ]; do
        if [ -n "$polite" ]; then
            ask_to_go "HUP TERM" "$found"
            polite=
        else
            kill -s KILL $found 2>/dev/null
            sleep 0.1
        fi
    done
}

# Has tmux write down what the terminal shows, on this machine.
look() {
    timeout 2 "$tmux" -N -u -S "$here/tmux" capture-pane -p -J -S -2000 -t %0 2>/dev/null >"$here/shown"
}

# What the terminal showed goes to the shared file system, where it outlives this machine. $1: the file.
keep_screen() {
    shown=$1
    [ -s "$shown" ] || shown=$here/shown
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

# Ends everything, and says so when nothing is left. $1: why. Without a lease there is no time for manners.
end_all() {
    read -r agent server watch 2>/dev/null <"$here/pids"
    case $1 in
    cancelled)
        look
        [ ! -s "$here/shown" ] || cat "$here/shown" >"$place/screen" &
        keeper=$!
        end_members politely
        wait_a_little "$keeper"
        ;;
    exited)
        look
        tries=0
        while [ "$tries" -lt 10 ] && [ ! -e "$here/over" ]; do
            sleep 0.05
            tries=$((tries + 1))
        done
        end_members politely
        keep_screen "$here/last" &
        wait_a_little "$!"
        ;;
    *) end_members "" ;;
    esac
    [ -z "$watch" ] || kill -s KILL "$watch" 2>/dev/null
    say "ended $1" &
    wait_a_little "$!"
    remove
}

# Removes the directory on this machine. Under another name, so that nobody can put anything into it meanwhile.
remove() {
    mv "$here" "$here.over" 2>/dev/null
    rm -rf "$here.over"
}

# Ends and removes what jobs left on this machine that were killed together with their guards. A number may be another
# process's by now, or another namespace's, so the lock decides: it is held while there is anybody to clean up.
sweep() {
    for here in "$temporary"/rouser-slurm-*-??????*; do
        maker=${here%-*}
        [ -d "$here" ] && [ ! -L "$here" ] && [ -O "$here" ] && ! kill -0 "${maker##*-}" 2>/dev/null || continue
        (
            flock -n 3 2>/dev/null || exit
            agent=
            server=
            end_members ""
            remove
        ) 3>>"$here/lock"
    done
}

# Slurm may kill all that it can track of a job while the agent's end is being waited for, and where it tracks by
# descent, it has then lost the agent: its tmux went first, and it was asked to go too. So whoever ends the agent
# is no descendant. It learns by a pipe of the main process's end, and of what that says: why all is to be ended.
guard() {
    trap '' TERM HUP INT USR1 USR2
    echo "$$" >&5
    fate=
    read -r fate <&8
    end_all "${fate:-abandoned}"
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
