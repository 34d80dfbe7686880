#!/usr/bin/env bash
# Makes a recipe for a corpus: egs/TEMPLATE/setup.sh egs/CORPUS/voc1
#
# The shared parts are links, run.sh and local/ are yours to change; as made, they take a folder of wav files.
# The directory may lie outside the repository too.

set -euo pipefail

die() { printf 'setup.sh: error: %s\n' "$*" >&2; exit 1; }

[ $# -eq 1 ] && [ "${1#-}" = "$1" ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
recipe=${1%/} task=$(basename "$1")
templates=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
root=$(cd "${templates}/../.." && pwd)

[ -e "${templates}/${task}/new/run.sh" ] || die "${recipe} must end in the name of a task, such as egs/CORPUS/voc1"
[ ! -e "${recipe}" ] || die "${recipe} is already there"
mkdir -p "${recipe}"
cd "${recipe}"
corpus=$(basename "$(dirname "${PWD}")")

cp -r "${templates}/${task}/new/." .
sed "s/CORPUS/${corpus}/" "${templates}/${task}/new/run.sh" > run.sh
shared=${templates}/${task} utils=${root}/utils
if [ "$(dirname "$(dirname "${PWD}")")" = "${root}/egs" ]; then # links that move with the repository
    shared=../../TEMPLATE/${task} utils=../../../utils
fi
for file in "${templates}/${task}"/*.sh; do
    ln -s "${shared}/$(basename "${file}")" .
done
ln -s "${shared}/conf" conf
ln -s "${utils}" utils

./run.sh --help > /dev/null || die "${recipe} was made, but its run.sh does not start"
cat << END
made ${recipe}; it starts.  Next:

    cd ${recipe}
    ./run.sh --stage 0 --stop-stage 2 --download_dir /a/folder/of/wav/files

and --resample true if their sampling rate is not that of the mel configuration, 22050 Hz unless you change it.
local/data_download.sh and local/data_prep.py say what the corpus is, run.sh which configurations it uses, and
./run.sh --help lists all options.  egs/README.md goes through all of it.
END
