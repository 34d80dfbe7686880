#!/usr/bin/env bash
# Five minutes of synthetic English, made on the spot: every stage on two cores, without a GPU, in minutes.

exec ./voc.sh --nj 2 --ngpu 0 --mel_config conf/mel_nvidia_22k.yaml --train_config conf/diffwave_small.yaml \
    --decode_config conf/decode_small.yaml "$@"
