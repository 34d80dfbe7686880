#!/usr/bin/env bash
# CORPUS: say here what it is (language, speakers, hours, sampling rate).

exec ./voc.sh --nj 2 --mel_config conf/mel_nvidia_22k.yaml --train_config conf/diffwave.yaml "$@"
