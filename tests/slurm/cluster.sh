#!/usr/bin/env bash
# tests/slurm/cluster.sh - a small Slurm of our own on one machine, for as long as a command runs. Needs root, and
# Debian's slurmctld, slurmd, slurm-client and munge; no systemd, no cgroups, no daemon that runs already.
#
#   cluster.sh check                           can it run here? If not: a line why, and exit code 77
#   cluster.sh run FOLDER NODES COMMAND…       starts node1 … nodeNODES and `ctl`, runs COMMAND on ctl, stops everything
#   cluster.sh exec FOLDER NODE COMMAND…       runs COMMAND on a node of a cluster that runs
#   cluster.sh kill FOLDER NODE                cuts the node's power
#
# To look around:  cluster.sh run "$(mktemp -d)" 3 bash
#
# A node is a process that lies in namespaces of its own for network, host name, mounts and processes, joined to the
# others by a bridge that is on ctl. All nodes see the machine's files, but each has its own /dev/shm and FOLDER/tmp.
# All state is in FOLDER, which must be empty. Nothing is left when the cluster has ended, however it ended: the first
# process of each node ends when the pipe FOLDER/alive has no writer any more, and that is this script alone; with it
# ends all that runs on the node, and its network.
set -uo pipefail
PATH=$PATH:/usr/sbin:/sbin # where the daemons are, also for those who have no use for them

cpus=6 # of each node; more than the machine may have, all nodes share those
say() { echo "cluster.sh: $*" >&2; }

check() {
    local missing=() tool trouble
    for tool in slurmctld slurmd sbatch scontrol sinfo munged ip unshare nsenter; do
        command -v $tool >/dev/null || missing+=("$tool")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        echo "no Slurm here: not in PATH: ${missing[*]} (Debian: slurmctld slurmd slurm-client munge iproute2)"
    elif [ "$(id -u)" != 0 ]; then
        echo "virtual nodes for Slurm need root"
    elif ! trouble=$(setpriv --clear-groups unshare --net --uts --mount --propagation private --pid --fork sh -c \
        'mount -t proc proc /proc && mount -t tmpfs tmpfs /dev/shm && hostname node &&
         ip link add br0 type bridge && ip link add ve0 type veth peer name ve1' 2>&1); then
        echo "no virtual nodes for Slurm: root may not do here what that takes: ${trouble%%$'\n'*}"
    else
        return 0
    fi
    return 77
}

# ---------------------------------------------------------------------------------------------------------- the nodes

# pid_of NODE: its first process, as seen from outside.
pid_of() {
    cat "$folder/run/$1.pid" 2>/dev/null || { say "there is no node $1"; return 1; }
}

# on NODE COMMAND…: in this folder, if the node sees it.
# shellcheck disable=SC2016 # to be expanded there
on() {
    local pid
    pid=$(pid_of "$1") || return 1
    shift
    nsenter -t "$pid" --net --uts --mount --pid sh -c 'cd "$0" 2>/dev/null; exec "$@"' "$PWD" "$@"
}

# network_of NODE COMMAND…: only the network is the node's.
network_of() {
    local pid
    pid=$(pid_of "$1") || return 1
    shift
    nsenter -t "$pid" --net "$@"
}

# The first process of a node: its arguments are the folder and the name. Its own pid as seen from outside is in /proc
# as long as that is the machine's.
# shellcheck disable=SC2016 # to be expanded there
first_process='
    folder=$0 name=$1
    read -r pid _ </proc/self/stat
    hostname "$name" && mount -t proc proc /proc && mount --bind "$folder/hosts" /etc/hosts &&
        mount -t tmpfs -o mode=1777 tmpfs /dev/shm && mount -t tmpfs -o mode=1777 tmpfs "$folder/tmp" &&
        ip link set lo up || exit 1
    echo "$pid" >"$folder/run/$name.new" && mv "$folder/run/$name.new" "$folder/run/$name.pid"
    read -r _ # until the pipe has no writer'

make_node() {
    mkdir -p "$folder/spool/$1"
    unshare --net --uts --mount --propagation private --pid --fork --kill-child \
        bash -c "$first_process" "$folder" "$1" <&9 >"$folder/log/$1.log" 2>&1 8>&- 9<&- &
    for _ in $(seq 250); do
        [ ! -s "$folder/run/$1.pid" ] || return 0
        sleep 0.02
    done
    say "$1 did not start: $(cat "$folder/log/$1.log")"
    return 1
}

# join K: connects nodeK to the bridge and starts Slurm on it.
join() {
    network_of ctl ip link add "to$1" type veth peer name eth0 netns "$(pid_of "node$1")" &&
        network_of ctl ip link set "to$1" master br0 up &&
        network_of "node$1" ip addr add "10.99.0.$((10 + $1))/24" dev eth0 &&
        network_of "node$1" ip link set eth0 up &&
        on "node$1" slurmd -N "node$1" 8>&- 9<&-
}

# -------------------------------------------------------------------------------------------------------- the cluster

# Times are what a test can wait for: a requeued job starts after cred_expire and a second (5 is the least that counts;
# otherwise it is two minutes), a silent node is given up after SlurmdTimeout (five minutes).
write_configuration() {
    local k
    printf '127.0.0.1 localhost\n10.99.0.1 ctl\n' >"$folder/hosts"
    for k in $(seq "$nodes"); do
        echo "10.99.0.$((10 + k)) node$k" >>"$folder/hosts"
    done
    cat >"$folder/slurm.conf" <<END
ClusterName=sheaf-test
SlurmctldHost=ctl(10.99.0.1)
SlurmUser=root
AuthInfo=socket=$folder/run/munge.sock,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
TmpFS=$folder/tmp
SlurmctldPidFile=$folder/run/slurmctld
SlurmdPidFile=$folder/run/slurmd.%n
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=5
MessageTimeout=5
TCPTimeout=1
KillWait=5
NodeName=node[1-$nodes] NodeAddr=10.99.0.[11-$((10 + nodes))] CPUs=$cpus CoresPerSocket=$cpus RealMemory=1000
PartitionName=test Nodes=ALL Default=YES
END
}

start() {
    mkdir -p "$folder"/{run,log,state,spool,tmp} && chmod 755 "$folder" || return 1
    (umask 77 && head -c 128 /dev/urandom >"$folder/munge.key") || return 1
    write_configuration
    # shellcheck disable=SC2094 # both ends here, so that neither waits for the other
    mkfifo "$folder/alive" && exec 8<>"$folder/alive" 9<"$folder/alive" || return 1
    make_node ctl || return 1
    # --force: FOLDER may lie where only its owner may go
    network_of ctl sh -c 'ip link add br0 type bridge && ip addr add 10.99.0.1/24 dev br0 && ip link set br0 up' &&
        on ctl munged --force --key-file="$folder/munge.key" --socket="$folder/run/munge.sock" \
            --pid-file="$folder/run/munged" --log-file="$folder/log/munged.log" \
            --seed-file="$folder/run/munge.seed" 8>&- 9<&- &&
        on ctl slurmctld -c 8>&- 9<&- || return 1
    for k in $(seq "$nodes"); do
        make_node "node$k" && join "$k" || return 1
    done
    for _ in $(seq 150); do
        [ "$(on ctl timeout 5 sinfo -hNt idle -o %N 2>/dev/null | wc -l)" != "$nodes" ] || return 0
        sleep 0.1
    done
    say "the nodes are not ready after 15 s"
    on ctl timeout 5 sinfo >&2
    tail -n 20 "$folder"/log/* >&2
    return 1
}

# Ends every node with all that runs there, and waits until they are gone.
stop() {
    exec 8>&- 9<&-
    wait
}

# The cluster that a surrounding job of another Slurm runs on is none of its business.
open_folder() {
    unset "${!SLURM@}" "${!SBATCH@}" "${!SRUN@}" "${!SQUEUE@}" "${!SCANCEL@}"
    folder=$(cd "$1" && pwd -P) || return 1
    export SLURM_CONF=$folder/slurm.conf TMPDIR=$folder/tmp
}

case ${1:-} in
check)
    check
    ;;
run)
    [ $# -ge 4 ] || { say "run FOLDER NODES COMMAND…"; exit 2; }
    mkdir -p "$2" && open_folder "$2" || exit 2
    [ -z "$(ls -A "$folder")" ] || { say "$2 should be an empty folder"; exit 2; }
    nodes=$3
    shift 3
    check >&2 || exit
    trap stop EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    start || exit 1
    on ctl "$@" 8>&- 9<&-
    ;;
exec | kill)
    [ $# -ge 3 ] || { say "$1 FOLDER NODE …"; exit 2; }
    open_folder "$2" || exit 2
    if [ "$1" = exec ]; then
        node=$3
        shift 3
        on "$node" "$@"
    else
        pid=$(pid_of "$3") && rm "$folder/run/$3.pid" && kill -KILL "$pid"
    fi
    ;;
*)
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
