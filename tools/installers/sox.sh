#!/usr/bin/env bash
# Sees to the program sox where that is possible: installers/sox.sh
#
# Only corpora whose wav.scp has lines such as "sox a.flac -t wav - |" need it, so its absence is no error.

set -uo pipefail

command -v sox > /dev/null && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi

apt_get() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" > /dev/null 2>&1; }

if command -v apt-get > /dev/null; then
    echo "installing sox"
    apt_get install --yes --no-install-recommends sox && exit 0
    apt_get update
    apt_get install --yes --no-install-recommends sox && exit 0
fi
echo "note: the program sox is not installed (apt-get install sox, brew install sox); only pipes in wav.scp need it" >&2
