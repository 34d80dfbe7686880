// Dilated convolutions of width 3 over channels-last signals by Winograd's F(2, 3): four products for two outputs
// where the definition takes six.
//
// The outputs at t and t + d, for dilation d, need the inputs x0 ... x3 at t - d, t, t + d and t + 2 d.  With the taps
// g0, g1, g2 (matrices of outputs x inputs):
//
//     sum        = (x1 + x2) (g0 + g1 + g2) / 2         y(t)     = sum + difference + (x0 - x2) g0
//     difference = (x2 - x1) (g0 - g1 + g2) / 2         y(t + d) = sum - difference - (x1 - x3) g2
//
// Python transforms the taps; the four matrices of a panel lie one after the other, in the order in which they are used.
// Which position is paired with which follows from its absolute index alone, so an output has the same bits wherever
// the signal is cut.
#pragma once

#include "gemm.h"

struct Range {
    long begin, end;
    long size() const { return end - begin; }
};

INLINE Range grow(Range range, long margin, Range bounds) {
    const long begin = range.begin - margin, end = range.end + margin;
    return {begin > bounds.begin ? begin : bounds.begin, end < bounds.end ? end : bounds.end};
}

// Channels as they are stored: whole vectors, with zeros after the last one.
INLINE int padded(int channels) { return (channels + LANES - 1) / LANES * LANES; }

// The part of a signal that a range covers, row after row.
struct Rows {
    float* data;
    Range range;
    int stride;  // elements between positions
    float* at(long position) const { return data + (position - range.begin) * stride; }
};

struct Convolution {
    int inputs, outputs, dilation;
    const void* panels;  // for each panel of outputs the four transformed taps
    const float* bias;   // padded, as the panels are
};

// Scratch of one convolution: the transformed inputs, and the first position of each pair.
template <typename T>
struct Pairs {
    T* transformed;
    int* first;  // less the range's begin
    long count;
};

// A cache line more than needed: rows a power of two apart would fall on the same lines of the first cache.
template <typename T>
INLINE long pair_stride(int inputs) { return 4 * padded(inputs) + 64 / long(sizeof(T)); }

INLINE long most_pairs(long positions, int dilation) { return positions / 2 + 2 * dilation + REMAINDER; }

// Rows up to the next multiple of REMAINDER: what is computed beyond ``count`` is not used.
INLINE long rounded_up(long count) { return (count + REMAINDER - 1) / REMAINDER * REMAINDER; }

// body.template operator()<R>(row) for rounded_up(count) rows.  Two thirds of ROWS still keep both multipliers busy, which
// fewer do not: so 16 rows are 8 and 8, not 12 and 4.
template <typename Body>
INLINE void for_rounded_rows(long count, Body&& body) {
    constexpr int PART = ROWS * 2 / 3;
    for (long row = 0, left = rounded_up(count); left > 0;) {
        if (left % ROWS == 0)
            body.template operator()<ROWS>(row), row += ROWS, left -= ROWS;
        else if (left >= PART)
            body.template operator()<PART>(row), row += PART, left -= PART;
        else
            body.template operator()<REMAINDER>(row), row += REMAINDER, left -= REMAINDER;
    }
}

constexpr int APART = 1 << 30;  // no position of any range

// The pairs that a range touches.
INLINE long list_pairs(Range range, int dilation, int* first) {
    long count = 0;
    for (long block = range.begin / (2 * dilation) * (2 * dilation); block < range.end; block += 2 * dilation)
        for (long t = block; t < block + dilation; t++)
            if (t < range.end && t + dilation >= range.begin && (t >= range.begin || t + dilation < range.end))
                first[count++] = int(t - range.begin);
    return count;
}

// Inputs of all pairs: activate(position, channel) -> Vector, which counts as zero outside of ``held``.
template <typename T, typename Activate>
__attribute__((noinline)) void transform(Pairs<T>& pairs, Range range, int dilation, int inputs, Range held, Activate&& activate) {
    pairs.count = list_pairs(range, dilation, pairs.first);
    const int width = padded(inputs);
    const auto value = [&](long t, int c) { return t >= held.begin && t < held.end ? activate(t, c) : zero(); };
    for (long pair = 0; pair < pairs.count; pair++) {
        const long t = range.begin + pairs.first[pair];
        T* out = pairs.transformed + pair * pair_stride<T>(inputs);
        for (int c = 0; c < width; c += LANES, out += LANES) {
            const Vector x0 = value(t - dilation, c), x1 = value(t, c);
            const Vector x2 = value(t + dilation, c), x3 = value(t + 2 * dilation, c);
            store(out, add(x1, x2));
            store(out + width, subtract(x2, x1));
            store(out + 2 * width, subtract(x0, x2));
            store(out + 3 * width, subtract(x1, x3));
        }
    }
}

// What becomes of an output: it takes the place of what was in the row, or is added to it.
enum Result { REPLACE, ADD };

template <int R, int V>
INLINE void write(const Vector (&sum)[R][V], const int* first, long shift, Range range, Rows out, int column,
                  Result result) {
    for (int r = 0; r < R; r++) {
        const long t = range.begin + first[r] + shift;
        if (t < range.begin || t >= range.end) continue;
        float* row = out.at(t) + column;
        for (int v = 0; v < V; v++)
            store(row + v * LANES, result == ADD ? add(load(row + v * LANES), sum[r][v]) : sum[r][v]);
    }
}

// R pairs and V vectors of a panel's outputs, from ``column`` on.
template <typename T, int R, int V>
INLINE void multiply_pairs(const Convolution& conv, const T* x, const T* panel, const int* first, Range range, Rows out,
                           int column, Result result) {
    const int width = padded(conv.inputs);
    const long stride = pair_stride<T>(conv.inputs), size = panel_size<T>(conv.inputs);
    Vector sum[R][V], middle[R][V];
    const auto each = [](auto&& body) {
        for (int r = 0; r < R; r++)
            for (int v = 0; v < V; v++) body(r, v);
    };
    each([&](int r, int v) { sum[r][v] = load(conv.bias + column + v * LANES); });
    accumulate(sum, x, stride, panel, conv.inputs);
    each([&](int r, int v) { middle[r][v] = sum[r][v], sum[r][v] = zero(); });
    accumulate(sum, x + width, stride, panel + size, conv.inputs);
    each([&](int r, int v) {
        const Vector difference = sum[r][v];
        sum[r][v] = add(middle[r][v], difference);
        middle[r][v] = subtract(middle[r][v], difference);
    });
    accumulate(sum, x + 2 * width, stride, panel + 2 * size, conv.inputs);
    write(sum, first, 0, range, out, column, result);
    each([&](int r, int v) { sum[r][v] = middle[r][v]; });
    accumulate(sum, x + 3 * width, stride, panel + 3 * size, conv.inputs);
    write(sum, first, conv.dilation, range, out, column, result);
}

// body.template operator()<V>(column) for each panel of outputs, V being how many of its two vectors are not empty.
template <typename Body>
INLINE void for_panels(int outputs, Body&& body) {
    int column = 0;
    for (; column + LANES < outputs; column += PANEL) body.template operator()<2>(column);
    if (column < outputs) body.template operator()<1>(column);
}

// Outputs of all pairs, for the positions in ``range``.
template <typename T>
__attribute__((noinline)) void multiply(const Convolution& conv, Range range, Pairs<T> pairs, Rows out, Result result) {
    for (long pair = pairs.count; pair < rounded_up(pairs.count); pair++) pairs.first[pair] = APART;
    for_panels(conv.outputs, [&]<int V>(int column) {
        const T* panel = static_cast<const T*>(conv.panels) + column / PANEL * 4 * panel_size<T>(conv.inputs);
        for_rounded_rows(pairs.count, [&]<int R>(long row) {
            multiply_pairs<T, R, V>(conv, pairs.transformed + row * pair_stride<T>(conv.inputs), panel,
                                    pairs.first + row, range, out, column, result);
        });
    });
}

// out[t] = or += the convolution at t of the activated signal, for t in ``range``.
template <typename T, typename Activate>
void convolve(const Convolution& conv, Range range, Range held, Activate&& activate, Pairs<T> pairs, Rows out,
              Result result) {
    transform(pairs, range, conv.dilation, conv.inputs, held, activate);
    multiply(conv, range, pairs, out, result);
}
