#!/usr/bin/env bash
# VCTK: 110 speakers of English with various accents, about 400 sentences each, 48 kHz; stage 1 brings them
# to the rate of mel_config.  Scores are of speakers that training has seen and of speakers that it has not.  Another
# rate, and an excerpt (what else --data_args may hold: local/data_prep.sh --help):
#     ./run.sh --mel_config conf/mel_wavegrad_paper_24k.yaml --train_config conf/wavegrad.yaml
#     ./run.sh --download_dir DIR --num_dev 1 --num_eval 1 --data_args "--num_unseen 2"

exec ./voc.sh --mel_config conf/mel_nvidia_22k.yaml --train_config conf/diffwave.yaml \
    --eval_sets "eval_seen eval_unseen" "$@"
