"""Memory of the size that was asked for, wherever the kernel stands on huge pages."""

import mmap

import pytest

from vocoders.fast.native import memory


class WithoutHugePages(mmap.mmap):
    def madvise(self, *arguments):
        raise OSError(22, "Invalid argument")


@pytest.mark.parametrize("kind", [mmap.mmap, WithoutHugePages])
def test_huge_pages_are_a_favour(kind, monkeypatch):
    monkeypatch.setattr(memory.mmap, "mmap", kind)
    for size in (0, 100, 2 * memory.HUGE_PAGE + 1):
        allocated = memory.allocate(size)
        assert len(allocated) >= size and allocated.data_ptr() % 64 == 0
        allocated.fill_(1)
