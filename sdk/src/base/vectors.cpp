#include "vectors.hpp"

#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace reagent::detail {
namespace {

float plain(const float* a, const float* b, std::size_t n) {
    float sums[8]{};
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (std::size_t j = 0; j < 8; ++j) sums[j] += a[i + j] * b[i + j];
    for (; i < n; ++i) sums[0] += a[i] * b[i];
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

#if defined(__x86_64__)

__attribute__((target("avx2,fma"))) float by_avx2(const float* a, const float* b, std::size_t n) {
    __m256 one = _mm256_setzero_ps(), two = _mm256_setzero_ps();
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        one = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), one);
        two = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), two);
    }
    alignas(32) float sums[8];
    _mm256_store_ps(sums, _mm256_add_ps(one, two));
    float rest = 0;
    for (; i < n; ++i) rest += a[i] * b[i];
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7])) + rest;
}

__attribute__((target("avx512f"))) float by_avx512(const float* a, const float* b, std::size_t n) {
    // Four sums, so that one multiplication need not wait for another.
    __m512 sums[4]{_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
    std::size_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (std::size_t j = 0; j < 4; ++j)
            sums[j] = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16 * j), _mm512_loadu_ps(b + i + 16 * j), sums[j]);
    for (; i + 16 <= n; i += 16) sums[0] = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), sums[0]);
    alignas(64) float last[16];
    _mm512_store_ps(last, _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
    for (std::size_t half = 8; half > 0; half /= 2)
        for (std::size_t j = 0; j < half; ++j) last[j] += last[j + half];
    for (; i < n; ++i) last[0] += a[i] * b[i];
    return last[0];
}

#endif

dot_function widest() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return by_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return by_avx2;
#endif
    return plain;
}

}  // namespace

dot_function dot_product() {
    static const dot_function chosen = widest();
    return chosen;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
    double product = 0, one = 0, two = 0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        product += static_cast<double>(a[i]) * b[i];
        one += static_cast<double>(a[i]) * a[i];
        two += static_cast<double>(b[i]) * b[i];
    }
    return one > 0 && two > 0 ? product / std::sqrt(one * two) : 0;
}

}  // namespace reagent::detail
