#!/usr/bin/env bash
# Sourced by the recipe: what runs jobs.  Any program will do that takes the arguments of utils/run.py, for example one
# that submits to a cluster.

export cpu_cmd=utils/run.py
export gpu_cmd=utils/run.py
