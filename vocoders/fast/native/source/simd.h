// Vectors of float32 as wide as the processor's, and the elementwise functions the networks need.
//
// The level is chosen by compiler flags: LANES is 16 with AVX-512, 8 with AVX2.  bfloat16 (type bf16) exists only where
// the processor multiplies it (__AVX512BF16__).  Compile with -ffp-contract=off and never with -ffast-math: where a
// product and a sum are rounded once is said by fma() and nowhere else, so a sample gets the same bits in every kernel.
#pragma once

#include <immintrin.h>

#include <cstdint>

#define INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)

using Vector = __m512;
constexpr int LANES = 16;

INLINE Vector zero() { return _mm512_setzero_ps(); }
INLINE Vector broadcast(float x) { return _mm512_set1_ps(x); }
INLINE Vector load(const float* p) { return _mm512_loadu_ps(p); }
INLINE void store(float* p, Vector x) { _mm512_storeu_ps(p, x); }
INLINE Vector add(Vector x, Vector y) { return _mm512_add_ps(x, y); }
INLINE Vector subtract(Vector x, Vector y) { return _mm512_sub_ps(x, y); }
INLINE Vector multiply(Vector x, Vector y) { return _mm512_mul_ps(x, y); }
INLINE Vector divide(Vector x, Vector y) { return _mm512_div_ps(x, y); }
INLINE Vector maximum(Vector x, Vector y) { return _mm512_max_ps(x, y); }
INLINE Vector minimum(Vector x, Vector y) { return _mm512_min_ps(x, y); }
INLINE Vector fma(Vector x, Vector y, Vector z) { return _mm512_fmadd_ps(x, y, z); }             // x y + z
INLINE Vector nearest(Vector x) { return _mm512_roundscale_ps(x, 0); }                            // integer
INLINE Vector scale_by_power(Vector x, Vector n) { return _mm512_scalef_ps(x, n); }               // x 2^n
INLINE Vector rough_reciprocal(Vector x) { return _mm512_rcp14_ps(x); }                           // to 2^-14

#else

using Vector = __m256;
constexpr int LANES = 8;

INLINE Vector zero() { return _mm256_setzero_ps(); }
INLINE Vector broadcast(float x) { return _mm256_set1_ps(x); }
INLINE Vector load(const float* p) { return _mm256_loadu_ps(p); }
INLINE void store(float* p, Vector x) { _mm256_storeu_ps(p, x); }
INLINE Vector add(Vector x, Vector y) { return _mm256_add_ps(x, y); }
INLINE Vector subtract(Vector x, Vector y) { return _mm256_sub_ps(x, y); }
INLINE Vector multiply(Vector x, Vector y) { return _mm256_mul_ps(x, y); }
INLINE Vector divide(Vector x, Vector y) { return _mm256_div_ps(x, y); }
INLINE Vector maximum(Vector x, Vector y) { return _mm256_max_ps(x, y); }
INLINE Vector minimum(Vector x, Vector y) { return _mm256_min_ps(x, y); }
INLINE Vector fma(Vector x, Vector y, Vector z) { return _mm256_fmadd_ps(x, y, z); }
INLINE Vector nearest(Vector x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
INLINE Vector scale_by_power(Vector x, Vector n) {  // |n| < 127
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23)));
}
INLINE Vector rough_reciprocal(Vector x) { return divide(broadcast(1), x); }

#endif

// ---- bfloat16: the upper half of a float32, rounded to the nearest, ties to even, as PyTorch does

struct bf16 {
    uint16_t bits;
};

#if defined(__AVX512BF16__)

INLINE Vector load(const bf16* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
INLINE void store(bf16* p, Vector x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
}

#endif

INLINE void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

// ---- functions.  Exact ones err by about 1e-7 of the result, rough ones by 1e-4: less than bfloat16 rounds by.

enum Accuracy { EXACT, ROUGH };
template <typename T>
constexpr Accuracy accuracy_of = sizeof(T) == 4 ? EXACT : ROUGH;  // what operands of this type deserve

INLINE Vector relu(Vector x) { return maximum(x, zero()); }
INLINE Vector leaky_relu(Vector x, float slope) { return maximum(x, multiply(x, broadcast(slope))); }  // slope in 0..1

// 2^r for |r| <= 1/2: the polynomials of least relative error
template <Accuracy accuracy>
INLINE Vector exp2_of_fraction(Vector r) {
    if (accuracy == ROUGH) {
        Vector p = fma(broadcast(0.0551716685f), r, broadcast(0.2426111251f));
        p = fma(p, r, broadcast(0.6932609677f));
        return fma(p, r, broadcast(0.9999280572f));
    }
    Vector p = fma(broadcast(1.534581243e-4f), r, broadcast(1.339993090e-3f));
    p = fma(p, r, broadcast(9.618489072e-3f));
    p = fma(p, r, broadcast(5.550328642e-2f));
    p = fma(p, r, broadcast(2.402264625e-1f));
    p = fma(p, r, broadcast(6.931471825e-1f));
    return fma(p, r, broadcast(1.0f));
}

// 2^x for |x| <= 126
template <Accuracy accuracy>
INLINE Vector exp2_within(Vector x) {
    const Vector n = nearest(x);
    return scale_by_power(exp2_of_fraction<accuracy>(subtract(x, n)), n);
}

// sigmoid(a) tanh(b), given -log2(e) a and -2 log2(e) b: fold these factors into weights and biases
//   = (1 - f) / ((1 + e) (1 + f)) with e = exp(-a), f = exp(-2 b)
template <Accuracy accuracy>
INLINE Vector scaled_gate(Vector a, Vector b) {
    const Vector one = broadcast(1);
    // beyond these bounds both have long reached their ends; within, no product overflows
    const auto bounded = [](Vector x) { return maximum(minimum(x, broadcast(60)), broadcast(-60)); };
    const Vector e = exp2_within<accuracy>(bounded(a)), f = exp2_within<accuracy>(bounded(b));
    const Vector g = add(one, f);
    const Vector denominator = fma(e, g, g);
    const Vector numerator = subtract(one, f);
    return accuracy == ROUGH ? multiply(numerator, rough_reciprocal(denominator)) : divide(numerator, denominator);
}
