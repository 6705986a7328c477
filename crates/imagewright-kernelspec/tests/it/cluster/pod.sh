#!/bin/sh
# Runs the command of a pod in a root of its own: pod.sh FOLDER IMAGE USER:GROUP GROUP COMMAND…, in fresh namespaces of mounts, processes and names.
# FOLDER/upper has what the root has beside what IMAGE has, the root of another system or of this machine.
set -eu
folder="$1" image="$2" user="$3" groups="$4"
shift 4
hostname "$(printenv HOSTNAME)"
mkdir "$folder/over"
# An overlay may not lie on another one, which the machine's root may be.
mount -t tmpfs none "$folder/over"
cd "$folder/over"
mkdir work root
cp -a ../upper .
mount -t overlay none -o lowerdir="$image",upperdir=upper,workdir=work root
# Kernels, Python and Spark may lie in the home of root, which is open in the overlay only.
chmod 755 root/root root/root/.cache 2>/dev/null || true
chmod 1777 root/tmp
mount -t proc proc root/proc
mount --rbind /dev root/dev
exec /usr/sbin/chroot --userspec="$user" --groups="$groups" root "$@"
