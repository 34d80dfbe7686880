#!/usr/bin/env bash
# Stage 1, writes data/{train,dev,eval}: local/data_prep.sh [options] DOWNLOAD_DIR

. ./path.sh
. utils/common.sh

# begin options
num_dev=       # Utterances in the dev set, instead of local/corpus.yaml's.
num_eval=      # Utterances in the eval set, the same.
# end options
. utils/parse_options.sh

[ $# -eq 1 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }

python3 local/data_prep.py "$1" "${num_dev}" "${num_eval}"
