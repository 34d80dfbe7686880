#!/usr/bin/env bash
# CORPUS: what it is

exec ./voc.sh OPTIONS "$@"
