// Matrix products of channels-last signals: sum[position][output] += sum over k of x[position][k] * weight[output][k].
//
// Lanes are outputs.  Weights lie in panels of 2 * LANES outputs (vocoders/fast/native/panel.py packs them, with zeros
// where there is no output or input):
//     float32   panel[k][2 * LANES]
//     bfloat16  panel[k / 2][2 * LANES][2], a pair of neighbouring inputs for each output
// and a panel follows another.  An input, or a pair of them, is broadcast to all lanes, so x is read where it lies: the
// taps of a dilated convolution are calls with x moved by the dilation.
//
// A sum has the same bits however many rows are computed together: each is a chain of fused multiply-adds over k.
#pragma once

#include "simd.h"

constexpr int PANEL = 2 * LANES;               // outputs of a panel
constexpr int ROWS = LANES == 16 ? 12 : 6;     // positions computed together: as many sums as registers hold
constexpr int REMAINDER = 4;                   // at a time, of what ROWS leaves over; then one by one

// Elements of a panel of ``depth`` inputs; an odd depth is padded by bfloat16's pairs.
template <typename T>
constexpr long panel_size(int depth) {
    return long(PANEL) * (sizeof(T) == 2 ? depth + depth % 2 : depth);
}

// sum[r][v] += x[r * stride + 0 ... depth - 1] times vector v of the panel, for R rows and V vectors: 2, or 1 where a last
// panel is half empty
template <int R, int V>
INLINE void accumulate(Vector (&sum)[R][V], const float* x, long stride, const float* panel, int depth) {
    for (int k = 0; k < depth; k++, panel += PANEL) {
        const Vector first = load(panel), second = V == 2 ? load(panel + LANES) : zero();
#pragma GCC unroll 12
        for (int r = 0; r < R; r++) {
            const Vector input = broadcast(x[r * stride + k]);
            sum[r][0] = fma(input, first, sum[r][0]);
            if (V == 2) sum[r][V - 1] = fma(input, second, sum[r][V - 1]);
        }
    }
}

#if defined(__AVX512BF16__)

// x holds ``depth`` values rounded up to an even number; that of the padding is any finite one.
template <int R, int V>
INLINE void accumulate(Vector (&sum)[R][V], const bf16* x, long stride, const bf16* panel, int depth) {
    for (int k = 0; k < depth; k += 2, panel += 2 * PANEL) {
        const __m512bh first = reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel));
        const __m512bh second = reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel + (V == 2 ? PANEL : 0)));
#pragma GCC unroll 12
        for (int r = 0; r < R; r++) {
            int pair;
            __builtin_memcpy(&pair, x + r * stride + k, sizeof pair);
            const __m512bh inputs = reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
            sum[r][0] = _mm512_dpbf16_ps(sum[r][0], inputs, first);
            if (V == 2) sum[r][V - 1] = _mm512_dpbf16_ps(sum[r][V - 1], inputs, second);
        }
    }
}

#endif

// body.template operator()<R>(row) for rows [begin, end): ROWS at a time, then what is left in smaller groups.
template <typename Body>
INLINE void for_rows(long begin, long end, Body&& body) {
    for (; begin + ROWS <= end; begin += ROWS) body.template operator()<ROWS>(begin);
    for (; begin + REMAINDER <= end; begin += REMAINDER) body.template operator()<REMAINDER>(begin);
    for (; begin < end; begin++) body.template operator()<1>(begin);
}
