// Pictures for measurement: a small BGR picture and the luma plane of the current frame.
//
// The small picture equals what detectors of the field see when they decode with libav and shrink with OpenCV: 4:2:0 and
// 4:2:2 through swscale's fast path (chroma of the nearest sample, products of 16-bit words truncated), then OpenCV's 8-bit
// bilinear (11-bit weights, no low-pass). Only the four source pixels of each target pixel are ever converted.
#include "analysis.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define KM_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KM_CLONES
#endif

namespace km {
namespace {

// One axis of OpenCV's bilinear: left neighbor and the two weights in 1/2048 for each target coordinate.
struct Tap {
  int at[2];
  int weight[2];
};

std::vector<Tap> taps(int source, int target, bool clamp_weight) {
  std::vector<Tap> result(static_cast<size_t>(target));
  const double scale = 1.0 / (static_cast<double>(target) / source);
  for (int i = 0; i < target; i++) {
    float f = static_cast<float>((i + 0.5) * scale - 0.5);
    int at = static_cast<int>(std::floor(f));
    f -= static_cast<float>(at);
    if (clamp_weight && at < 0) {
      f = 0;
      at = 0;
    }
    if (clamp_weight && at >= source - 1) {
      f = 0;
      at = source - 1;
    }
    Tap& t = result[static_cast<size_t>(i)];
    t.at[0] = std::clamp(at, 0, source - 1);
    t.at[1] = std::clamp(at + 1, 0, source - 1);
    t.weight[0] = static_cast<int>(std::lrintf((1.f - f) * 2048));
    t.weight[1] = static_cast<int>(std::lrintf(f * 2048));
  }
  return result;
}

// Exact area mean is what OpenCV takes for a shrink by exactly two.
bool halves(int sw, int sh, int w, int h) { return sw == 2 * w && sh == 2 * h; }

struct YuvMatrix {
  int y, y_offset, v_to_r, u_to_b, u_to_g, v_to_g;
};

int round16(int64_t v) {
  int64_t r = (v + (1 << 15)) >> 16;
  return static_cast<int>(std::clamp<int64_t>(r, -0x7FFF, 0x7FFF));
}

YuvMatrix matrix(const int* table, bool full_range) {
  int64_t rv = table[0], bu = table[1], gu = -static_cast<int64_t>(table[2]), gv = -static_cast<int64_t>(table[3]);
  int64_t y = 1 << 16, offset = 0;
  if (full_range) {
    rv = rv * 224 / 255;
    bu = bu * 224 / 255;
    gu = gu * 224 / 255;
    gv = gv * 224 / 255;
  } else {
    y = y * 255 / 219;
    offset = 16 << 16;
  }
  return {round16(y * (1 << 13)), round16(offset * (1 << 3)), round16(rv * (1 << 13)), round16(bu * (1 << 13)), round16(gu * (1 << 13)), round16(gv * (1 << 13))};
}

// Samples of a row in planes of B, G, R: of all columns, or of those that a shrunken row needs.
struct Row {
  std::vector<int> b, g, r;
  explicit Row(size_t n) : b(n), g(n), r(n) {}
};

KM_CLONES void convert_row(const YuvMatrix& m, const uint8_t* __restrict y, const uint8_t* __restrict u, const uint8_t* __restrict v, int n, int* __restrict b, int* __restrict g, int* __restrict r) {
  for (int i = 0; i < n; i++) {
    const int luma = (((y[i] << 3) - m.y_offset) * m.y) >> 16, cb = (u[i] << 3) - 1024, cr = (v[i] << 3) - 1024;
    b[i] = std::clamp(luma + ((cb * m.u_to_b) >> 16), 0, 255);
    g[i] = std::clamp(luma + ((cb * m.u_to_g) >> 16) + ((cr * m.v_to_g) >> 16), 0, 255);
    r[i] = std::clamp(luma + ((cr * m.v_to_r) >> 16), 0, 255);
  }
}

KM_CLONES void pack_row(const int* __restrict b, const int* __restrict g, const int* __restrict r, int n, uint8_t* __restrict out) {
  for (int i = 0; i < n; i++) {
    out[3 * i] = static_cast<uint8_t>(b[i]);
    out[3 * i + 1] = static_cast<uint8_t>(g[i]);
    out[3 * i + 2] = static_cast<uint8_t>(r[i]);
  }
}

KM_CLONES void repeat(const uint8_t* __restrict in, int n, uint8_t* __restrict out) {
  for (int i = 0; i < n; i++) out[2 * i] = out[2 * i + 1] = in[i];
}

// Left and right neighbor blended along the row, in 1/128.
KM_CLONES void blend_columns(const int* __restrict left, const int* __restrict right, const int* __restrict w0, const int* __restrict w1, int n, int* __restrict out) {
  for (int i = 0; i < n; i++) out[i] = (left[i] * w0[i] + right[i] * w1[i]) >> 4;
}

KM_CLONES void blend_rows(const int* __restrict upper, const int* __restrict lower, int w0, int w1, int n, int* __restrict out) {
  for (int i = 0; i < n; i++) out[i] = std::clamp((((w0 * upper[i]) >> 16) + ((w1 * lower[i]) >> 16) + 2) >> 2, 0, 255);
}

void halve_row(const std::vector<int>& upper, const std::vector<int>& lower, int w, std::vector<int>& out) {
  for (int x = 0; x < w; x++) out[static_cast<size_t>(x)] = (upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1] + 2) >> 2;
}

// `read(y, columns, n, row)` reads the samples of row y at `columns`, or at the first n where that is null.
template <class Read>
void shrink(int sw, int sh, int w, int h, uint8_t* out, Read read) {
  const auto size = static_cast<size_t>(w);
  if (sw == w && sh == h) {
    Row row(size);
    for (int y = 0; y < h; y++, out += 3 * size) {
      read(y, nullptr, w, row);
      pack_row(row.b.data(), row.g.data(), row.r.data(), w, out);
    }
    return;
  }
  Row target(size);
  if (halves(sw, sh, w, h)) {
    Row upper(2 * size), lower(2 * size);
    for (int y = 0; y < h; y++, out += 3 * size) {
      read(2 * y, nullptr, sw, upper);
      read(2 * y + 1, nullptr, sw, lower);
      halve_row(upper.b, lower.b, w, target.b);
      halve_row(upper.g, lower.g, w, target.g);
      halve_row(upper.r, lower.r, w, target.r);
      pack_row(target.b.data(), target.g.data(), target.r.data(), w, out);
    }
    return;
  }
  const std::vector<Tap> columns = taps(sw, w, true), rows = taps(sh, h, false);
  std::vector<int> at[2] = {std::vector<int>(size), std::vector<int>(size)}, weight[2] = {std::vector<int>(size), std::vector<int>(size)};
  bool between = false;
  for (size_t x = 0; x < size; x++) {
    for (int k = 0; k < 2; k++) {
      at[k][x] = columns[x].at[k];
      weight[k][x] = columns[x].weight[k];
    }
    between |= columns[x].weight[1] != 0;
  }
  Row left(size), right(size), blended[2] = {Row(size), Row(size)};
  for (int y = 0; y < h; y++, out += 3 * size) {
    const Tap& row = rows[static_cast<size_t>(y)];
    for (int k = 0; k < 2; k++) {
      // A weight of 0 adds nothing, whatever the sample.
      if (row.weight[k] == 0) continue;
      read(row.at[k], at[0].data(), w, left);
      if (between) read(row.at[k], at[1].data(), w, right);
      blend_columns(left.b.data(), right.b.data(), weight[0].data(), weight[1].data(), w, blended[k].b.data());
      blend_columns(left.g.data(), right.g.data(), weight[0].data(), weight[1].data(), w, blended[k].g.data());
      blend_columns(left.r.data(), right.r.data(), weight[0].data(), weight[1].data(), w, blended[k].r.data());
    }
    blend_rows(blended[0].b.data(), blended[1].b.data(), row.weight[0], row.weight[1], w, target.b.data());
    blend_rows(blended[0].g.data(), blended[1].g.data(), row.weight[0], row.weight[1], w, target.g.data());
    blend_rows(blended[0].r.data(), blended[1].r.data(), row.weight[0], row.weight[1], w, target.r.data());
    pack_row(target.b.data(), target.g.data(), target.r.data(), w, out);
  }
}

bool planar_8bit(int format, int& shift_x, int& shift_y) {
  switch (format) {
    case AV_PIX_FMT_YUV420P: case AV_PIX_FMT_YUVJ420P: shift_x = 1; shift_y = 1; return true;
    case AV_PIX_FMT_YUV422P: case AV_PIX_FMT_YUVJ422P: shift_x = 1; shift_y = 0; return true;
    case AV_PIX_FMT_YUV444P: case AV_PIX_FMT_YUVJ444P: shift_x = 0; shift_y = 0; return true;
    default: return false;
  }
}

// The format, where its first component holds luma in whole bytes; null otherwise.
const AVPixFmtDescriptor* luma_of(const AVFrame* frame) {
  const AVPixFmtDescriptor* d = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame->format));
  const uint64_t other = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_FLOAT;
  return d != nullptr && (d->flags & other) == 0 ? d : nullptr;
}

}  // namespace

void Analyzer::small_bgr(const AVFrame* frame, int width, int height, uint8_t* bgr) {
  int shift_x = 0, shift_y = 0;
  if (planar_8bit(frame->format, shift_x, shift_y)) {
    const YuvMatrix m = matrix(sws_getCoefficients(frame->colorspace), is_full_range(frame));
    std::vector<uint8_t> samples(3 * (static_cast<size_t>(std::max(width, frame->width)) + 1));
    uint8_t* picked[3] = {samples.data(), samples.data() + samples.size() / 3, samples.data() + 2 * (samples.size() / 3)};
    shrink(frame->width, frame->height, width, height, bgr, [&](int y, const int* columns, int n, Row& row) {
      const uint8_t* planes[3];
      for (int p = 0; p < 3; p++) {
        const int shift = p == 0 ? 0 : shift_x;
        const uint8_t* source = frame->data[p] + (p == 0 ? y : y >> shift_y) * static_cast<ptrdiff_t>(frame->linesize[p]);
        planes[p] = shift == 0 ? source : picked[p];
        if (columns != nullptr) {
          for (int x = 0; x < n; x++) picked[p][x] = source[columns[x] >> shift];
          planes[p] = picked[p];
        } else if (shift == 1) {
          repeat(source, (n + 1) / 2, picked[p]);
        }
      }
      convert_row(m, planes[0], planes[1], planes[2], n, row.b.data(), row.g.data(), row.r.data());
    });
    return;
  }
  rgb_.resize(static_cast<size_t>(frame->width) * frame->height * 3);
  converter_.to_rgb(frame, Orientation{}, frame->width, frame->height, KM_BILINEAR, rgb_.data());
  shrink(frame->width, frame->height, width, height, bgr, [&](int y, const int* columns, int n, Row& row) {
    const uint8_t* line = rgb_.data() + static_cast<size_t>(y) * frame->width * 3;
    for (int x = 0; x < n; x++) {
      const uint8_t* s = line + 3 * static_cast<ptrdiff_t>(columns != nullptr ? columns[x] : x);
      row.b[static_cast<size_t>(x)] = s[2];
      row.g[static_cast<size_t>(x)] = s[1];
      row.r[static_cast<size_t>(x)] = s[0];
    }
  });
}

bool Analyzer::luma_is_plane(const AVFrame* frame) {
  const AVPixFmtDescriptor* d = luma_of(frame);
  return d != nullptr && d->comp[0].depth == 8 && d->comp[0].step == 1;
}

void Analyzer::luma(const AVFrame* frame, uint8_t* out) {
  const size_t width = static_cast<size_t>(frame->width);
  const AVPixFmtDescriptor* d = luma_of(frame);
  const int depth = d != nullptr ? d->comp[0].depth : 0;
  if (luma_is_plane(frame)) {
    for (int y = 0; y < frame->height; y++) memcpy(out + y * width, frame->data[0] + y * static_cast<ptrdiff_t>(frame->linesize[0]), width);
    return;
  }
  if (depth > 8 && depth <= 16 && d->comp[0].step == 2) {
    const int shift = d->comp[0].shift + depth - 8;
    for (int y = 0; y < frame->height; y++) {
      const auto* row = reinterpret_cast<const uint16_t*>(frame->data[0] + y * static_cast<ptrdiff_t>(frame->linesize[0]));
      for (size_t x = 0; x < width; x++) out[y * width + x] = static_cast<uint8_t>(row[x] >> shift);
    }
    return;
  }
  // Everything else: BT.601 studio-range luma of its RGB samples.
  rgb_.resize(width * frame->height * 3);
  converter_.to_rgb(frame, Orientation{}, frame->width, frame->height, KM_BILINEAR, rgb_.data());
  for (size_t i = 0; i < width * frame->height; i++) {
    const uint8_t* p = rgb_.data() + 3 * i;
    out[i] = static_cast<uint8_t>((66 * p[0] + 129 * p[1] + 25 * p[2] + 128 + (16 << 8)) >> 8);
  }
}

}  // namespace km
