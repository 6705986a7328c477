# What the scripts here share. To be sourced, from the root of the repository.
# shellcheck shell=bash

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    say "error: $1"
    shift
    for hint in "$@"; do say "hint: $hint"; done
    exit 1
}

has() {
    command -v "$1" >/dev/null
}

is_root() {
    [ "$(id -u)" = 0 ]
}

# The folder of the content store, by the program's own rules.
store_root() {
    local data="${XDG_DATA_HOME:-$HOME/.local/share}"
    printf '%s\n' "${IMAGEWRIGHT_ROOT:-$data/imagewright}"
}

# Where `cargo install` puts programs.
cargo_bin() {
    printf '%s\n' "${CARGO_INSTALL_ROOT:-${CARGO_HOME:-$HOME/.cargo}}/bin"
}

# A Python that has pip.
python_with_pip() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -m pip --version >/dev/null 2>&1; then
            printf '%s\n' "$python"
            return
        fi
    done
    return 1
}

# The names of the packages that are missing to build the program and to run it.
packages_to_run() {
    has cc || echo gcc libc6-dev
    has gpgv || echo gpgv
    # Whoever is not root becomes it in a namespace.
    is_root || has newuidmap || echo uidmap
    [ -f /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
    [ -x "$(store_root)/tools/uv" ] || python_with_pip >/dev/null || echo python3-pip
    case "$(. /etc/os-release && echo "$ID")" in
        debian) [ -f /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring ;;
        ubuntu) [ -f /usr/share/keyrings/ubuntu-archive-keyring.gpg ] || echo ubuntu-keyring ;;
    esac
}

# Installs packages by name, where there are any to install.
install_packages() {
    [ $# -gt 0 ] || return 0
    has apt-get || fail "these Debian packages, or what they are called here, are missing: $*"
    is_root || fail "these packages are missing: $*" "apt-get install --no-install-recommends $*"
    say "installing $*"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@" >/dev/null </dev/null
}
