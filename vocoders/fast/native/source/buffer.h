// Memory for signals: aligned to cache lines, in huge pages where it is large.
#pragma once

#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <utility>

template <typename T>
class Buffer {
public:
    Buffer() = default;
    explicit Buffer(size_t size) {
        const size_t huge = size_t(2) << 20, bytes = size * sizeof(T);
        const size_t page = bytes >= huge ? huge : 64;
        const size_t rounded = (bytes + page - 1) / page * page;
        data_ = static_cast<T*>(std::aligned_alloc(page, rounded));
        if (!data_) throw std::bad_alloc();
        if (bytes >= huge) madvise(data_, rounded, MADV_HUGEPAGE);
    }
    Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        return *this;
    }
    ~Buffer() { std::free(data_); }

    T* data() const { return data_; }
    explicit operator bool() const { return data_; }

private:
    T* data_ = nullptr;
};
