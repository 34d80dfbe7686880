#!/usr/bin/env bash
# Unpacks an archive: utils/unpack.sh ARCHIVE DIRECTORY
#
# DIRECTORY appears only when it is whole, so one that is there is left alone.  It gets the contents of the archive's
# top folder where there is just one, else of the archive.

set -euo pipefail

die() { printf 'unpack.sh: error: %s\n' "$*" >&2; exit 1; }

[ $# -eq 2 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
archive=$1 directory=${2%/} partial=${2%/}.partial

[ ! -d "${directory}" ] || exit 0
[ -f "${archive}" ] || die "there is no archive ${archive}"
rm -rf "${partial}"
trap 'rm -rf "${partial}"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "${partial}"

case ${archive} in
    *.zip) python3 -m zipfile -e "${archive}" "${partial}" ;;
    *) tar --extract --file "${archive}" --directory "${partial}" --no-same-owner ;;
esac || die "cannot unpack ${archive}; it is damaged, or the disk is full"

shopt -s nullglob dotglob
entries=("${partial}"/*)
[ ${#entries[@]} -gt 0 ] || die "${archive} is empty"
if [ ${#entries[@]} -eq 1 ] && [ -d "${entries[0]}" ]; then
    mv "${entries[0]}" "${directory}"
else
    mv "${partial}" "${directory}"
fi
