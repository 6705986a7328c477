#!/bin/bash
# The start script of docker-stacks, as small as a test needs it. MODE says what is wrong with it.
set -e
place=2
[ "$MODE" = stdout ] && place=1
log() {
    case "$1" in INFO) [ -n "$JUPYTER_DOCKER_STACKS_QUIET" ] && [ "$MODE" != loud ] && return 0 ;; esac
    [ -n "$JUPYTER_DOCKER_STACKS_QUIET" ] && [ "$MODE" = mute ] && return 0
    echo "$1: $2" >&$place
}
log INFO "starting"
if [ "$MODE" != hookless ]; then
    for hook in /usr/local/bin/before-notebook.d/*; do
        case "$hook" in
        *.sh) source "$hook" ;;
        *) if [ -x "$hook" ]; then "$hook" || { log ERROR "$hook failed"; [ "$MODE" != strict ] || exit 1; }; fi ;;
        esac
    done
fi
if [ "$MODE" != telling ]; then
    for name in ${JUPYTER_ENV_VARS_TO_UNSET//,/ }; do unset "$name"; done
fi
if [ "$(id -u)" = 0 ] && [ "$MODE" != root ]; then
    groupadd --force --gid "$NB_GID" --non-unique crew
    userdel jovyan
    useradd --no-log-init --home-dir "/home/$NB_USER" --create-home --shell /bin/bash --uid "$NB_UID" --gid "$NB_GID" "$NB_USER"
    [ "$MODE" = homeless ] && chown root /home/alice && chmod 755 /home/alice
    export HOME="/home/$NB_USER"
    exec setpriv --reuid "$NB_UID" --regid "$NB_GID" --clear-groups "$@"
fi
if ! id -un > /dev/null 2>&1 && [ -w /etc/passwd ] && [ "$MODE" != nameless ]; then
    echo "me:x:$(id -u):$(id -g):,,,:/home/jovyan:/bin/bash" >> /etc/passwd
fi
[ "$MODE" = picky ] && [ "$(id -u)" = 4711 ] && { log ERROR "who is that"; exit 1; }
[ "$GRANT_SUDO" = yes ] && log WARNING "container must be started as root to grant sudo permissions"
[ "${NB_USER:-jovyan}" != jovyan ] && log WARNING "container must be started as root to change the name with NB_USER=$NB_USER"
[ "${NB_UID:-1000}" != 1000 ] && log WARNING "container must be started as root to change the id with NB_UID=$NB_UID"
[ "${NB_GID:-100}" != 100 ] && log WARNING "container must be started as root to change the group with NB_GID=$NB_GID"
[ "$MODE" = twice ] && log WARNING "NB_UID=$NB_UID again"
exec "$@"
