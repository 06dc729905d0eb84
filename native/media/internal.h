// Shared by the translation units of libkinora_media: errors, captured logs, picture conversion.
#pragma once
#include "kinora_media.h"

#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <string>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/motion_vector.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

namespace km {

// A failure on its way to the export that reports it.
struct Error {
  km_status status;
  std::string text;
};

std::string& last_error();
[[noreturn]] void fail(km_status status, std::string text);
// Throws for a negative libav code: "what: libav's text (last log lines)".
[[noreturn]] void fail_av(int code, const std::string& what, km_status otherwise = KM_INTERNAL);
km_status status_of_errno(int positive_errno, km_status otherwise);
std::string text_of(int av_code);

// Keeps the last few warnings and errors that libav logs about one handle.
class LogSink {
 public:
  LogSink();
  ~LogSink();
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  void add(std::string line);
  std::string lines();   // "; "-joined, oldest first
  void clear();

 private:
  std::mutex mutex_;
  std::deque<std::string> lines_;
};

// Routes log lines without a traceable handle that are emitted on this thread.
class LogScope {
 public:
  explicit LogScope(LogSink* sink);
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

 private:
  LogSink* previous_;
};

// Appends the captured log, if any, to a message.
std::string with_log(std::string text, LogSink& sink);

template <class F>
km_status guarded(F&& body) noexcept {
  try {
    last_error().clear();
    return body();
  } catch (const Error& e) {
    try { last_error() = e.text; } catch (...) { }
    return e.status;
  } catch (const std::bad_alloc&) {
    try { last_error() = "out of memory"; } catch (...) { }
    return KM_OUT_OF_MEMORY;
  } catch (const std::exception& e) {
    try { last_error() = e.what(); } catch (...) { }
    return KM_INTERNAL;
  } catch (...) {
    try { last_error() = "unknown C++ exception"; } catch (...) { }
    return KM_INTERNAL;
  }
}

struct FrameDeleter { void operator()(AVFrame* f) const { av_frame_free(&f); } };
struct PacketDeleter { void operator()(AVPacket* p) const { av_packet_free(&p); } };
struct CodecDeleter { void operator()(AVCodecContext* c) const { avcodec_free_context(&c); } };
struct SwsDeleter { void operator()(SwsContext* s) const { sws_freeContext(s); } };
using FramePtr = std::unique_ptr<AVFrame, FrameDeleter>;
using PacketPtr = std::unique_ptr<AVPacket, PacketDeleter>;
using CodecPtr = std::unique_ptr<AVCodecContext, CodecDeleter>;
using SwsPtr = std::unique_ptr<SwsContext, SwsDeleter>;

FramePtr new_frame();
PacketPtr new_packet();

// One of the eight symmetries of a rectangle: source (p, q) goes to x = flip_x(swap ? q : p), y = flip_y(swap ? p : q).
struct Orientation {
  bool swap = false, flip_x = false, flip_y = false;
  bool identity() const { return !swap && !flip_x && !flip_y; }
  int rotation() const;   // degrees clockwise
  bool mirrored() const;  // before that rotation
  static Orientation from_matrix(const int32_t* display_matrix);
};

// Converts pictures to packed RGB, keeping the swscale context while nothing changes.
class Converter {
 public:
  // Writes `frame` as width x height RGB after `orientation`.
  void to_rgb(const AVFrame* frame, const Orientation& orientation, int width, int height, int filter, uint8_t* rgb);
  // Converts RGB rows into `target` (already allocated), as BT.709 limited range when it is YUV.
  void from_rgb(const uint8_t* rgb, int width, int height, AVFrame* target);

 private:
  struct Key {
    int sw = 0, sh = 0, sf = -1, space = -1, range = -1, dw = 0, dh = 0, df = -1, flags = 0;
    int column = -513, row = -513;  // chroma siting of the YUV side in 1/256 luma pixels; -513: swscale's default
    bool operator==(const Key& o) const;
  };
  SwsContext* context(const Key& key);

  Key key_;
  SwsPtr sws_;
  FramePtr staging_;
};

int filter_flags(int filter);
bool has_alpha(AVPixelFormat format);
bool is_full_range(const AVFrame* frame);

}  // namespace km
