// Pictures for measurement: a small BGR picture and the luma plane of the current frame.
//
// The small picture equals what detectors of the field see when they decode with libav and shrink with OpenCV: 4:2:0 and
// 4:2:2 through swscale's fast path (chroma of the nearest sample, products of 16-bit words truncated), then OpenCV's 8-bit
// bilinear (11-bit weights, no low-pass). Only the four source pixels of each target pixel are ever converted.
#include "analysis.h"

#include <algorithm>
#include <cmath>
#include <cstring>

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

inline int byte_of(int v) { return v < 0 ? 0 : v > 255 ? 255 : v; }

inline void convert(const YuvMatrix& m, int y, int u, int v, int* bgr) {
  int luma = (((y << 3) - m.y_offset) * m.y) >> 16;
  u = (u << 3) - 1024;
  v = (v << 3) - 1024;
  bgr[0] = byte_of(luma + ((u * m.u_to_b) >> 16));
  bgr[1] = byte_of(luma + ((u * m.u_to_g) >> 16) + ((v * m.v_to_g) >> 16));
  bgr[2] = byte_of(luma + ((v * m.v_to_r) >> 16));
}

// `pixel(x, y, bgr)` reads one source pixel.
template <class Pixel>
void shrink(int sw, int sh, int w, int h, uint8_t* out, Pixel pixel) {
  if (sw == w && sh == h) {
    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++, out += 3) {
        int p[3];
        pixel(x, y, p);
        for (int c = 0; c < 3; c++) out[c] = static_cast<uint8_t>(p[c]);
      }
    return;
  }
  if (halves(sw, sh, w, h)) {
    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++, out += 3) {
        int sum[3] = {2, 2, 2};
        for (int k = 0; k < 4; k++) {
          int p[3];
          pixel(2 * x + (k & 1), 2 * y + (k >> 1), p);
          for (int c = 0; c < 3; c++) sum[c] += p[c];
        }
        for (int c = 0; c < 3; c++) out[c] = static_cast<uint8_t>(sum[c] >> 2);
      }
    return;
  }
  const std::vector<Tap> columns = taps(sw, w, true), rows = taps(sh, h, false);
  for (int y = 0; y < h; y++) {
    const Tap& row = rows[static_cast<size_t>(y)];
    for (int x = 0; x < w; x++, out += 3) {
      const Tap& column = columns[static_cast<size_t>(x)];
      int line[2][3];
      for (int k = 0; k < 2; k++) {
        int left[3], right[3];
        pixel(column.at[0], row.at[k], left);
        pixel(column.at[1], row.at[k], right);
        for (int c = 0; c < 3; c++) line[k][c] = left[c] * column.weight[0] + right[c] * column.weight[1];
      }
      for (int c = 0; c < 3; c++) out[c] = static_cast<uint8_t>(byte_of((((row.weight[0] * (line[0][c] >> 4)) >> 16) + ((row.weight[1] * (line[1][c] >> 4)) >> 16) + 2) >> 2));
    }
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

}  // namespace

void Analyzer::small_bgr(const AVFrame* frame, int width, int height, uint8_t* bgr) {
  int shift_x = 0, shift_y = 0;
  if (planar_8bit(frame->format, shift_x, shift_y)) {
    const YuvMatrix m = matrix(sws_getCoefficients(frame->colorspace), is_full_range(frame));
    shrink(frame->width, frame->height, width, height, bgr, [&](int x, int y, int* p) {
      const ptrdiff_t cy = y >> shift_y, cx = x >> shift_x;
      convert(m, frame->data[0][y * static_cast<ptrdiff_t>(frame->linesize[0]) + x], frame->data[1][cy * frame->linesize[1] + cx], frame->data[2][cy * frame->linesize[2] + cx], p);
    });
    return;
  }
  rgb_.resize(static_cast<size_t>(frame->width) * frame->height * 3);
  converter_.to_rgb(frame, Orientation{}, frame->width, frame->height, KM_BILINEAR, rgb_.data());
  shrink(frame->width, frame->height, width, height, bgr, [&](int x, int y, int* p) {
    const uint8_t* s = rgb_.data() + (static_cast<size_t>(y) * frame->width + x) * 3;
    p[0] = s[2];
    p[1] = s[1];
    p[2] = s[0];
  });
}

void Analyzer::luma(const AVFrame* frame, uint8_t* out) {
  const size_t width = static_cast<size_t>(frame->width);
  const AVPixFmtDescriptor* d = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame->format));
  const bool yuv = d != nullptr && (d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_FLOAT)) == 0;
  const int depth = yuv ? d->comp[0].depth : 0;
  if (depth == 8 && d->comp[0].step == 1) {
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
