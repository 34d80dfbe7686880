#!/usr/bin/env bash
# LJ Speech: one English speaker, 13,100 clips, 24 hours, 22.05 kHz.
# An excerpt in the corpus's own layout will do too:
#     ./run.sh --download_dir DIR --num_dev 2 --num_eval 4

exec ./voc.sh --mel_config conf/mel_nvidia_22k.yaml --train_config conf/diffwave.yaml "$@"
