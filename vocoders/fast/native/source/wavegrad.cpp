// One evaluation of WaveGrad's network (vocoders/models/wavegrad.py) on a window of whole mel frames.
//
// Level l = 0 ... 5 of the network is a rate, from samples to mel frames.  The noisy speech goes down the levels; at each
// one a modulation (scale and shift) is made of it for the mel's way up.  Stages follow one another, and the tiles of a
// stage are shared by the threads: a tile passes through all convolutions of its stage in scratch memory that stays in
// the cache, computing a margin on both sides that its neighbours compute too.  Only what a stage gives to another is
// kept for the whole window.  Signals are float32 and channels-last; operands of products are float32 or bfloat16.
//
// A convolution over an upsampled signal is made where the signal still is at the low rate: each tap by itself, then
// the interpolation of the taps' results, which are added.
//
// Positions are absolute, counted from the utterance's first, so that what depends on them is the same in any window.
#include <omp.h>

#include <algorithm>

#include "winograd.h"

namespace {

constexpr int LEVELS = 6, STAGES = 5;
constexpr float SLOPE = 0.2f;

struct Linear {
    int inputs, outputs;
    const void* panels;
    const float* bias;
};

struct Film {
    Convolution input, output;  // output: scale, then shift, each padded
};

struct DownStage {
    int channels, groups;  // of three convolutions with a residual connection
    Linear residual;
    const Convolution* convolutions;
};

struct UpStage {
    int channels, blocks;  // of two convolutions with a residual connection
    Film film;
    Linear taps, residual;  // the first convolution's three taps, each padded; not used at the first stage
    int dilation;           // of these taps
    const float* bias;      // of the first convolution
    Convolution second;
    const Convolution* convolutions;
};

struct Network {
    int nearest;          // interpolation; else linear
    int channels;         // of the noisy speech
    int factors[STAGES];  // from level l + 1 to level l
    const float* input;   // [5][channels], the taps of the first convolution, padded
    const float* input_bias;
    DownStage down[STAGES - 1];  // to levels 1 ... 4
    UpStage up[STAGES];          // to levels 4 ... 0
    const float* output;         // [3][channels], the taps of the last convolution, padded
    float output_bias;
};

// Memory handed out piece by piece; without a base it only counts.
struct Arena {
    char* base;
    long used = 0;
    template <typename T>
    T* take(long count) {
        T* piece = reinterpret_cast<T*>(base + used);
        used += (count * long(sizeof(T)) + 127) / 64 * 64;
        return base ? piece : nullptr;
    }
    Rows rows(Range range, int channels) {
        return {take<float>(rounded_up(range.size()) * padded(channels)), range, padded(channels)};
    }
    template <typename T>
    Pairs<T> pairs(long positions, int dilation, int inputs) {
        const long count = most_pairs(positions, dilation);
        return {take<T>(count * pair_stride<T>(inputs)), take<int>(count), 0};
    }
};

// ---- resampling

// Position t of an upsampled signal lies between two of the low rate.
struct Between {
    long low[2];
    float weight[2];
};

Between upsampled(long t, int factor, bool nearest, Range low) {
    if (nearest) return {{t / factor, t / factor}, {1, 0}};
    const long twice = 2 * t + 1 - factor;  // 2 * factor times the place: the middle of samples stays where it was
    const long below = twice < 0 ? -1 : twice / (2 * factor);
    const float weight = float(twice - below * 2 * factor) / float(2 * factor);
    return {{std::max(below, low.begin), std::min(below + 1, low.end - 1)}, {1 - weight, weight}};
}

// What upsampled() reads for a range.
Range low_range(Range range, int factor, Range bounds) {
    return grow({range.begin / factor, (range.end - 1) / factor + 1}, 1, bounds);
}

// out[t] += the upsampled signal at t + shift, where that is in the window; ``column`` of its rows
__attribute__((noinline)) void add_upsampled(Rows low, int column, long shift, int factor, bool nearest, Range window, Range low_window, Range range,
                   int channels, Rows out) {
    for (long t = range.begin; t < range.end; t++) {
        if (t + shift < window.begin || t + shift >= window.end) continue;
        const Between between = upsampled(t + shift, factor, nearest, low_window);
        const float *first = low.at(between.low[0]) + column, *second = low.at(between.low[1]) + column;
        const Vector weight[2] = {broadcast(between.weight[0]), broadcast(between.weight[1])};
        float* row = out.at(t);
        for (int c = 0; c < padded(channels); c += LANES)
            store(row + c, fma(weight[1], load(second + c), fma(weight[0], load(first + c), load(row + c))));
    }
}

void downsample(Rows high, int factor, bool nearest, Range range, int channels, Rows out) {
    for (long t = range.begin; t < range.end; t++) {
        const long middle = t * factor + (nearest ? 0 : (factor - 1) / 2);
        const float *first = high.at(middle), *second = nearest || factor % 2 ? first : high.at(middle + 1);
        for (int c = 0; c < padded(channels); c += LANES)
            store(out.at(t) + c, multiply(broadcast(0.5f), add(load(first + c), load(second + c))));
    }
}

// ---- products without neighbours

// out[t] = weight * activate(t, .) + bias, for all rows of out; ``operands`` is scratch.  Both have memory for
// rounded_up() rows.
template <typename T, typename Activate>
__attribute__((noinline)) void project(const Linear& linear, Range range, Activate&& activate, T* operands, Rows out) {
    const int width = padded(linear.inputs);
    for (long t = range.begin; t < range.end; t++)
        for (int c = 0; c < width; c += LANES) store(operands + (t - range.begin) * width + c, activate(t, c));
    for_panels(linear.outputs, [&]<int V>(int column) {
        const T* panel = static_cast<const T*>(linear.panels) + column / PANEL * panel_size<T>(linear.inputs);
        for_rounded_rows(range.size(), [&]<int R>(long row) {
            Vector sum[R][V];
            for (int r = 0; r < R; r++)
                for (int v = 0; v < V; v++) sum[r][v] = load(linear.bias + column + v * LANES);
            accumulate(sum, operands + row * width, width, panel, linear.inputs);
            for (int r = 0; r < R; r++)
                for (int v = 0; v < V; v++) store(out.at(range.begin + row + r) + column + v * LANES, sum[r][v]);
        });
    });
}

// ---- the network

template <typename T>
struct Evaluation {
    const Network& net;
    const float* noisy;
    const float* encoding;  // of the noise level: for each film the padded channels
    float* predicted;
    Range window[LEVELS];
    Rows down[STAGES];  // at levels 1 ... 4
    Rows up[LEVELS];    // at level 5 what the mel alone decides, at 4 ... 1 what the stages give

    Evaluation(const Network& net, const float* noisy, const float* conditioner, const float* encoding, long start,
               long frames, float* predicted, Arena& arena)
        : net(net), noisy(noisy), encoding(encoding), predicted(predicted) {
        window[STAGES] = {start, start + frames};
        for (int level = STAGES - 1; level >= 0; level--) {
            const int factor = net.factors[level];
            window[level] = {window[level + 1].begin * factor, window[level + 1].end * factor};
        }
        for (int level = 1; level < STAGES; level++) {
            down[level] = arena.rows(window[level], net.down[level - 1].channels);
            up[level] = arena.rows(window[level], net.up[STAGES - 1 - level].channels);
        }
        up[STAGES] = {const_cast<float*>(conditioner), window[STAGES], 4 * padded(net.up[0].channels)};
    }

    // Signal going down at a level, for a range: at level 0 it is made of the noisy speech, in ``scratch``.
    __attribute__((noinline)) Rows descending(int level, Range range, Rows scratch) const {
        if (level > 0) return down[level];
        scratch.range = range;
        const int width = padded(net.channels);
        for (long t = range.begin; t < range.end; t++)
            for (int c = 0; c < width; c += LANES) {
                Vector sum = load(net.input_bias + c);
                for (int tap = 0; tap < 5; tap++) {
                    const long s = t + tap - 2;
                    if (s >= window[0].begin && s < window[0].end)
                        sum = fma(broadcast(noisy[s - window[0].begin]), load(net.input + tap * width + c), sum);
                }
                store(scratch.at(t) + c, sum);
            }
        return scratch;
    }

    // ---- a tile on the way down, to a level

    long down_margin(const DownStage& stage) const { return 7 * stage.groups; }

    void run_down(int level, Range tile, Arena arena) const {
        const DownStage& stage = net.down[level - 1];
        const int inputs = stage.residual.inputs, factor = net.factors[level - 1];
        const Range widest = grow(tile, down_margin(stage), window[level]);
        Rows x = arena.rows(widest, inputs), residual = arena.rows(widest, stage.channels);
        Rows y = arena.rows(widest, stage.channels), z = arena.rows(widest, stage.channels);
        const Range high = {widest.begin * factor, widest.end * factor};
        Rows scratch = level == 1 ? arena.rows(high, inputs) : Rows{};
        T* operands = arena.take<T>(rounded_up(widest.size()) * padded(inputs));
        const Pairs<T> pairs = arena.pairs<T>(widest.size(), 4, std::max(inputs, stage.channels));
        if (!arena.base) return count(arena);

        downsample(descending(level - 1, high, scratch), factor, net.nearest, widest, inputs, x);
        project<T>(stage.residual, widest, [&](long t, int c) { return load(x.at(t) + c); }, operands, residual);
        long margin = down_margin(stage);
        const Convolution* conv = stage.convolutions;
        const auto step = [&](Rows from, Rows to, Result result) {
            margin -= conv->dilation;
            const Range held = grow(tile, margin + conv->dilation, window[level]);
            const auto activate = [&](long t, int c) { return leaky_relu(load(from.at(t) + c), SLOPE); };
            convolve<T>(*conv++, grow(tile, margin, window[level]), held, activate, pairs, to, result);
        };
        for (int group = 0; group < stage.groups; group++) {
            step(group ? residual : x, y, REPLACE);
            step(y, z, REPLACE);
            step(z, residual, ADD);
        }
        for (long t = tile.begin; t < tile.end; t++)
            std::copy_n(residual.at(t), residual.stride, down[level].at(t));
    }

    // ---- a tile on the way up, to a level

    long up_margin(const UpStage& stage) const {
        long margin = stage.second.dilation;
        for (int i = 0; i < 2 * stage.blocks; i++) margin += stage.convolutions[i].dilation;
        return margin;
    }

    void run_up(int level, Range tile, Arena arena) const {
        const UpStage& stage = net.up[STAGES - 1 - level];
        const int channels = stage.channels, width = padded(channels);
        const int dilation = std::max(1, widest_dilation(stage));
        const long margin = up_margin(stage) + (level == 0);  // the last convolution needs one more
        const Range range = grow(tile, margin, window[level]);
        const Range around = grow(range, 1, window[level]), source = grow(range, 2, window[level]);
        const int film_inputs = stage.film.input.inputs;
        Rows scratch = level == 0 ? arena.rows(source, film_inputs) : Rows{};
        Rows film = arena.rows(around, film_inputs), modulation = arena.rows(range, 2 * width);
        Rows x = arena.rows(range, channels), y = arena.rows(range, channels);
        const Range low = low_range(grow(range, stage.dilation, window[level]), net.factors[level], window[level + 1]);
        const int inputs = stage.taps.inputs;
        Rows taps = up[STAGES], residual = taps;
        T* operands = nullptr;
        if (level < STAGES - 1) {
            taps = arena.rows(low, 3 * width), residual = arena.rows(low, channels);
            operands = arena.take<T>(rounded_up(low.size()) * padded(inputs));
        } else {
            residual.data += 3 * width;
        }
        const Pairs<T> pairs = arena.pairs<T>(around.size(), dilation, std::max(channels, film_inputs));
        if (!arena.base) return count(arena);

        modulate(level, stage, around, source, range, descending(level, source, scratch), film, pairs, modulation);
        if (level < STAGES - 1) {
            const Rows from = up[level + 1];
            project<T>(stage.taps, low, [&](long t, int c) { return leaky_relu(load(from.at(t) + c), SLOPE); },
                       operands, taps);
            project<T>(stage.residual, low, [&](long t, int c) { return load(from.at(t) + c); }, operands, residual);
        }
        for (long t = range.begin; t < range.end; t++) {
            std::copy_n(stage.bias, width, y.at(t));
            std::fill_n(x.at(t), width, 0.0f);
        }
        const auto upsample = [&](Rows from, int column, long shift, Rows to) {
            add_upsampled(from, column, shift, net.factors[level], net.nearest, window[level], window[level + 1], range,
                          channels, to);
        };
        for (int tap = 0; tap < 3; tap++) upsample(taps, tap * width, (tap - 1) * stage.dilation, y);
        upsample(residual, 0, 0, x);

        long left = margin;
        const auto step = [&](const Convolution& conv, Rows from, Rows to, Result result) {
            const Range held = grow(tile, left, window[level]);
            left -= conv.dilation;
            const auto activate = [&](long t, int c) {
                const float* scale = modulation.at(t) + c;
                return leaky_relu(fma(load(scale), load(from.at(t) + c), load(scale + width)), SLOPE);
            };
            convolve<T>(conv, grow(tile, left, window[level]), held, activate, pairs, to, result);
        };
        step(stage.second, y, x, ADD);
        for (int block = 0; block < stage.blocks; block++) {
            step(stage.convolutions[2 * block], x, y, REPLACE);
            step(stage.convolutions[2 * block + 1], y, x, ADD);
        }
        if (level > 0)
            for (long t = tile.begin; t < tile.end; t++) std::copy_n(x.at(t), width, up[level].at(t));
        else
            finish(tile, x);
    }

    int widest_dilation(const UpStage& stage) const {
        int dilation = stage.second.dilation;
        for (int i = 0; i < 2 * stage.blocks; i++) dilation = std::max(dilation, stage.convolutions[i].dilation);
        return dilation;
    }

    // Scale and shift for a range, of the signal going down.
    void modulate(int level, const UpStage& stage, Range around, Range source, Range range, Rows signal, Rows film,
                  Pairs<T> pairs, Rows modulation) const {
        const auto plain = [&](long t, int c) { return load(signal.at(t) + c); };
        convolve<T>(stage.film.input, around, source, plain, pairs, film, REPLACE);
        const float* code = encoding;
        for (int below = 0; below < level; below++) code += padded(net.up[STAGES - 1 - below].film.input.inputs);
        const auto encode = [&](long t, int c) { return add(leaky_relu(load(film.at(t) + c), SLOPE), load(code + c)); };
        convolve<T>(stage.film.output, range, around, encode, pairs, modulation, REPLACE);
    }

    // The last convolution, to one channel.
    __attribute__((noinline)) void finish(Range tile, Rows x) const {
        for (long t = tile.begin; t < tile.end; t++) {
            Vector sum = zero();
            for (int tap = 0; tap < 3; tap++) {
                const long s = t + tap - 1;
                if (s < window[0].begin || s >= window[0].end) continue;
                for (int c = 0; c < x.stride; c += LANES)
                    sum = fma(load(x.at(s) + c), load(net.output + tap * x.stride + c), sum);
            }
            float lanes[LANES], total = net.output_bias;
            store(lanes, sum);
            for (int lane = 0; lane < LANES; lane++) total += lanes[lane];
            predicted[t - window[0].begin] = total;
        }
    }

    // ---- all tiles

    mutable long most = 0;  // bytes of scratch that a tile takes
    void count(const Arena& arena) const { most = std::max(most, arena.used); }

    // About as many positions as fit into the second cache with all that is made of them.
    long tile_size(int level) const {
        const long channels = std::max(net.up[STAGES - 1 - level].channels, level ? net.down[level - 1].channels : 0);
        return std::max(96L, TILE_BYTES / (channels * 24));
    }
    static constexpr long TILE_BYTES = 3 << 20;

    template <typename Body>
    void for_tiles(int level, char* scratch, int threads, Body&& body) const {
        const Range all = window[level];
        long tiles = (all.size() + tile_size(level) - 1) / tile_size(level);
        tiles = std::min((tiles + threads - 1) / threads * threads, all.size());
        const auto cut = [&](long i) { return all.begin + all.size() * i / tiles; };
        if (!scratch) {  // the sizes only
            for (long i = 0; i < tiles; i++) body(Range{cut(i), cut(i + 1)}, Arena{nullptr});
            return;
        }
#pragma omp parallel for schedule(dynamic) num_threads(threads)
        for (long i = 0; i < tiles; i++) body(Range{cut(i), cut(i + 1)}, Arena{scratch + omp_get_thread_num() * most});
    }

    void run(char* scratch, int threads) const {
        for (int level = 1; level < STAGES; level++)
            for_tiles(level, scratch, threads, [&](Range tile, Arena arena) { run_down(level, tile, arena); });
        for (int level = STAGES - 1; level >= 0; level--)
            for_tiles(level, scratch, threads, [&](Range tile, Arena arena) { run_up(level, tile, arena); });
    }
};

// Runs in ``workspace``; without one, only returns how many bytes that must have.
template <typename T>
long evaluate(const Network& net, const float* noisy, const float* conditioner, const float* encoding, long start,
              long frames, float* predicted, char* workspace, int threads) {
    Arena arena{workspace};
    Evaluation<T> evaluation(net, noisy, conditioner, encoding, start, frames, predicted, arena);
    evaluation.run(nullptr, threads);
    evaluation.most = (evaluation.most + 4095) / 4096 * 4096;
    if (workspace) evaluation.run(workspace + arena.used, threads);
    return arena.used + threads * evaluation.most;
}

}  // namespace

extern "C" long wavegrad_evaluate(int bfloat16, const Network* net, const float* noisy, const float* conditioner,
                                  const float* encoding, long start, long frames, float* predicted, char* workspace,
                                  int threads) {
#if defined(__AVX512BF16__)
    if (bfloat16)
        return evaluate<bf16>(*net, noisy, conditioner, encoding, start, frames, predicted, workspace, threads);
#endif
    return evaluate<float>(*net, noisy, conditioner, encoding, start, frames, predicted, workspace, threads);
}

// out [rows][outputs] = weight * x + bias for x [rows][inputs], or for leaky_relu(x); all padded, in float32;
// memory for rounded_up(rows)
extern "C" void wavegrad_project(const Linear* linear, int activated, long rows, float* x, float* operands, float* out) {
    const Rows from{x, {0, rows}, padded(linear->inputs)};
    const Rows to{out, {0, rows}, padded(linear->outputs)};
    const auto plain = [&](long t, int c) { return load(from.at(t) + c); };
    const auto activate = [&](long t, int c) { return leaky_relu(load(from.at(t) + c), SLOPE); };
    if (activated)
        project<float>(*linear, {0, rows}, activate, operands, to);
    else
        project<float>(*linear, {0, rows}, plain, operands, to);
}
