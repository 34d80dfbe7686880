#!/usr/bin/env bash
# Writes data/{train,dev,eval} of a corpus in LJ Speech's layout: local/data_prep.sh [options] DOWNLOAD_DIR [DATA_DIR]

. ./path.sh
. utils/common.sh

# begin options
corpus=LJSpeech-1.1    # Folder under DOWNLOAD_DIR that holds metadata.csv and wavs/.
num_dev=500            # Utterances before the last num_eval ones: dev.
num_eval=500           # The last utterances in the order of their ids: eval.
max_unpaired=0         # So many wavs may lack a line in metadata.csv, or lines a wav.
# end options
. utils/parse_options.sh

[ $# -eq 1 ] || [ $# -eq 2 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }

python3 ../../ljspeech/voc1/local/data_prep.py --corpus "${corpus}" --num_dev "${num_dev}" --num_eval "${num_eval}" \
    --max_unpaired "${max_unpaired}" "$1" "${2:-data}"
