# How a job's agent is ended, and what it left is found and removed: functions that job.sh uses.

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

# Says whether nothing is left that find_members would find, for sure. That takes a search, too, but jobs that end at
# the same time share it: one that begins after they asked answers all of them. Nothing is ended for what others saw.
nothing_left() {
    [ -n "$common" ] || return 1
    [ -d "$common" ] || mkdir -m 700 "$common" 2>/dev/null
    [ -d "$common" ] && [ ! -L "$common" ] && [ -O "$common" ] || return 1
    uptime
    asked=$moment
    pause=0.1
    tries=0
    while :; do
        begun=
        searcher=
        read -r begun searcher 2>/dev/null <"$common/begun"
        if [ "${begun:-0}" -gt "$asked" ]; then
            seen=$(cat "$common/seen.$begun.$searcher" 2>/dev/null) || return 1
            break
        elif take_turn; then
            search_for_all 2>/dev/null || return 1
            break
        elif [ "$tries" -ge 6 ]; then
            rm -f "$common/turn" # whoever took it may be no more
            return 1
        fi
        sleep "$pause"
        pause=0.4
        tries=$((tries + 1))
    done
    case $seen in
    *"TMUX=$here/tmux,"* | *" $agent "*) return 1 ;;
    *" $$ "*) ;; # who asked is in a session of its own; a search that did not see that has not seen all
    *) return 1 ;;
    esac
}

take_turn() {
    set -C
    { true >"$common/turn"; } 2>/dev/null
    taken=$?
    set +C
    return "$taken"
}

# Sets seen to what all searches look for, and writes it down, then when the search began. Where many jobs end, it waits
# for more of them. Each search has a file of its own; the one before it stays for those who still read it.
search_for_all() {
    before=${begun:-0}
    [ "$before" -lt $((asked - 50)) ] || sleep 0.2
    uptime
    seen=$(LC_ALL=C grep -asohz "TMUX=.*" /proc/[0-9]*/environ)
    marks=$?
    seen="$seen $(LC_ALL=C grep -asohzE "[)] [^ZX] -?[0-9]+ -?[0-9]+ [0-9]+ " /proc/[0-9]*/stat)"
    sessions=$?
    [ "$marks" -le 2 ] && [ "$sessions" -le 2 ] &&
        printf '%s\n' "$seen" >"$common/seen.$moment.$$" && echo "$moment $$" >"$common/begun"
    failed=$?
    set -- "$common/turn"
    for each in "$common"/seen.*; do
        case ${each##*/} in "seen.$before."* | "seen.$moment."*) ;; *) set -- "$@" "$each" ;; esac
    done
    rm -f "$@"
    return "$failed"
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
    [ -z "$polite" ] || ! nothing_left || return
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
    teller=$!
    remove
    wait_a_little "$teller"
}

# Removes the directory on this machine. Under another name, so that nobody can put anything into it meanwhile. The last
# job of those that may share searches removes what they shared, also what is left of it from before a reboot.
remove() {
    mv "$here" "$here.over" 2>/dev/null
    set -- "$here.over"
    for each in "$temporary"/rouser-slurm-*-??????; do
        [ ! -O "$each" ] || common=
    done
    if [ -n "$common" ]; then
        for each in "$shared"-*; do
            [ ! -O "$each" ] || set -- "$@" "$each"
        done
    fi
    rm -rf "$@"
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
    # Searches are shared by those who see the same processes: one user's jobs in one namespace since one boot.
    set -- $(stat -L -c '%u %i' /proc/self /proc/self/ns/pid 2>/dev/null)
    boot=
    read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id
    shared=$temporary/rouser-slurm.search-$1
    [ "$#" -ne 4 ] || [ -z "$boot" ] || common=$shared-$4-$boot
    fate=
    read -r fate <&8
    end_all "${fate:-abandoned}"
}

