"""Inference forms of the networks in plain PyTorch, for every platform: the same numbers as in training, sooner.

All keep signals as [B, N, C], channels last, which is how the fast convolutions of CPUs and GPUs want them.
"""
