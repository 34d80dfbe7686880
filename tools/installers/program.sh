#!/usr/bin/env bash
# Sees to a program that no Python package brings, where that is possible: installers/program.sh NAME PURPOSE
#
# NAME is the command and Debian's package.  It is optional, so its absence is no error.

set -uo pipefail
name=$1 purpose=$2

command -v "${name}" > /dev/null && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi

apt_get() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" > /dev/null 2>&1; }

if command -v apt-get > /dev/null; then
    echo "installing ${name}"
    apt_get install --yes --no-install-recommends "${name}" && exit 0
    apt_get update
    apt_get install --yes --no-install-recommends "${name}" && exit 0
fi
echo "note: the program ${name} is not installed (apt-get install ${name}, brew install ${name}); only ${purpose} need it" >&2
