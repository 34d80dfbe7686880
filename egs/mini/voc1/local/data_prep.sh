#!/usr/bin/env bash
# Writes data/{train,dev,eval}: local/data_prep.sh [options] DOWNLOAD_DIR [DATA_DIR]
#
# The corpus has LJ Speech's layout, so LJ Speech's script does it.

exec ../../ljspeech/voc1/local/data_prep.sh --corpus mini-1.0 --num_dev 4 --num_eval 8 "$@"
