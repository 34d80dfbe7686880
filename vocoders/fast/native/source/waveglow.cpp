// One inverse step of WaveGlow on a window of positions: the coupling's network, the inverse coupling, the unmixing.
//
// Signals are channels-last, [position][channel].  What differs from the network as it is written
// (vocoders/models/waveglow.py), all of it exact but for rounding:
//
//  - The convolutions of width 3 are Winograd's F(2,3) over positions t and t + d, d the dilation, with t / d even:
//    four products instead of six.  t counts from the beginning of the signal, not of the window, so a position is
//    computed in the same way in any window.
//        sum        = (x[t] + x[t + d]) (g0 + g1 + g2) / 2
//        difference = (x[t + d] - x[t]) (g0 - g1 + g2) / 2
//        y[t]       = (x[t - d] - x[t + d]) g0 + sum + difference
//        y[t + d]   = (x[t + 2 d] - x[t]) g2 + sum - difference
//  - What the layers give to the skip is only summed before the output convolution, so each layer's 1x1 is composed
//    with it: a few outputs instead of all channels, and the skip need not be kept.
//  - The input convolution is composed with the first layer's, and stands in its residual's place: both read the kept
//    channels and a constant 1, for the bias, which is 0 where the padding is.
//
// A layer goes over its pairs (t, t + d) in tiles.  A tile gathers its operands, which then stay in the L2 cache while
// the weights pass by, panel after panel.  Layers, and nothing else, wait for each other.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "gemm.h"

namespace {

constexpr long OUTSIDE = -(1L << 40);  // a position in no window
constexpr int TERMS = 4;  // products of F(2,3): y[t]'s own, y[t + d]'s own, sum, difference
enum Term { FIRST, SECOND, SUM, DIFFERENCE };

constexpr long round_up(long n, long unit) { return (n + unit - 1) / unit * unit; }

// Panels of the gate hold LANES filter channels, then their LANES gate channels, with the factors of scaled_gate.
template <typename T>
struct Layer {
    long dilation;
    const T* conv;               // [gate panels][TERMS][channels][PANEL]; null in the first layer
    const float* taps;           // [gate panels][3 (kept + 1)][PANEL]; null but in the first layer
    const T* condition;          // [gate panels][condition channels][PANEL]
    const float* bias;           // [gate panels][PANEL], convolution's and condition's
    const T* residual;           // [residual panels][channels][PANEL]; null in the last layer
    const float* residual_bias;  // [residual panels][PANEL]
    const float* output;         // [output panels][channels][PANEL]; float32, as its sums become shift and scale
};

template <typename T>
struct Flow {
    long kept;      // channels that the coupling reads; it changes as many
    long channels;  // of the network
    long condition_channels;
    long layers;
    const Layer<T>* layer;
    const float* input;        // [residual panels][kept + 1][PANEL]
    const float* output_bias;  // [2 kept]
    const float* unmixing;     // [2 kept][2 kept], applied after the coupling

    long gate_panels() const { return round_up(channels, LANES) / LANES; }
    long residual_panels() const { return round_up(channels, PANEL) / PANEL; }
    long output_panels() const { return round_up(2 * kept, PANEL) / PANEL; }
    long row() const { return gate_panels() * LANES; }  // elements from one position's operands to the next's
    long width() const { return residual_panels() * PANEL; }
    long output_width() const { return output_panels() * PANEL; }
};

template <typename T>
struct Window {
    long start;      // its first position, counted from the beginning of the signal
    long positions;
    long groups;     // channels of a position
    long hold;       // positions that a row of the condition holds for
    const float* signal;  // [positions][groups]; the flow's channels are the last 2 kept
    float* result;        // [positions][groups]
    const T* condition;   // [positions / hold][condition channels]
    char* scratch;        // of waveglow_scratch_size
    long threads;
};

// Takes arrays from one piece of memory, or, where there is none, finds how much they need.
struct Arena {
    char* memory;
    long used = 0;

    template <typename T>
    T* take(long count) {
        T* array = reinterpret_cast<T*>(memory + used);
        used = round_up(used + count * long(sizeof(T)), 64);
        return array;
    }
};

// Pairs that a thread takes at a time, and their operands: rows of t, then rows of t + d, each up to a whole block.
template <typename T>
struct Tile {
    static constexpr long PAIRS = sizeof(T) == 2 ? 72 : 36;  // operands of 256 channels fill half of an L2 of 1 MiB

    long pairs, rows;   // in use; rows: pairs rounded up to whole blocks
    long* position;     // [2 rows] in the window
    float* taps;        // [2 rows][3 (kept + 1)]
    T* operand[TERMS];  // [rows][row]
    T* condition;       // [2 rows][condition channels]
    T* gated;           // [2 rows][row]
    float* unrounded;   // [2 rows][row], the same in float32

    Tile(Arena& arena, const Flow<T>& flow) {
        position = arena.take<long>(2 * PAIRS);
        taps = arena.take<float>(2 * PAIRS * 3 * (flow.kept + 1));
        for (T*& array : operand) array = arena.take<T>(PAIRS * flow.row());
        condition = arena.take<T>(2 * PAIRS * flow.condition_channels);
        gated = arena.take<T>(2 * PAIRS * flow.row());
        unrounded = arena.take<float>(2 * PAIRS * flow.row());
    }

    // Pairs are counted from the beginning of the signal: a run of d positions, then the d positions of their partners.
    void place(long pair, long count, long d, long start) {
        pairs = count;
        rows = round_up(count, ROWS);
        for (long r = 0; r < rows; r++) {
            const long t = r < pairs ? (pair + r) / d * 2 * d + (pair + r) % d - start : OUTSIDE;
            position[r] = t;
            position[rows + r] = t + d;
        }
    }
};

template <typename T>
struct Buffers {
    float* input;   // [positions][kept + 1]: the kept channels and 1
    float* x[2];    // [positions][width]: a layer reads one and writes the other
    float* output;  // [positions][output width]
    float* held;    // [positions / hold][gate panels][PANEL]: a held condition's projection
    float* zeros;   // a row of x outside the window

    Buffers(Arena& arena, const Flow<T>& flow, const Window<T>& window) {
        input = arena.take<float>(window.positions * (flow.kept + 1));
        for (float*& rows : x) rows = arena.take<float>(window.positions * flow.width());
        output = arena.take<float>(window.positions * flow.output_width());
        held = arena.take<float>(window.hold > 1 ? window.positions / window.hold * flow.gate_panels() * PANEL : 0);
        zeros = arena.take<float>(flow.width());
    }
};

using Sums = Vector[ROWS][2];

void fill(Sums& sum, const float* bias) {
    const Vector first = load(bias), second = load(bias + LANES);
    for (int r = 0; r < ROWS; r++) {
        sum[r][0] = first;
        sum[r][1] = second;
    }
}

// A block of rows and a panel.  Not inlined: what its callers keep in registers would push sums out of them.
template <typename T>
__attribute__((noinline)) void multiply_add(Sums& sums, const T* x, long stride, const T* panel, long depth) {
    Sums sum;
    std::memcpy(sum, sums, sizeof sum);
    accumulate(sum, x, stride, panel, depth);
    std::memcpy(sums, sum, sizeof sum);
}

template <typename T>
class Step {
public:
    Step(const Flow<T>& flow, const Window<T>& window, Arena arena)
        : flow(flow), window(window), buffers(arena, flow, window) {
        for (long thread = 0; thread < window.threads; thread++) tiles.emplace_back(arena, flow);
        scratch_size = arena.used;
    }

    // To be called by every thread of a team: ``omp for`` shares the work and waits for all.
    void run() {
        read_input();
        for (long n = 0; n < flow.layers; n++) {
            if (window.hold > 1) project_condition(flow.layer[n]);
            run_layer(n);
        }
        write_result();
    }

    long scratch_size;

private:
    const Flow<T>& flow;
    const Window<T>& window;
    Buffers<T> buffers;
    std::vector<Tile<T>> tiles;

    bool in_window(long t) const { return 0 <= t && t < window.positions; }
    long inputs() const { return flow.kept + 1; }
    long first_channel() const { return window.groups - 2 * flow.kept; }

    void read_input() {
#pragma omp single nowait
        std::fill_n(buffers.zeros, flow.width(), 0.0f);
#pragma omp for
        for (long t = 0; t < window.positions; t++) {
            const float* kept = window.signal + t * window.groups + first_channel();
            *std::copy(kept, kept + flow.kept, buffers.input + t * inputs()) = 1;
            std::fill_n(buffers.output + t * flow.output_width(), flow.output_width(), 0.0f);
        }
    }

    void project_condition(const Layer<T>& layer) {
        const long rows = window.positions / window.hold, depth = flow.condition_channels;
#pragma omp for
        for (long row = 0; row < rows; row++) {
            for (long panel = 0; panel < flow.gate_panels(); panel++) {
                Vector sum[1][2] = {{zero(), zero()}};
                accumulate(sum, window.condition + row * depth, depth, layer.condition + panel * depth * PANEL, depth);
                float* held = buffers.held + (row * flow.gate_panels() + panel) * PANEL;
                store(held, sum[0][0]);
                store(held + LANES, sum[0][1]);
            }
        }
    }

    void run_layer(long n) {
        const Layer<T>& layer = flow.layer[n];
        const long begin = first_pair(window.start, layer.dilation);
        const long end = end_of_pairs(window.start + window.positions, layer.dilation);
        const long size = tile_size(end - begin);
        const float* x = buffers.x[n % 2];
        float* next = buffers.x[(n + 1) % 2];
#pragma omp for schedule(dynamic, 1)
        for (long pair = begin; pair < end; pair += size) {
            Tile<T>& tile = tiles[omp_get_thread_num()];
            tile.place(pair, std::min(size, end - pair), layer.dilation, window.start);
            if (layer.taps) gather_taps(tile, layer.dilation);
            else gather_operands(tile, x, layer.dilation);
            if (window.hold == 1) gather_condition(tile);
            for (long panel = 0; panel < flow.gate_panels(); panel++)
                for (long row = 0; row < tile.rows; row += ROWS) compute_gated(tile, layer, panel, row);
            for (long row = 0; row < 2 * tile.rows; row += ROWS) {
                if (layer.residual) add_residual(tile, layer, row, layer.taps ? nullptr : x, next);
                add_output(tile, layer, row);
            }
        }
    }

    // The pair of the first position that is in the window, and the one after the pair of the last.
    static long first_pair(long start, long d) { return start / (2 * d) * d + std::max(0L, start % (2 * d) - d); }
    static long end_of_pairs(long end, long d) { return end / (2 * d) * d + std::min(d, end % (2 * d)); }

    // As large as a tile may be, but so small that all threads have as much to do.
    long tile_size(long pairs) const {
        const long tiles = round_up((pairs + Tile<T>::PAIRS - 1) / Tile<T>::PAIRS, window.threads);
        return round_up((pairs + tiles - 1) / tiles, ROWS);
    }

    const float* row_of(const float* x, long t) const { return in_window(t) ? x + t * flow.width() : buffers.zeros; }

    void gather_operands(Tile<T>& tile, const float* x, long d) const {
        for (long pair = 0; pair < tile.pairs; pair++) {
            const long t = tile.position[pair], at = pair * flow.row();
            const float *before = row_of(x, t - d), *here = row_of(x, t);
            const float *partner = row_of(x, t + d), *after = row_of(x, t + 2 * d);
            for (long c = 0; c < flow.row(); c += LANES) {
                const Vector x0 = load(before + c), x1 = load(here + c), x2 = load(partner + c), x3 = load(after + c);
                store(tile.operand[FIRST] + at + c, subtract(x0, x2));
                store(tile.operand[SECOND] + at + c, subtract(x3, x1));
                store(tile.operand[SUM] + at + c, add(x1, x2));
                store(tile.operand[DIFFERENCE] + at + c, subtract(x2, x1));
            }
        }
    }

    void gather_taps(Tile<T>& tile, long d) const {
        for (long row = 0; row < 2 * tile.rows; row++) {
            const long t = tile.position[row];
            float* taps = tile.taps + row * 3 * inputs();
            for (long tap : {t - d, t, t + d}) {
                const float* input = buffers.input + tap * inputs();
                taps = in_window(tap) ? std::copy_n(input, inputs(), taps) : std::fill_n(taps, inputs(), 0.0f);
            }
        }
    }

    void gather_condition(Tile<T>& tile) const {
        const long channels = flow.condition_channels;
        for (long row = 0; row < 2 * tile.rows; row++)
            if (in_window(tile.position[row]))
                std::copy_n(window.condition + tile.position[row] * channels, channels,
                            tile.condition + row * channels);
    }

    // A block of pairs from ``row`` on, LANES channels: sigmoid(gate) tanh(filter) of t, then of t + d
    void compute_gated(Tile<T>& tile, const Layer<T>& layer, long panel, long row) const {
        Sums first, second;
        if (layer.taps) {
            convolve_input(first, tile, layer, panel, row);
            convolve_input(second, tile, layer, panel, tile.rows + row);
        } else {
            convolve(first, second, tile, layer, panel, row);
        }
        finish_gated(first, tile, layer, panel, row);
        finish_gated(second, tile, layer, panel, tile.rows + row);
    }

    void convolve_input(Sums& sum, const Tile<T>& tile, const Layer<T>& layer, long panel, long row) const {
        const long depth = 3 * inputs();
        fill(sum, layer.bias + panel * PANEL);
        multiply_add(sum, tile.taps + row * depth, depth, layer.taps + panel * depth * PANEL, depth);
    }

    void convolve(Sums& first, Sums& second, const Tile<T>& tile, const Layer<T>& layer, long panel,
                         long row) const {
        Sums sum, difference = {};
        fill(sum, layer.bias + panel * PANEL);
        add_term(sum, SUM, tile, layer, panel, row);
        add_term(difference, DIFFERENCE, tile, layer, panel, row);
        for (int r = 0; r < ROWS; r++) {
            for (int v = 0; v < 2; v++) {
                first[r][v] = add(sum[r][v], difference[r][v]);
                second[r][v] = subtract(sum[r][v], difference[r][v]);
            }
        }
        add_term(first, FIRST, tile, layer, panel, row);
        add_term(second, SECOND, tile, layer, panel, row);
    }

    void add_term(Sums& sum, Term term, const Tile<T>& tile, const Layer<T>& layer, long panel, long row) const {
        const T* weight = layer.conv + (panel * TERMS + term) * depth() * PANEL;
        multiply_add(sum, tile.operand[term] + row * flow.row(), flow.row(), weight, depth());
    }
    long depth() const { return round_up(flow.channels, 2); }  // bfloat16's inputs come in pairs

    void finish_gated(Sums& sum, Tile<T>& tile, const Layer<T>& layer, long panel, long row) const {
        if (window.hold > 1) add_held(sum, tile, panel, row);
        else add_condition(sum, tile, layer, panel, row);
        for (int r = 0; r < ROWS; r++) {
            const Vector gated = scaled_gate<accuracy_of<T>>(sum[r][1], sum[r][0]);
            const long at = (row + r) * flow.row() + panel * LANES;
            store(tile.gated + at, gated);
            store(tile.unrounded + at, gated);
        }
    }

    void add_condition(Sums& sum, const Tile<T>& tile, const Layer<T>& layer, long panel, long row) const {
        const long depth = flow.condition_channels;
        multiply_add(sum, tile.condition + row * depth, depth, layer.condition + panel * depth * PANEL, depth);
    }

    void add_held(Sums& sum, const Tile<T>& tile, long panel, long row) const {
        for (int r = 0; r < ROWS; r++) {
            const long t = tile.position[row + r];
            if (!in_window(t)) continue;
            const float* held = buffers.held + (t / window.hold * flow.gate_panels() + panel) * PANEL;
            for (int v = 0; v < 2; v++) sum[r][v] = add(sum[r][v], load(held + v * LANES));
        }
    }

    // A block of rows: the next layer's x, which is x, in the first layer the input's 1x1, and the 1x1 of what is gated
    void add_residual(const Tile<T>& tile, const Layer<T>& layer, long row, const float* x, float* next) const {
        for (long panel = 0; panel < flow.residual_panels(); panel++) {
            Sums sum;
            fill(sum, layer.residual_bias + panel * PANEL);
            if (!x) {
                const float* here = tile.taps + row * 3 * inputs() + inputs();  // of three taps the one in the middle
                multiply_add(sum, here, 3 * inputs(), flow.input + panel * inputs() * PANEL, inputs());
            }
            multiply_add(sum, tile.gated + row * flow.row(), flow.row(), layer.residual + panel * depth() * PANEL,
                       depth());
            for (int r = 0; r < ROWS; r++) {
                const long t = tile.position[row + r];
                if (!in_window(t)) continue;
                for (int v = 0; v < 2; v++) {
                    const long at = t * flow.width() + panel * PANEL + v * LANES;
                    store(next + at, x ? add(load(x + at), sum[r][v]) : sum[r][v]);
                }
            }
        }
    }

    void add_output(const Tile<T>& tile, const Layer<T>& layer, long row) const {
        for (long panel = 0; panel < flow.output_panels(); panel++) {
            Sums sum = {};
            multiply_add(sum, tile.unrounded + row * flow.row(), flow.row(), layer.output + panel * depth() * PANEL,
                         depth());
            for (int r = 0; r < ROWS; r++) {
                const long t = tile.position[row + r];
                if (!in_window(t)) continue;
                for (int v = 0; v < 2; v++) {
                    float* output = buffers.output + t * flow.output_width() + panel * PANEL + v * LANES;
                    store(output, add(load(output), sum[r][v]));
                }
            }
        }
    }

    // The inverse coupling and the unmixing.  The channels before the flow's have not joined: they stay.
    void write_result() {
#pragma omp for
        for (long t = 0; t < window.positions; t++) {
            const float* from = window.signal + t * window.groups;
            float* result = window.result + t * window.groups;
            std::copy_n(from, first_channel(), result);
            unmix(from + first_channel(), buffers.output + t * flow.output_width(), result + first_channel());
        }
    }

    void unmix(const float* channels, const float* output, float* result) const {
        const long kept = flow.kept, all = 2 * kept;
        std::fill_n(result, all, 0.0f);
        for (long c = 0; c < all; c++) {
            float value = channels[c];
            if (c >= kept) {
                const float shift = output[c - kept] + flow.output_bias[c - kept];
                const float log_scale = output[c] + flow.output_bias[c];
                value = (value - shift) * std::exp(-log_scale);
            }
            for (long row = 0; row < all; row++) result[row] += flow.unmixing[row * all + c] * value;
        }
    }
};

template <typename T>
void run_step(const Flow<T>& flow, const Window<T>& window) {
    Step<T> step(flow, window, Arena{window.scratch});
#pragma omp parallel num_threads(window.threads)
    step.run();
}

// The transposed convolution of the mel: what a frame becomes is one product with it and the frames before it.
struct Upsampling {
    long bands;
    long overlap;         // frames that decide what one becomes, itself included
    long outputs;         // all the channels of all the positions of a frame
    const float* weight;  // [panels][overlap bands][PANEL], the oldest frame first
    const float* bias;    // [panels][PANEL]
};

// mel [overlap - 1 + frames + ROWS][bands], zeros before and after -> result [frames][outputs]
template <typename T>
void upsample(const Upsampling& upsampling, const float* mel, long frames, T* result, long threads) {
    const long depth = upsampling.overlap * upsampling.bands;
#pragma omp parallel for num_threads(threads)
    for (long output = 0; output < upsampling.outputs; output += PANEL) {
        const long width = std::min(long(PANEL), upsampling.outputs - output);
        for (long frame = 0; frame < frames; frame += ROWS) {
            Sums sum;
            fill(sum, upsampling.bias + output);
            multiply_add(sum, mel + frame * upsampling.bands, upsampling.bands, upsampling.weight + output * depth,
                         depth);
            for (long r = 0; r < std::min(long(ROWS), frames - frame); r++) {
                T row[PANEL];
                store(row, sum[r][0]);
                store(row + LANES, sum[r][1]);
                std::copy_n(row, width, result + (frame + r) * upsampling.outputs + output);
            }
        }
    }
}

}  // namespace

// scratch_size: bytes that a window needs; its pointers are not followed.
#define WAVEGLOW(NAME, T)                                                                                    \
    extern "C" long waveglow_scratch_size_##NAME(const Flow<T>* flow, const Window<T>* window) {             \
        return Step<T>(*flow, *window, Arena{nullptr}).scratch_size;                                         \
    }                                                                                                        \
    extern "C" void waveglow_step_##NAME(const Flow<T>* flow, const Window<T>* window) {                     \
        run_step(*flow, *window);                                                                            \
    }                                                                                                        \
    extern "C" void waveglow_upsample_##NAME(const Upsampling* upsampling, const float* mel, long frames,    \
                                             T* result, long threads) {                                      \
        upsample(*upsampling, mel, frames, result, threads);                                                 \
    }

WAVEGLOW(float32, float)
#if defined(__AVX512BF16__)
WAVEGLOW(bfloat16, bf16)
#endif
