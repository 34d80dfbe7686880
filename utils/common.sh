#!/usr/bin/env bash
# Sourced by every recipe script: strictness, messages, stages, and a last word when a script fails.

set -euo pipefail

current_stage=

log() { printf '%(%F %T)T %s: %s\n' -1 "${0##*/}" "$*" >&2; }
die() { log "error: $*"; exit 1; }

# begin_stage N MESSAGE: is stage N wanted?  Use as: if begin_stage 3 "training"; then ... fi
begin_stage() {
    current_stage=
    if [ "$1" -lt "${stage:?}" ] || [ "$1" -gt "${stop_stage:?}" ]; then
        return 1
    fi
    current_stage=$1
    log "stage $1: $2"
}

# Every stage goes on from what is complete, so the same stage again is always the way to continue.
report_exit() {
    local status=$?
    [ "${status}" -ne 0 ] && [ -n "${current_stage}" ] || return 0
    case ${status} in
        129 | 130 | 143) log "stage ${current_stage} was interrupted; --stage ${current_stage} goes on from there" ;;
        137) log "stage ${current_stage} was killed (out of memory?); --stage ${current_stage} goes on from there" ;;
        *) log "stage ${current_stage} failed with status ${status}; mend the cause, then go on with --stage ${current_stage}" ;;
    esac
}
trap report_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
