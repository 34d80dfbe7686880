#!/usr/bin/env bash
# Downloads a file and checks its sum: utils/download.sh URL SHA256 FILE
#
# Where a corpus publishes no SHA-256 but an MD5, that may stand in its place: it tells a broken file, not a forged one.
# FILE appears only when it is whole.  What has arrived so far waits in FILE.partial, where the same command goes on.

set -euo pipefail

die() { printf 'download.sh: error: %s\n' "$*" >&2; exit 1; }

[ $# -eq 3 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
url=$1 expected=$2 file=$3 partial=$3.partial
if [[ ${expected} =~ ^[0-9a-f]{64}$ ]]; then
    kind=SHA-256
elif [[ ${expected} =~ ^[0-9a-f]{32}$ ]]; then
    kind=MD5
else
    die "'${expected}' is not a SHA-256 (64 hexadecimal digits), nor an MD5 (32)"
fi

sum_of() {
    case ${kind} in
        MD5) if command -v md5sum > /dev/null; then md5sum < "$1"; else md5 -q "$1"; fi ;;
        *) if command -v sha256sum > /dev/null; then sha256sum < "$1"; else shasum -a 256 < "$1"; fi ;;
    esac | cut -d ' ' -f 1
}

is_whole() { [ -e "$1" ] && [ "$(sum_of "$1")" = "${expected}" ]; }

# Goes on with ${partial}; status 33 means that the server can only start anew.
fetch_with_curl() {
    local progress=--silent http status=0
    [ -t 2 ] && progress=--progress-bar
    http=$(curl --fail --location --show-error "${progress}" --connect-timeout 30 --retry 3 --continue-at - \
        --write-out '%{http_code}' --output "${partial}" "${url}") || status=$?
    [ "${http}" = 416 ] && status=33
    return "${status}"
}

fetch_with_wget() {
    local progress=--no-verbose
    [ -t 2 ] && progress=--show-progress
    wget --continue "${progress}" --timeout 30 --tries 4 --output-document "${partial}" "${url}"
}

# explain TOOL STATUS: what the exit status of curl or wget means.
explain() {
    case $1-$2 in
        curl-6 | curl-7 | curl-28 | wget-4) echo "no answer from ${url}; check the network, then run the same command again" ;;
        curl-18 | curl-56 | wget-3) echo "the transfer of ${url} broke off; run the same command again to go on" ;;
        curl-22 | wget-8) echo "the server does not give out ${url}; get the file by hand and put it at ${file}" ;;
        curl-23) echo "cannot write ${partial}; is the disk full?" ;;
        *) echo "$1 ended with status $2 on ${url}" ;;
    esac
}

fetch() {
    local tool status=0
    for tool in curl wget none; do
        command -v "${tool}" > /dev/null && break
    done
    [ "${tool}" != none ] || die "neither curl nor wget is installed"
    "fetch_with_${tool}" || status=$?
    if [ "${tool}-${status}" = curl-33 ]; then
        rm -f "${partial}"
        status=0
        fetch_with_curl || status=$?
    fi
    [ "${status}" -eq 0 ] || die "$(explain "${tool}" "${status}")"
}

if [ -e "${file}" ]; then
    is_whole "${file}" || die "${file} is there, but its ${kind} is not ${expected}; move it away"
    exit 0
fi
mkdir -p "$(dirname "${file}")"
is_whole "${partial}" || fetch
if ! is_whole "${partial}"; then
    found=$(sum_of "${partial}")
    rm -f "${partial}"
    die "what came from ${url} has ${kind} ${found}, expected ${expected}; it was removed"
fi
mv "${partial}" "${file}"
