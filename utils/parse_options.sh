#!/usr/bin/env bash
# Reads "--name value" options into the variables that the sourcing script declares between two marks:
#
#     # begin options
#     stage=1       # First stage to run.
#     # end options
#     . utils/parse_options.sh
#
# A declared variable is an option, its value the default, its comment the help.  --name=value and --stop-stage for
# stop_stage work too.  A default of true or false takes only these, a whole number only whole numbers.  Options end
# at --, or at the first word that is none; "$@" keeps the rest.  Wrong use ends the script with status 2.

# The lines between the marks of the sourcing script.
_option_block() { sed -n '/^# begin options$/,/^# end options$/{/^# \(begin\|end\) options$/d;p;}' "${_option_script}"; }

_option_script=${BASH_SOURCE[1]}
declare -A _option_default=()
while IFS= read -r _option_line; do
    if [[ ${_option_line} =~ ^([a-z][a-z0-9_]*)= ]]; then
        _option_default[${BASH_REMATCH[1]}]=${!BASH_REMATCH[1]}
    fi
done < <(_option_block)

# The comment at the head of the script, then each option with its value at this point and its comment.
_option_help() {
    local line name
    sed -n '2,${/^#/!q;s/^# \{0,1\}//;p;}' "${_option_script}"
    printf '\nOptions, with their present values:\n'
    while IFS= read -r line; do
        if [[ ${line} =~ ^([a-z][a-z0-9_]*)=[^#]*(# ?(.*))?$ ]]; then
            name=${BASH_REMATCH[1]}
            printf '  --%-15s %-28s %s\n' "${name}" "${!name:-(none)}" "${BASH_REMATCH[3]}"
        elif [[ ${line} =~ ^\ *#\ ?(.*)$ ]]; then
            printf '  %46s %s\n' "" "${BASH_REMATCH[1]}"
        fi
    done < <(_option_block)
}

_option_error() {
    printf '%s: error: %s; see %s --help\n' "${_option_script##*/}" "$1" "${_option_script}" >&2
    exit 2
}

# The declared name that shares the longest beginning with $1.
_option_nearest() {
    local length name
    for ((length = ${#1}; length >= 2; length--)); do
        for name in "${!_option_default[@]}"; do
            [[ ${name} == "${1:0:length}"* ]] && printf ', did you mean --%s?' "${name}" && return
        done
    done
}

# Is $1, less its dashes, the name of an option?
_option_exists() { [[ $1 =~ ^[a-z][a-z0-9_]*$ ]] && [ -n "${_option_default[$1]+set}" ]; }

_option_set() {
    local word=$1 value=$2 name=${1#--}
    name=${name//-/_}
    if ! _option_exists "${name}"; then
        _option_error "no option ${word}$(_option_nearest "${name}")"
    elif [[ ${_option_default[${name}]} =~ ^(true|false)$ ]] && ! [[ ${value} =~ ^(true|false)$ ]]; then
        _option_error "option ${word} takes true or false, not '${value}'"
    elif [[ ${_option_default[${name}]} =~ ^[0-9]+$ ]] && ! [[ ${value} =~ ^[0-9]+$ ]]; then
        _option_error "option ${word} takes a whole number, not '${value}'"
    fi
    printf -v "${name}" %s "${value}"
}

while [ $# -gt 0 ]; do
    case $1 in
        --help | -h)
            _option_help
            exit 0
            ;;
        --)
            shift
            break
            ;;
        --*=*)
            _option_set "${1%%=*}" "${1#*=}"
            shift
            ;;
        --*)
            [ $# -ge 2 ] || _option_error "option $1 needs a value"
            if [[ $2 == --* ]] && _option_value=${2#--} && _option_exists "${_option_value//-/_}"; then
                _option_error "option $1 needs a value, not $2 (if that is the value: $1=$2)"
            fi
            _option_set "$1" "$2"
            shift 2
            ;;
        -?*) _option_error "no option $1, they begin with two dashes" ;;
        *) break ;;
    esac
done
unset _option_line _option_script _option_default _option_value
unset -f _option_block _option_exists _option_help _option_error _option_nearest _option_set
