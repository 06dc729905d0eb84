// Pictures between libav's pixel formats and packed RGB: colors, size, orientation, transparency.
//
// Numerics  swscale with accurate rounding, interpolated chroma and bit-exact kernels, so that every CPU gives the same bytes.
//           YUV without a stated matrix is taken as BT.601 up to 576 lines and BT.709 above, as players do.
#include "internal.h"
#include "yuv.h"

#include <cstring>
#include <utility>

namespace km {

int filter_flags(int filter) {
  switch (filter) {
    case KM_BICUBIC: return SWS_BICUBIC;
    case KM_AREA: return SWS_AREA;
    case KM_BILINEAR: return SWS_BILINEAR;
    case KM_LANCZOS: return SWS_LANCZOS;
    default: fail(KM_INVALID_ARGUMENT, "unknown scale filter " + std::to_string(filter));
  }
}

bool has_alpha(AVPixelFormat format) {
  const AVPixFmtDescriptor* d = av_pix_fmt_desc_get(format);
  return d != nullptr && (d->flags & (AV_PIX_FMT_FLAG_ALPHA | AV_PIX_FMT_FLAG_PAL)) != 0;
}

// The matrix is [a b u; c d v; x y w] and maps x' = a p + c q, y' = b p + d q (libavutil/display.h), y down.
Orientation Orientation::from_matrix(const int32_t* m) {
  Orientation o;
  if (m == nullptr) return o;
  int64_t a = m[0], b = m[1], c = m[3], d = m[4];
  auto magnitude = [](int64_t v) { return v < 0 ? -v : v; };
  if (magnitude(a) + magnitude(d) >= magnitude(b) + magnitude(c)) {
    o.flip_x = a < 0;
    o.flip_y = d < 0;
  } else {
    o.swap = true;
    o.flip_x = c < 0;
    o.flip_y = b < 0;
  }
  return o;
}

bool Orientation::mirrored() const { return swap ? flip_x == flip_y : flip_x != flip_y; }

int Orientation::rotation() const {
  // Undo the mirror (p -> -p), then read the angle off the image of the p axis.
  if (!swap) return (flip_x != mirrored()) ? 180 : 0;
  return (flip_y != mirrored()) ? 270 : 90;
}

bool Converter::Key::operator==(const Key& o) const {
  return sw == o.sw && sh == o.sh && sf == o.sf && space == o.space && range == o.range && dw == o.dw && dh == o.dh && df == o.df && flags == o.flags && column == o.column && row == o.row;
}

SwsContext* Converter::context(const Key& key) {
  if (sws_ && key == key_) return sws_.get();
  sws_.reset(sws_alloc_context());
  if (!sws_) throw std::bad_alloc();
  const bool from_yuv = key.df == AV_PIX_FMT_RGB24 || key.df == AV_PIX_FMT_RGBA;
  const std::pair<const char*, int> settings[] = {
      {"srcw", key.sw}, {"srch", key.sh}, {"src_format", key.sf}, {"dstw", key.dw}, {"dsth", key.dh}, {"dst_format", key.df}, {"sws_flags", key.flags},
      {from_yuv ? "src_h_chr_pos" : "dst_h_chr_pos", key.column}, {from_yuv ? "src_v_chr_pos" : "dst_v_chr_pos", key.row}};
  for (const auto& [name, value] : settings) av_opt_set_int(sws_.get(), name, value, 0);
  if (sws_init_context(sws_.get(), nullptr, nullptr) < 0) sws_.reset();
  if (!sws_) {
    const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(key.sf));
    fail(KM_INVALID_ARGUMENT, std::string("libswscale cannot convert ") + (name ? name : "unknown") + " " + std::to_string(key.sw) + "x" + std::to_string(key.sh) + " to " + std::to_string(key.dw) + "x" + std::to_string(key.dh));
  }
  // Fails only when neither side is YUV, where there is nothing to set.
  const int* coefficients = sws_getCoefficients(key.space);
  sws_setColorspaceDetails(sws_.get(), coefficients, key.range, coefficients, key.range, 0, 1 << 16, 1 << 16);
  key_ = key;
  return sws_.get();
}

bool is_full_range(const AVFrame* f) {
  switch (f->format) {
    case AV_PIX_FMT_YUVJ420P: case AV_PIX_FMT_YUVJ422P: case AV_PIX_FMT_YUVJ444P: case AV_PIX_FMT_YUVJ440P: case AV_PIX_FMT_YUVJ411P: return true;
    default: break;
  }
  const AVPixFmtDescriptor* d = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(f->format));
  if (d != nullptr && (d->flags & AV_PIX_FMT_FLAG_RGB) != 0) return true;
  // Gray pictures are full range unless the stream says otherwise.
  if (d != nullptr && d->nb_components <= 2 && f->color_range == AVCOL_RANGE_UNSPECIFIED) return true;
  return f->color_range == AVCOL_RANGE_JPEG;
}

namespace {

// The J formats mean "full range" and are otherwise the plain ones; swscale takes the range by sws_setColorspaceDetails.
AVPixelFormat plain_format(int format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P: return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P: return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P: return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P: return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P: return AV_PIX_FMT_YUV411P;
    default: return static_cast<AVPixelFormat>(format);
  }
}

int sws_space(const AVFrame* f) {
  switch (f->colorspace) {
    case AVCOL_SPC_BT709: return SWS_CS_ITU709;
    case AVCOL_SPC_FCC: return SWS_CS_FCC;
    case AVCOL_SPC_BT470BG: case AVCOL_SPC_SMPTE170M: return SWS_CS_ITU601;
    case AVCOL_SPC_SMPTE240M: return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL: case AVCOL_SPC_BT2020_CL: return SWS_CS_BT2020;
    default: break;
  }
  bool jpeg = f->format == AV_PIX_FMT_YUVJ420P || f->format == AV_PIX_FMT_YUVJ422P || f->format == AV_PIX_FMT_YUVJ444P || f->format == AV_PIX_FMT_YUVJ440P;
  return jpeg || f->height <= 576 ? SWS_CS_ITU601 : SWS_CS_ITU709;
}

// Where 4:2:0 and 4:2:2 chroma samples lie (ITU-T H.273 8.7); unstated means the default of H.264, HEVC, VP9 and AV1.
void set_siting(const AVFrame* f, int& column, int& row) {
  const AVPixFmtDescriptor* d = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(f->format));
  if (d == nullptr || d->nb_components < 3 || d->log2_chroma_w != 1) return;
  AVChromaLocation location = f->chroma_location;
  column = location == AVCHROMA_LOC_CENTER || location == AVCHROMA_LOC_TOP || location == AVCHROMA_LOC_BOTTOM ? 128 : 0;
  if (d->log2_chroma_h == 1) row = location == AVCHROMA_LOC_TOPLEFT || location == AVCHROMA_LOC_TOP ? 0 : location == AVCHROMA_LOC_BOTTOMLEFT || location == AVCHROMA_LOC_BOTTOM ? 256 : 128;
}

void allocate(FramePtr& frame, AVPixelFormat format, int width, int height) {
  if (frame && frame->format == format && frame->width == width && frame->height == height) return;
  frame = new_frame();
  frame->format = format;
  frame->width = width;
  frame->height = height;
  int code = av_frame_get_buffer(frame.get(), 64);
  if (code < 0) fail_av(code, "picture buffer", KM_OUT_OF_MEMORY);
}

// c' = round(c a / 255), exact for all bytes.
inline uint8_t over_black(unsigned c, unsigned a) {
  unsigned t = c * a + 128;
  return static_cast<uint8_t>((t + (t >> 8)) >> 8);
}

}  // namespace

void Converter::to_rgb(const AVFrame* frame, const Orientation& orientation, int width, int height, int filter, uint8_t* rgb) {
  const bool alpha = has_alpha(static_cast<AVPixelFormat>(frame->format));
  const AVPixelFormat target = alpha ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24;
  const int channels = alpha ? 4 : 3;
  const int w = orientation.swap ? height : width;
  const int h = orientation.swap ? width : height;

  if (orientation.identity() && w == frame->width && h == frame->height && yuv_to_rgb(frame, is_full_range(frame), rgb)) return;

  Key key;
  key.sw = frame->width;
  key.sh = frame->height;
  key.sf = plain_format(frame->format);
  key.space = sws_space(frame);
  key.range = is_full_range(frame) ? 1 : 0;
  key.dw = w;
  key.dh = h;
  key.df = target;
  set_siting(frame, key.column, key.row);
  key.flags = filter_flags(filter) | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT;
  SwsContext* sws = context(key);

  // swscale's kernels write whole vectors: an own padded picture keeps them out of the caller's memory.
  allocate(staging_, target, w, h);
  int rows = sws_scale(sws, frame->data, frame->linesize, 0, frame->height, staging_->data, staging_->linesize);
  if (rows < 0) fail_av(rows, "color conversion");

  if (orientation.identity() && !alpha) {
    for (int y = 0; y < h; y++) memcpy(rgb + static_cast<size_t>(y) * w * 3, staging_->data[0] + static_cast<ptrdiff_t>(y) * staging_->linesize[0], static_cast<size_t>(w) * 3);
    return;
  }
  for (int q = 0; q < h; q++) {
    const uint8_t* row = staging_->data[0] + static_cast<ptrdiff_t>(q) * staging_->linesize[0];
    for (int p = 0; p < w; p++) {
      int x = orientation.swap ? q : p;
      int y = orientation.swap ? p : q;
      if (orientation.flip_x) x = width - 1 - x;
      if (orientation.flip_y) y = height - 1 - y;
      const uint8_t* s = row + static_cast<ptrdiff_t>(p) * channels;
      uint8_t* d = rgb + (static_cast<size_t>(y) * width + x) * 3;
      if (alpha) {
        d[0] = over_black(s[0], s[3]);
        d[1] = over_black(s[1], s[3]);
        d[2] = over_black(s[2], s[3]);
      } else {
        d[0] = s[0];
        d[1] = s[1];
        d[2] = s[2];
      }
    }
  }
}

void Converter::from_rgb(const uint8_t* rgb, int width, int height, AVFrame* target) {
  allocate(staging_, AV_PIX_FMT_RGB24, width, height);
  for (int y = 0; y < height; y++) memcpy(staging_->data[0] + static_cast<ptrdiff_t>(y) * staging_->linesize[0], rgb + static_cast<size_t>(y) * width * 3, static_cast<size_t>(width) * 3);
  Key key;
  key.sw = width;
  key.sh = height;
  key.sf = AV_PIX_FMT_RGB24;
  key.space = SWS_CS_ITU709;
  key.range = 0;
  key.dw = target->width;
  key.dh = target->height;
  key.df = target->format;
  set_siting(target, key.column, key.row);
  key.flags = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT;
  SwsContext* sws = context(key);
  int rows = sws_scale(sws, staging_->data, staging_->linesize, 0, height, target->data, target->linesize);
  if (rows < 0) fail_av(rows, "color conversion");
}

}  // namespace km

extern "C" km_status km_scale_rgb(const uint8_t* source, int32_t source_width, int32_t source_height, uint8_t* target, int32_t target_width, int32_t target_height, int32_t filter) {
  return km::guarded([&]() -> km_status {
    if (source == nullptr || target == nullptr || source_width < 1 || source_height < 1 || target_width < 1 || target_height < 1) km::fail(KM_INVALID_ARGUMENT, "km_scale_rgb: null buffer or empty size");
    km::FramePtr frame = km::new_frame();
    frame->format = AV_PIX_FMT_RGB24;
    frame->width = source_width;
    frame->height = source_height;
    int code = av_frame_get_buffer(frame.get(), 64);
    if (code < 0) km::fail_av(code, "picture buffer", KM_OUT_OF_MEMORY);
    for (int y = 0; y < source_height; y++) memcpy(frame->data[0] + static_cast<ptrdiff_t>(y) * frame->linesize[0], source + static_cast<size_t>(y) * source_width * 3, static_cast<size_t>(source_width) * 3);
    km::Converter converter;
    converter.to_rgb(frame.get(), km::Orientation{}, target_width, target_height, filter, target);
    return KM_OK;
  });
}
