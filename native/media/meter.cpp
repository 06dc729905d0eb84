// Numbers of the luma plane that need every sample of every frame, from one walk over the rows.
//
// Definitions  spatial and temporal information: ITU-T P.910, limited range stretched to 0..255 in integers first, as ffmpeg's
//              siti filter does; motion: the mean difference of blurred pictures of VMAF (5 taps in 16 bits, vertical then
//              horizontal), as ffmpeg's vmafmotion; dark: luma at most 10 % of its range, as blackdetect.
// Numerics     sums of integers are exact; gradients are summed in float32 by row and in float64 over rows.
#include "analysis.h"

#include <cmath>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define KM_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KM_CLONES
#endif

namespace {

constexpr uint32_t kTap0 = 3571, kTap1 = 16004, kTap2 = 26386;  // sum 2^16
constexpr int kLimitedLow = 16, kLimitedSpan = 219;

struct RowSums {
  uint64_t dark = 0, sum = 0, difference = 0, squares = 0, blurred = 0;
  int64_t change = 0;
};

KM_CLONES void stretch_row(const uint8_t* luma, uint8_t* out, int w) {
  for (int x = 0; x < w; x++) {
    int v = luma[x] - kLimitedLow;
    v = v < 0 ? 0 : v > kLimitedSpan ? kLimitedSpan : v;
    out[x] = static_cast<uint8_t>((v * 76310) >> 16);  // floor(v 255 / 219) for 0..219
  }
}

KM_CLONES void count_row(const uint8_t* luma, int w, int dark_limit, RowSums* s) {
  uint32_t dark = 0, sum = 0;
  for (int x = 0; x < w; x++) {
    dark += luma[x] <= dark_limit;
    sum += luma[x];
  }
  s->dark += dark;
  s->sum += sum;
}

KM_CLONES void change_row(const uint8_t* now, const uint8_t* before, int w, RowSums* s) {
  uint32_t squares = 0;
  int32_t change = 0;
  for (int x = 0; x < w; x++) {
    int d = now[x] - before[x];
    change += d;
    squares += static_cast<uint32_t>(d * d);
  }
  s->change += change;
  s->squares += squares;
}

KM_CLONES void difference_row(const uint8_t* now, const uint8_t* before, int w, RowSums* s) {
  uint32_t difference = 0;
  for (int x = 0; x < w; x++) {
    int d = now[x] - before[x];
    difference += static_cast<uint32_t>(d < 0 ? -d : d);
  }
  s->difference += difference;
}

KM_CLONES void blur_down(const uint8_t* const* rows, uint16_t* out, int w) {
  const uint8_t *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3], *e = rows[4];
  for (int x = 0; x < w; x++) out[x] = static_cast<uint16_t>((kTap0 * (static_cast<uint32_t>(a[x]) + e[x]) + kTap1 * (static_cast<uint32_t>(b[x]) + d[x]) + kTap2 * c[x]) >> 8);
}

// `line` has two reflected samples before and after its w samples; `kept` holds the previous frame's row and gets this one's.
KM_CLONES uint64_t blur_across(const uint16_t* line, uint16_t* kept, int w) {
  uint64_t total = 0;
  for (int start = 0; start < w; start += 4096) {
    uint32_t sum = 0;
    const int end = start + 4096 < w ? start + 4096 : w;
    for (int x = start; x < end; x++) {
      const uint32_t v = (kTap0 * (static_cast<uint32_t>(line[x]) + line[x + 4]) + kTap1 * (static_cast<uint32_t>(line[x + 1]) + line[x + 3]) + kTap2 * line[x + 2]) >> 16;
      const int32_t d = static_cast<int32_t>(v) - kept[x];
      sum += static_cast<uint32_t>(d < 0 ? -d : d);
      kept[x] = static_cast<uint16_t>(v);
    }
    total += sum;
  }
  return total;
}

// The part of both Sobel gradients that runs down the columns: weighted sum for the one across, difference for the one down.
KM_CLONES void column_gradients(const uint8_t* __restrict above, const uint8_t* __restrict here, const uint8_t* __restrict below, int w, int16_t* __restrict sum, int16_t* __restrict difference) {
  for (int x = 0; x < w; x++) {
    sum[x] = static_cast<int16_t>(above[x] + 2 * here[x] + below[x]);
    difference[x] = static_cast<int16_t>(below[x] - above[x]);
  }
}

// Squared Sobel magnitudes of the samples 1 to w - 2.
KM_CLONES void gradient_squares(const int16_t* __restrict sum, const int16_t* __restrict difference, int w, int32_t* __restrict squares) {
  for (int x = 1; x < w - 1; x++) {
    const auto gx = static_cast<int16_t>(sum[x + 1] - sum[x - 1]);
    const auto gy = static_cast<int16_t>(difference[x - 1] + 2 * difference[x] + difference[x + 1]);
    squares[x] = gx * gx + gy * gy;
  }
}

// Sobel magnitudes of the inner samples of a row: their sum and the sum of their squares.
KM_CLONES void gradient_row(const int32_t* block, int w, double* sum, double* squares) {
  constexpr int lanes = 16, run = 1024 * lanes;  // 1024 times 2 * 1020^2 is below 2^31
  float totals[lanes] = {};
  uint64_t exact = 0;
  int x = 1;
  while (x + lanes <= w - 1) {
    uint32_t parts[lanes] = {};
    const int end = w - 1 - x < run ? w - 1 : x + run;
    for (; x + lanes <= end; x += lanes)
      for (int i = 0; i < lanes; i++) {
        totals[i] += std::sqrt(static_cast<float>(block[x + i]));
        parts[i] += static_cast<uint32_t>(block[x + i]);
      }
    for (uint32_t part : parts) exact += part;
  }
  float total = 0;
  for (float t : totals) total += t;
  for (; x < w - 1; x++) {
    total += std::sqrt(static_cast<float>(block[x]));
    exact += static_cast<uint32_t>(block[x]);
  }
  *sum += total;
  *squares += static_cast<double>(exact);
}

// Row or column number under the reflection of vmafmotion: without repeating the first sample, repeating the last.
int reflect(int i, int n) {
  if (i < 0) i = -i;
  if (i >= n) i = 2 * n - i - 1;
  return i < 0 ? 0 : i >= n ? n - 1 : i;
}

double deviation(double sum, double squares, double n) {
  if (n <= 0) return 0;
  const double mean = sum / n, variance = squares / n - mean * mean;
  return variance > 0 ? std::sqrt(variance) : 0;
}

}  // namespace

struct km_meter {
  km::Analyzer analyzer;
  int width = 0, height = 0;
  bool has_previous = false;
  std::vector<uint8_t> luma, before;     // of this frame where libav's plane is not what is measured; of the frame before
  std::vector<uint8_t> range[3], range_before;  // stretched rows: the last three of this frame, one of the frame before
  std::vector<uint16_t> blurred, line;
  std::vector<int16_t> down[2];
  std::vector<int32_t> magnitudes;

  void resize(int w, int h) {
    width = w;
    height = h;
    has_previous = false;
    const size_t columns = static_cast<size_t>(w), pixels = columns * h;
    before.assign(pixels, 0);
    blurred.assign(pixels, 0);
    for (auto& r : range) r.assign(columns, 0);
    range_before.assign(columns, 0);
    line.assign(columns + 4, 0);
    for (auto& d : down) d.assign(columns, 0);
    magnitudes.assign(columns, 0);
  }

  void measure(const AVFrame* frame, km_luma_measures* out) {
    const int w = frame->width, h = frame->height;
    const size_t pixels = static_cast<size_t>(w) * h;
    if (w != width || h != height) resize(w, h);
    const uint8_t* plane = frame->data[0];
    ptrdiff_t stride = frame->linesize[0];
    if (!km::Analyzer::luma_is_plane(frame)) {
      luma.resize(pixels);
      analyzer.luma(frame, luma.data());
      plane = luma.data();
      stride = w;
    }
    const bool full = km::is_full_range(frame);
    const int dark_limit = full ? 25 : 37;
    auto stretched = [&](const uint8_t* row, std::vector<uint8_t>& target) {
      if (full) return row;
      stretch_row(row, target.data(), w);
      return static_cast<const uint8_t*>(target.data());
    };
    RowSums s;
    double gradients = 0, squares = 0;
    const uint8_t* above[2] = {};
    for (int y = 0; y < h; y++) {
      const size_t at = static_cast<size_t>(y) * w;
      const uint8_t* row = plane + y * stride;
      const uint8_t* now = stretched(row, range[y % 3]);
      count_row(row, w, dark_limit, &s);
      if (has_previous) {
        difference_row(row, before.data() + at, w, &s);
        change_row(now, stretched(before.data() + at, range_before), w, &s);
      }
      memcpy(before.data() + at, row, static_cast<size_t>(w));
      if (y >= 2) {
        column_gradients(above[y % 2], above[(y + 1) % 2], now, w, down[0].data(), down[1].data());
        gradient_squares(down[0].data(), down[1].data(), w, magnitudes.data());
        gradient_row(magnitudes.data(), w, &gradients, &squares);
      }
      above[y % 2] = now;
      const uint8_t* rows[5];
      for (int k = 0; k < 5; k++) rows[k] = plane + reflect(y - 2 + k, h) * stride;
      blur_down(rows, line.data() + 2, w);
      line[0] = line[2 + static_cast<size_t>(reflect(-2, w))];
      line[1] = line[2 + static_cast<size_t>(reflect(-1, w))];
      line[static_cast<size_t>(w) + 2] = line[2 + static_cast<size_t>(reflect(w, w))];
      line[static_cast<size_t>(w) + 3] = line[2 + static_cast<size_t>(reflect(w + 1, w))];
      s.blurred += blur_across(line.data(), blurred.data() + at, w);
    }
    const double n = static_cast<double>(pixels);
    out->mean = static_cast<double>(s.sum) / n;
    out->dark_share = static_cast<double>(s.dark) / n;
    out->difference = has_previous ? static_cast<double>(s.difference) / n : 0;
    out->spatial_information = deviation(gradients, squares, static_cast<double>(w - 2) * (h - 2));
    out->temporal_information = has_previous ? deviation(static_cast<double>(s.change), static_cast<double>(s.squares), n) : 0;
    out->motion = has_previous ? static_cast<double>(s.blurred) / n / 256 : 0;
    out->has_previous = has_previous ? 1 : 0;
    out->reserved = 0;
    has_previous = true;
  }
};

extern "C" {

km_status km_meter_open(km_meter** out) {
  return km::guarded([&]() -> km_status {
    if (out == nullptr) km::fail(KM_INVALID_ARGUMENT, "km_meter_open: null argument");
    *out = new km_meter();
    return KM_OK;
  });
}

void km_meter_close(km_meter* meter) {
  km::guarded([&]() -> km_status {
    delete meter;
    return KM_OK;
  });
}

km_status km_meter_measure(km_meter* meter, km_reader* reader, km_luma_measures* out) {
  return km::guarded([&]() -> km_status {
    if (meter == nullptr || reader == nullptr || out == nullptr) km::fail(KM_INVALID_ARGUMENT, "km_meter_measure: null argument");
    const AVFrame* frame = km::current_frame(reader);
    if (frame == nullptr) km::fail(KM_INVALID_ARGUMENT, "km_meter_measure: there is no current frame");
    meter->measure(frame, out);
    return KM_OK;
  });
}

}  // extern "C"
