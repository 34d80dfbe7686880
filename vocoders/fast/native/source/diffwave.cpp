// DiffWave's network (vocoders/models/diffwave.py) as a stream: noisy positions go in piece by piece, and each output
// comes out, with the bits it would have had in one piece, as soon as all inputs that it depends on have come in.
//
// A position is ``fold`` samples.  A layer of dilation d gives its output at position p when it has its input at p + d,
// so it lags by d and keeps the last 2 d inputs; the network lags by ``reach``, the sum of all dilations.  A piece runs
// through all layers in blocks that stay in the caches.
//
// Signals are channels-last: rows of C channels, C padded to whole vectors by channels that are zero everywhere.
// Between the layers goes s = x + step vector, what the dilated convolution sees: the zeros that pad it at both ends of
// an utterance are then plain zeros.
//     y = conv(s) + conditioner,   z = sigmoid(y's one half) tanh(its other half),
//     next s = s / sqrt(2) + W z + offset,   skip sum += V z,
// where the offset holds W's bias, takes this layer's step vector away and adds the next one's.  s and the skip sum are
// float32; T is the type of what is multiplied (sums of s, z, mels, their weights) and of the projected conditioner.
//
// conv is Winograd's F(2, 3): the outputs at t and t + d share four products where their definitions take six.  With x0
// ... x3 at t - d, t, t + d and t + 2 d, and taps g0, g1, g2,
//     same     = (x1 + x2) (g0 + g1 + g2) / 2         conv(t)     = same + opposite + (x0 - x2) g0
//     opposite = (x2 - x1) (g0 - g1 + g2) / 2         conv(t + d) = same - opposite - (x1 - x3) g2.
// The absolute position says which outputs are a pair; where a block has only one of them, the other is thrown away.
//
// Panels (gemm.h) hold a vector of what becomes the sigmoid beside the vector that becomes tanh of the same channels,
// and a vector of the residual beside that of the skip, so what belongs together meets in registers.
#include <omp.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <vector>

#include "buffer.h"
#include "gemm.h"

namespace {

constexpr int PAIRS = 2 * ROWS * (16 / LANES);  // that a thread works on at a time: they stay in its first cache
constexpr int TILE = 2 * PAIRS;
constexpr int SEGMENT = 1024;  // positions of the conditioner that are kept and dropped together

// ---- what Python passes in; weights are packed in panels, vectors padded with zeros to C

struct LayerWeights {
    long dilation, upsampler;
    const void* conv;       // [4 C -> 2 C], the transformed taps one after the other, halves scaled for scaled_gate
    const void* mel;        // [n_mels, made even -> 2 C], in the same units
    const float* mel_bias;  // [2 C] in panel order, with the dilated convolution's
    const void* output;     // [C -> 2 C], residual divided by sqrt(2)
};

struct NetworkWeights {
    long channels, fold, hold, n_mels, layers, upsamplers;
    const LayerWeights* layer;
    const float *input, *input_bias;    // [fold -> C]
    const float* skip_sum_bias;         // [C], the skip biases of all layers
    const float *skip, *skip_bias;      // [C -> C], divided by sqrt(layers)
    const float *output, *output_bias;  // [C -> fold]
};

struct Range {
    long begin, end;
    long size() const { return end - begin; }
    bool has(long p) const { return begin <= p && p < end; }
    Range part(int n, int of) const { return {begin + size() * n / of, begin + size() * (n + 1) / of}; }
};

// Groups of ROWS, the last one not full.
inline Range groups(long count) { return {0, (count + ROWS - 1) / ROWS}; }

// ---- the conditioner: mels in, projections for each layer out

// Some neighbouring positions: their mels, and what each layer makes of them if there is room to keep it.
template <typename T>
struct Segment {
    Buffer<T> mels;         // [upsamplers][SEGMENT][n_mels, made even by a zero]
    Buffer<T> projections;  // [layers][SEGMENT][2 C], or nothing
    std::vector<int> projected;  // positions of each layer
};

// Rows of mels that a block needs projected before a layer can use them.
template <typename T>
struct Projection {
    const T* mels;
    T* output;
    long rows;
};

// Where a block finds its conditioner: row c lies at segment[c / SEGMENT - first] + c % SEGMENT * 2 C.
template <typename T>
struct ConditionerView {
    long first;
    std::vector<const T*> segment;
    std::vector<Projection<T>> missing;
};

template <typename T>
class Conditioner {
public:
    Conditioner(const NetworkWeights& network, long budget)
        : network_(network),
          width_(network.n_mels + network.n_mels % 2),
          row_(2 * network.channels),
          room_(std::max(0L, budget / long(segment_size() * sizeof(T)))) {}

    long length() const { return length_; }

    // mels: for each upsampler [n_mels][count]
    void append(const float* mels, long count) {
        for (long done = 0; done < count;) {
            const long at = length_ % SEGMENT, rows = std::min(count - done, SEGMENT - at);
            if (at == 0) open_segment();
            for (long u = 0; u < network_.upsamplers; u++)
                transpose(mels + u * network_.n_mels * count + done, count, rows,
                          segments_.back().mels.data() + (u * SEGMENT + at) * width_);
            done += rows;
            length_ += rows;
        }
    }

    // Finds, or makes, the place of a layer's conditioner for positions [begin, end).
    void view(int layer, Range range, ConditionerView<T>& view) {
        view.first = range.begin / SEGMENT;
        view.segment.clear();
        view.missing.clear();
        for (long s = view.first; s * SEGMENT < range.end; s++) {
            Segment<T>& segment = segments_[s - dropped_];
            const T* mels = segment.mels.data() + network_.layer[layer].upsampler * SEGMENT * width_;
            if (!segment.projections && room_ > 0) reserve(segment);
            if (segment.projections) {
                T* output = segment.projections.data() + layer * SEGMENT * row_;
                add(view, mels, output, {segment.projected[layer], std::min<long>(SEGMENT, length_ - s * SEGMENT)});
                segment.projected[layer] = std::min<long>(SEGMENT, length_ - s * SEGMENT);
                view.segment.push_back(output);
            } else {
                // two sets in turn: a thread may begin with a layer while another still reads for the one before
                T* output = scratch(2 * (s - view.first) + layer % 2);
                const long at = s * SEGMENT;
                add(view, mels, output, {std::max(0L, range.begin - at), std::min<long>(SEGMENT, range.end - at)});
                view.segment.push_back(output);
            }
        }
    }

    void restart() {
        drop_before(length_);
        if (!segments_.empty()) drop_first();
        length_ = dropped_ = 0;
    }

    // No position before this one will be asked for again.
    void drop_before(long position) {
        while ((dropped_ + 1) * SEGMENT <= std::min(position, length_)) drop_first();
    }

    // A thread's share of what a view misses.
    void project(int layer, const ConditionerView<T>& view, int thread, int threads) const {
        const LayerWeights& weights = network_.layer[layer];
        const T* panels = static_cast<const T*>(weights.mel);
        for (const Projection<T>& missing : view.missing) {
            const Range rows = Range{0, missing.rows}.part(thread, threads);
            for (long j = 0; j < network_.channels / LANES; j++)
                for_rows(rows.begin, rows.end, [&]<int R>(long row) {
                    Vector sum[R][2];
                    for (int r = 0; r < R; r++)
                        for (int v = 0; v < 2; v++) sum[r][v] = load(weights.mel_bias + j * PANEL + v * LANES);
                    accumulate<R>(sum, missing.mels + row * width_, width_, panels + j * panel_size<T>(width_), width_);
                    for (int r = 0; r < R; r++)
                        for (int v = 0; v < 2; v++)
                            store(missing.output + (row + r) * row_ + j * PANEL + v * LANES, sum[r][v]);
                });
        }
    }

private:
    size_t segment_size() const { return size_t(network_.layers) * SEGMENT * row_; }

    void drop_first() {
        if (segments_.front().projections) {
            spare_.push_back(std::move(segments_.front().projections));
            room_++;
        }
        segments_.pop_front();
        dropped_++;
    }

    void open_segment() { segments_.push_back({Buffer<T>(network_.upsamplers * SEGMENT * width_), {}, {}}); }

    void reserve(Segment<T>& segment) {
        if (spare_.empty()) spare_.emplace_back(segment_size());
        segment.projections = std::move(spare_.back());
        spare_.pop_back();
        segment.projected.assign(network_.layers, 0);
        room_--;
    }

    T* scratch(size_t n) {
        while (scratch_.size() <= n) scratch_.emplace_back(size_t(SEGMENT) * row_);
        return scratch_[n].data();
    }

    void add(ConditionerView<T>& view, const T* mels, T* output, Range rows) const {
        if (rows.size() > 0)
            view.missing.push_back({mels + rows.begin * width_, output + rows.begin * row_, rows.size()});
    }

    void transpose(const float* mels, long stride, long rows, T* output) const {
        for (long row = 0; row < rows; row++)
            for (long m = 0; m < width_; m++)
                set(output + row * width_ + m, m < network_.n_mels ? mels[m * stride + row] : 0);
    }

    static void set(float* output, float x) { *output = x; }
#if defined(__AVX512BF16__)
    static void set(bf16* output, float x) {
        output->bits = reinterpret_cast<__v8hi>(_mm_cvtneps_pbh(_mm_set_ss(x)))[0];
    }
#endif

    const NetworkWeights& network_;
    const long width_, row_;  // elements of a row of mels, of projections
    long room_;               // segments whose projections may still be kept
    long length_ = 0, dropped_ = 0;
    std::deque<Segment<T>> segments_;
    std::vector<Buffer<T>> spare_, scratch_;
};

// ---- one evaluation, that is one sampling step

// What one step remembers between pushes.
struct Step {
    const float* offset;           // [layers][C]: the first step vector, then what each layer's output is moved by
    std::vector<Buffer<float>> tails;  // of each layer [2 dilation][C]: its last inputs, zeros before the first
    Buffer<float> skips;           // [capacity][C]: sums not yet complete, position p in row p % capacity
    long received = 0, determined = 0;
    bool finished = false;
};

inline void copy(const float* from, float* to, size_t count) { std::memcpy(to, from, count * sizeof(float)); }
inline void zero_rows(float* rows, size_t count) { std::memset(rows, 0, count * sizeof(float)); }

class Evaluations {
public:
    virtual ~Evaluations() = default;
    virtual void restart(const float* offsets, long steps) = 0;
    virtual void condition(const float* mels, long count) = 0;
    virtual long push(int step, const float* noisy, long count, bool last, float* output, int threads) = 0;
};

template <typename T>
class TypedEvaluations : public Evaluations {
public:
    TypedEvaluations(const NetworkWeights& network, long budget, long block)
        : network_(network),
          channels_(network.channels),
          block_(block),
          conditioner_(network_, budget),
          inputs_(network.layers + 1),
          views_(network.layers),
          pairs_(network.layers) {
        for (long l = 0; l < network.layers; l++) {
            margin_ = std::max(margin_, 3 * network.layer[l].dilation);
            reach_ += network.layer[l].dilation;
        }
        capacity_ = reach_ + block_;
        for (Buffer<float>& signal : signals_) signal = Buffer<float>((2 * margin_ + capacity_) * channels_);
        for (long l = 0; l < network.layers; l++) pairs_[l].reserve(capacity_ / 2 + 2 * network.layer[l].dilation);
    }

    void restart(const float* offsets, long steps) override {
        steps_.resize(steps);
        for (long n = 0; n < steps; n++) restart(steps_[n], offsets + n * network_.layers * channels_);
        conditioner_.restart();
    }

    void condition(const float* mels, long count) override { conditioner_.append(mels, count); }

    long push(int n, const float* noisy, long count, bool last, float* output, int threads) override {
        Step& step = steps_[n];
        while (long(scratch_.size()) < threads) scratch_.emplace_back(scratch_size());
        const long before = step.determined;
        const long blocks = std::max(1L, (count + block_ - 1) / block_);
        for (long b = 0; b < blocks; b++) {
            const Range part = Range{0, count}.part(b, blocks);
            run(step, noisy + part.begin * network_.fold, part.size(), last && b == blocks - 1,
                output + (step.determined - before) * network_.fold, threads);
        }
        step.finished = last;
        drop_conditioner();
        return step.determined - before;
    }

private:
    void restart(Step& step, const float* offset) {
        if (!step.skips) {
            for (long l = 0; l < network_.layers; l++) step.tails.emplace_back(tail_size(l));
            step.skips = Buffer<float>(capacity_ * channels_);
        }
        for (long l = 0; l < network_.layers; l++) zero_rows(step.tails[l].data(), tail_size(l));
        step.offset = offset;
        step.received = step.determined = 0;
        step.finished = false;
    }

    size_t tail_size(long l) const { return 2 * network_.layer[l].dilation * channels_; }
    size_t scratch_size() const { return (4 * channels_ + PANEL) * (TILE + 1); }

    void drop_conditioner() {
        long slowest = conditioner_.length() * network_.hold;
        for (const Step& step : steps_)
            if (!step.finished) slowest = std::min(slowest, step.determined);
        conditioner_.drop_before(slowest / network_.hold);
    }

    // Some new positions, few enough for the caches, through the whole network.
    void run(Step& step, const float* noisy, long count, bool last, float* output, int threads) {
        plan(step, count, last);
#pragma omp parallel num_threads(threads)
        {
            const int thread = omp_get_thread_num(), team = omp_get_num_threads();
            T* scratch = reinterpret_cast<T*>(scratch_[thread].data());
#pragma omp for nowait
            for (long l = 0; l < network_.layers; l++) list_pairs(l);
            begin_layer(step, 0, last, thread, team);
            project_input(step, noisy, inputs_[0].part(thread, team));
            for (int l = 0; l < network_.layers; l++) {
                conditioner_.project(l, views_[l], thread, team);
#pragma omp barrier
                if (l + 1 < network_.layers) begin_layer(step, l + 1, last, thread, team);
                end_layer(step, l, thread, team);
                const Range part = groups(pairs_[l].size()).part(thread, team);
                run_layer(step, l, {part.begin * ROWS, std::min<long>(part.end * ROWS, pairs_[l].size())}, scratch);
            }
#pragma omp barrier
            project_output(step, output, inputs_.back().part(thread, team), scratch_[thread].data());
        }
        step.received = inputs_.front().end;
        step.determined = inputs_.back().end;
    }

    // The positions that each layer will receive, and at last those that the network will give.
    void plan(const Step& step, long count, bool last) {
        inputs_[0] = {step.received, step.received + count};
        for (long l = 0; l < network_.layers; l++) {
            const long lag = network_.layer[l].dilation;
            inputs_[l + 1] = {std::max(0L, inputs_[l].begin - lag), std::max(0L, inputs_[l].end - (last ? 0 : lag))};
            const long begin = inputs_[l + 1].begin, end = inputs_[l + 1].end, hold = network_.hold;
            conditioner_.view(l, {begin / hold, end > begin ? (end + hold - 1) / hold : begin / hold}, views_[l]);
        }
    }

    // Row of position p in the input of a layer.  New positions begin at margin_, what the layer has kept lies before.
    float* input(long layer, long p) const {
        return signals_[layer % 2].data() + (margin_ + p - inputs_[layer].begin) * channels_;
    }

    // Puts what the layer has kept before its new input, and zeros behind the last.
    void begin_layer(const Step& step, long l, bool last, int thread, int team) {
        const long dilation = network_.layer[l].dilation;
        const Range kept = Range{0, 2 * dilation}.part(thread, team);
        const Range behind = Range{0, last ? dilation : 0}.part(thread, team);
        copy(step.tails[l].data() + kept.begin * channels_, input(l, inputs_[l].begin - 2 * dilation + kept.begin),
             kept.size() * channels_);
        zero_rows(input(l, inputs_[l].end + behind.begin), behind.size() * channels_);
    }

    void end_layer(const Step& step, long l, int thread, int team) {
        const long dilation = network_.layer[l].dilation;
        const Range kept = Range{0, 2 * dilation}.part(thread, team);
        copy(input(l, inputs_[l].end - 2 * dilation + kept.begin), step.tails[l].data() + kept.begin * channels_,
             kept.size() * channels_);
    }

    float* skip(const Step& step, long p) const { return step.skips.data() + p % capacity_ * channels_; }

    void project_input(const Step& step, const float* noisy, Range range) {
        const long fold = network_.fold;
        for (long j = 0; j < channels_ / LANES; j += 2)
            for_rows(range.begin, range.end, [&]<int R>(long p) {
                Vector sum[R][2];
                for (int r = 0; r < R; r++)
                    for (int v = 0; v < 2; v++) sum[r][v] = load(network_.input_bias + (j + v) * LANES);
                const float* x = noisy + (p - inputs_[0].begin) * fold;
                accumulate<R>(sum, x, fold, network_.input + j * LANES * fold, fold);
                for (int r = 0; r < R; r++)
                    for (int v = 0; v < 2 && j + v < channels_ / LANES; v++)
                        store(input(0, p + r) + (j + v) * LANES,
                              add(relu(sum[r][v]), load(step.offset + (j + v) * LANES)));
            });
    }

    // The pairs (t, t + dilation) that an output range touches; blocks of 2 dilations begin at multiples of it.
    void list_pairs(long l) {
        const long dilation = network_.layer[l].dilation;
        const Range range = inputs_[l + 1];
        pairs_[l].clear();
        for (long block = range.begin / (2 * dilation) * 2 * dilation; block < range.end; block += 2 * dilation)
            for (long t = block; t < block + dilation; t++)
                if (range.has(t) || range.has(t + dilation)) pairs_[l].push_back(t);
    }

    // What a thread works on at a time.
    struct Tile {
        long pairs = 0, outputs = 0;
        T* transformed;                  // [4][PAIRS][C]
        T* gated;                        // [TILE + 1][C]: z of each output, and a last row for what is thrown away
        const T* conditioner[2][PAIRS];  // of both positions of a pair
        T* destination[2][PAIRS];        // their rows in gated
        const float* input[TILE];        // of each output
        float *next[TILE], *skip[TILE];
    };

    void run_layer(const Step& step, int l, Range part, T* scratch) {
        for (long begin = part.begin; begin < part.end; begin += PAIRS) {
            Tile tile;
            tile.transformed = scratch;
            tile.gated = scratch + 4 * PAIRS * channels_;
            for (long n = begin; n < std::min(begin + PAIRS, part.end); n++) add_pair(step, l, pairs_[l][n], tile);
            for (long j = 0; j < channels_ / LANES; j++)
                for_rows(0, tile.pairs, [&]<int R>(long pair) { gate_rows<R>(l, tile, pair, j); });
            for (long j = 0; j < channels_ / LANES; j++)
                for_rows(0, tile.outputs, [&]<int R>(long row) { output_rows<R>(step, l, tile, row, j); });
        }
    }

    void add_pair(const Step& step, int l, long t, Tile& tile) {
        const long dilation = network_.layer[l].dilation, n = tile.pairs++;
        transform(input(l, t), dilation * channels_, tile.transformed + n * channels_);
        for (int half = 0; half < 2; half++) {
            const long p = t + half * dilation;
            const bool wanted = inputs_[l + 1].has(p);
            const long other = t + (1 - half) * dilation;
            tile.conditioner[half][n] = conditioner(views_[l], (wanted ? p : other) / network_.hold);
            tile.destination[half][n] = tile.gated + (wanted ? tile.outputs : TILE) * channels_;
            if (!wanted) continue;
            tile.input[tile.outputs] = input(l, p);
            tile.next[tile.outputs] = input(l + 1, p);
            tile.skip[tile.outputs++] = skip(step, p);
        }
    }

    // What Winograd's F(2, 3) multiplies, of the rows at t - d, t, t + d and t + 2 d
    void transform(const float* x, long distance, T* out) const {
        const long channels = channels_;
        for (long c = 0; c < channels; c += LANES) {
            const Vector x0 = load(x - distance + c), x1 = load(x + c);
            const Vector x2 = load(x + distance + c), x3 = load(x + 2 * distance + c);
            store(out + c, add(x1, x2));
            store(out + PAIRS * channels + c, subtract(x2, x1));
            store(out + 2 * PAIRS * channels + c, subtract(x0, x2));
            store(out + 3 * PAIRS * channels + c, subtract(x1, x3));
        }
    }

    const T* conditioner(const ConditionerView<T>& view, long c) const {
        return view.segment[c / SEGMENT - view.first] + c % SEGMENT * 2 * channels_;
    }

    // z of R pairs, for the channels of vector j
    template <int R>
    void gate_rows(int l, const Tile& tile, long pair, long j) const {
        const LayerWeights& weights = network_.layer[l];
        const long channels = channels_, size = panel_size<T>(channels), matrix = PAIRS * channels;
        const T* panel = static_cast<const T*>(weights.conv) + 4 * j * size;
        const T* x = tile.transformed + pair * channels;
        Vector sum[R][2], other[R][2];
        clear(sum);
        accumulate<R>(sum, x, channels, panel, channels);
#pragma GCC unroll 12
        for (int r = 0; r < R; r++)
            for (int v = 0; v < 2; v++) other[r][v] = sum[r][v];
        clear(sum);
        accumulate<R>(sum, x + matrix, channels, panel + size, channels);
        // what comes from far away is fetched while other rows are at work: the next vectors of these, or the next tile
        const long next_tile = (weights.dilation < PAIRS ? TILE : PAIRS) / network_.hold * 2 * channels;
        const long ahead = (j + 1) * LANES < channels ? PANEL : next_tile - j * PANEL;
#pragma GCC unroll 12
        for (int r = 0; r < R; r++) {
            const T* first = tile.conditioner[0][pair + r] + j * PANEL;
            const T* second = tile.conditioner[1][pair + r] + j * PANEL;
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++) {
                const Vector same = other[r][v], opposite = sum[r][v];
                sum[r][v] = add(load(first + v * LANES), add(same, opposite));
                other[r][v] = add(load(second + v * LANES), subtract(same, opposite));
                if (sizeof(T) == 4 || v == 0) prefetch(first + ahead + v * LANES);
                if (sizeof(T) == 4 || v == 0) prefetch(second + ahead + v * LANES);
            }
        }
        accumulate<R>(sum, x + 2 * matrix, channels, panel + 2 * size, channels);
        store_gated(sum, tile.destination[0] + pair, j);
#pragma GCC unroll 12
        for (int r = 0; r < R; r++)
            for (int v = 0; v < 2; v++) sum[r][v] = other[r][v];
        accumulate<R>(sum, x + 3 * matrix, channels, panel + 3 * size, channels);
        store_gated(sum, tile.destination[1] + pair, j);
    }

    template <int R>
    static void clear(Vector (&sum)[R][2]) {
#pragma GCC unroll 12
        for (int r = 0; r < R; r++) sum[r][0] = sum[r][1] = zero();
    }

    template <int R>
    static inline __attribute__((always_inline)) void store_gated(Vector (&sum)[R][2], T* const* rows, long j) {
#pragma GCC unroll 12
        for (int r = 0; r < R; r++) store(rows[r] + j * LANES, scaled_gate<accuracy_of<T>>(sum[r][0], sum[r][1]));
    }

    // The next layer's inputs and the skip sums of R outputs, for the channels of vector j
    template <int R>
    void output_rows(const Step& step, int l, const Tile& tile, long row, long j) const {
        const bool first = l == 0, more = l + 1 < network_.layers;
        const long channels = channels_;
        const Vector moved = more ? load(step.offset + (l + 1) * channels + j * LANES) : zero();
        const Vector bias = load(network_.skip_sum_bias + j * LANES), half = broadcast(0.70710678f);
        Vector sum[R][2];
#pragma GCC unroll 12
        for (int r = 0; r < R; r++) {
            sum[r][0] = fma(load(tile.input[row + r] + j * LANES), half, moved);
            sum[r][1] = first ? bias : load(tile.skip[row + r] + j * LANES);
        }
        const T* panel = static_cast<const T*>(network_.layer[l].output) + j * panel_size<T>(channels);
        accumulate<R>(sum, tile.gated + row * channels, channels, panel, channels);
        if (more)
#pragma GCC unroll 12
            for (int r = 0; r < R; r++) store(tile.next[row + r] + j * LANES, sum[r][0]);
#pragma GCC unroll 12
        for (int r = 0; r < R; r++) store(tile.skip[row + r] + j * LANES, sum[r][1]);
    }

    void project_output(const Step& step, float* output, Range range, float* scratch) {
        float* total = scratch;  // [TILE][C]
        float* hidden = total + TILE * channels_;  // [TILE][C]
        for (long begin = range.begin; begin < range.end; begin += TILE) {
            const long count = std::min<long>(TILE, range.end - begin);
            for (long p = 0; p < count; p++)
                std::memcpy(total + p * channels_, skip(step, begin + p), channels_ * sizeof(float));
            dense(total, count, network_.skip, network_.skip_bias, channels_, hidden, true);
            dense(hidden, count, network_.output, network_.output_bias, network_.fold,
                  output + (begin - inputs_.back().begin) * network_.fold, false);
        }
    }

    // output [rows][outputs] = W x[row] + bias, relu or not, for x [rows][C]; the bias has whole panels
    void dense(const float* x, long rows, const float* panels, const float* bias, long outputs, float* output,
               bool relu_after) const {
        for (long j = 0; j * PANEL < outputs; j++)
            for_rows(0, rows, [&]<int R>(long row) {
                Vector sum[R][2];
                for (int r = 0; r < R; r++)
                    for (int v = 0; v < 2; v++) sum[r][v] = load(bias + j * PANEL + v * LANES);
                accumulate<R>(sum, x + row * channels_, channels_, panels + j * panel_size<float>(channels_), channels_);
                alignas(64) float values[PANEL];
                for (int r = 0; r < R; r++) {
                    for (int v = 0; v < 2; v++) store(values + v * LANES, relu_after ? relu(sum[r][v]) : sum[r][v]);
                    std::memcpy(output + (row + r) * outputs + j * PANEL, values,
                                std::min<long>(PANEL, outputs - j * PANEL) * sizeof(float));
                }
            });
    }

    const NetworkWeights network_;
    const long channels_, block_;
    long margin_ = 0, reach_ = 0, capacity_;
    Conditioner<T> conditioner_;
    std::vector<Step> steps_;
    Buffer<float> signals_[2];                // inputs of this layer and of the next
    std::vector<Range> inputs_;               // positions new to each layer, at last those of the network's output
    std::vector<ConditionerView<T>> views_;   // of each layer
    std::vector<std::vector<long>> pairs_;    // of each layer, the first position of each
    std::vector<Buffer<float>> scratch_;      // of each thread
};

}  // namespace

extern "C" {

// Null when memory or the type of arithmetic is missing.  The weights must outlive it.
Evaluations* diffwave_open(const NetworkWeights* network, long budget, long block, int narrow) try {
#if defined(__AVX512BF16__)
    if (narrow) return new TypedEvaluations<bf16>(*network, budget, block);
#endif
    return narrow ? nullptr : new TypedEvaluations<float>(*network, budget, block);
} catch (const std::exception&) {
    return nullptr;
}

void diffwave_close(Evaluations* evaluations) { delete evaluations; }

// The following return a negative number when memory is missing.

// Begins an utterance in the memory of the one before.  ``offsets`` [steps][layers][C] must outlive it.
long diffwave_restart(Evaluations* evaluations, const float* offsets, long steps) try {
    evaluations->restart(offsets, steps);
    return steps;
} catch (const std::exception&) {
    return -1;
}

long diffwave_condition(Evaluations* evaluations, const float* mels, long count) try {
    evaluations->condition(mels, count);
    return count;
} catch (const std::exception&) {
    return -1;
}

// ``output`` has room for all positions that become determined; returns how many did.
long diffwave_push(Evaluations* evaluations, int step, const float* noisy, long count, int last, float* output,
                   int threads) try {
    return evaluations->push(step, noisy, count, last, output, threads);
} catch (const std::exception&) {
    return -1;
}
}
