// Writing MP4 (H.264) and WebM (VP9), the same bytes for the same frames on every machine with the same libraries.
//
// Determinism  bit-exact muxing (no dates, no random ids), bit-exact color conversion, codec threads fixed by the picture
//              size instead of the machine, x264's cpu-independent mode.
#include "internal.h"

#include <cerrno>
#include <cstring>

namespace {

// x264's frame threads limit motion vectors, so that their number is part of the result: it depends on the size alone. Each keeps
// several pictures, so very large ones get fewer.
int fixed_threads(int width, int height) {
  int64_t pixels = static_cast<int64_t>(width) * height;
  return pixels <= 128 * 1024 ? 1 : pixels <= 1024 * 1024 ? 4 : pixels <= 4096 * 1024 ? 8 : 3;
}

void set(void* object, const char* name, const std::string& value, const char* who) {
  int code = av_opt_set(object, name, value.c_str(), AV_OPT_SEARCH_CHILDREN);
  if (code < 0) km::fail_av(code, std::string(who) + " refuses " + name + "=" + value, KM_INVALID_ARGUMENT);
}

}  // namespace

struct km_writer {
  km::LogSink log;
  km_writer_options options{};
  AVFormatContext* format = nullptr;
  km::CodecPtr codec;
  AVStream* stream = nullptr;
  km::FramePtr picture;
  km::PacketPtr packet = km::new_packet();
  km::Converter converter;
  int64_t frames = 0;
  bool header = false;

  ~km_writer() {
    codec.reset();
    if (format != nullptr) {
      if (format->pb != nullptr) avio_closep(&format->pb);
      avformat_free_context(format);
    }
  }

  // A failed write is first seen by the byte layer; its error is the cause, whatever the muxer says.
  [[noreturn]] void fail_write(int code, const char* what) {
    if (format->pb != nullptr && format->pb->error < 0) code = format->pb->error;
    km_status status = km::status_of_errno(AVUNERROR(code), KM_IO);
    km::fail(status, km::with_log(std::string(what) + ": " + km::text_of(code), log));
  }

  void check(int code, const char* what) {
    if (code < 0 || (format->pb != nullptr && format->pb->error < 0)) fail_write(code, what);
  }

  void open(const char* path, const char* const* keys, const char* const* values, int32_t count) {
    km::LogScope scope(&log);
    const bool mp4 = options.format == KM_MP4;
    const char* name = mp4 ? (options.lossless ? "libx264rgb" : "libx264") : "libvpx-vp9";
    const AVCodec* encoder = avcodec_find_encoder_by_name(name);
    if (encoder == nullptr) km::fail(KM_MISSING_CODEC, std::string("this build of libavcodec has no encoder '") + name + "'");

    std::string url = std::string("file:") + path;
    int code = avformat_alloc_output_context2(&format, nullptr, mp4 ? "mp4" : "webm", url.c_str());
    if (code < 0) km::fail_av(code, mp4 ? "muxer mp4" : "muxer webm", KM_MISSING_CODEC);
    format->opaque = &log;
    format->flags |= AVFMT_FLAG_BITEXACT;
    for (int32_t i = 0; i < count; i++) {
      code = av_dict_set(&format->metadata, keys[i], values[i], 0);
      if (code < 0) km::fail_av(code, "metadata", KM_OUT_OF_MEMORY);
    }

    codec.reset(avcodec_alloc_context3(encoder));
    if (!codec) throw std::bad_alloc();
    AVCodecContext* c = codec.get();
    c->opaque = &log;
    c->width = options.width;
    c->height = options.height;
    c->time_base = AVRational{options.rate_den, options.rate_num};
    c->framerate = AVRational{options.rate_num, options.rate_den};
    c->sample_aspect_ratio = AVRational{1, 1};
    c->flags |= AV_CODEC_FLAG_BITEXACT;
    if ((format->oformat->flags & AVFMT_GLOBALHEADER) != 0) c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    // Two seconds between key frames: quick seeking at little cost.
    c->gop_size = std::max<int>(1, std::min<int64_t>(300, 2LL * options.rate_num / options.rate_den));
    c->thread_count = fixed_threads(options.width, options.height);
    if (options.lossless != 0) {
      c->pix_fmt = mp4 ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_GBRP;
      c->colorspace = AVCOL_SPC_RGB;
      c->color_range = AVCOL_RANGE_JPEG;
    } else {
      c->pix_fmt = AV_PIX_FMT_YUV420P;
      c->colorspace = AVCOL_SPC_BT709;
      c->color_range = AVCOL_RANGE_MPEG;
      c->chroma_sample_location = AVCHROMA_LOC_LEFT;
    }
    c->color_primaries = AVCOL_PRI_BT709;
    c->color_trc = AVCOL_TRC_BT709;
    if (mp4) {
      set(c, "preset", options.preset, name);
      if (options.lossless != 0) set(c, "qp", "0", name);
      else set(c, "crf", std::to_string(options.quality), name);
      set(c, "x264-params", "cpu-independent=1:sliced-threads=0:lookahead-threads=1", name);
    } else {
      c->bit_rate = 0;
      set(c, "deadline", "good", name);
      set(c, "cpu-used", std::to_string(options.cpu_used), name);
      set(c, "row-mt", "0", name);
      set(c, "tile-columns", std::to_string(options.width >= 1024 ? 2 : options.width >= 512 ? 1 : 0), name);
      set(c, "auto-alt-ref", "1", name);
      set(c, "lag-in-frames", "16", name);
      if (options.lossless != 0) set(c, "lossless", "1", name);
      else set(c, "crf", std::to_string(options.quality), name);
    }
    code = avcodec_open2(c, encoder, nullptr);
    if (code < 0) km::fail(KM_INVALID_ARGUMENT, km::with_log(std::string("encoder ") + name + ": " + km::text_of(code), log));

    stream = avformat_new_stream(format, nullptr);
    if (stream == nullptr) throw std::bad_alloc();
    stream->time_base = c->time_base;
    stream->avg_frame_rate = c->framerate;
    stream->sample_aspect_ratio = c->sample_aspect_ratio;
    code = avcodec_parameters_from_context(stream->codecpar, c);
    if (code < 0) km::fail_av(code, "codec parameters");

    picture = km::new_frame();
    picture->format = c->pix_fmt;
    picture->width = c->width;
    picture->height = c->height;
    code = av_frame_get_buffer(picture.get(), 64);
    if (code < 0) km::fail_av(code, "picture buffer", KM_OUT_OF_MEMORY);
    picture->colorspace = c->colorspace;
    picture->color_range = c->color_range;
    picture->chroma_location = c->chroma_sample_location;
    picture->color_primaries = c->color_primaries;
    picture->color_trc = c->color_trc;

    code = avio_open(&format->pb, url.c_str(), AVIO_FLAG_WRITE);
    if (code < 0) km::fail_av(code, "cannot create the file", KM_IO);
    AVDictionary* muxer = nullptr;
    if (mp4) av_dict_set(&muxer, "movflags", "+faststart+use_metadata_tags", 0);
    code = avformat_write_header(format, &muxer);
    av_dict_free(&muxer);
    check(code, "writing the header failed");
    header = true;
  }

  void write(const uint8_t* rgb) {
    km::LogScope scope(&log);
    int code = av_frame_make_writable(picture.get());
    if (code < 0) km::fail_av(code, "picture buffer", KM_OUT_OF_MEMORY);
    converter.from_rgb(rgb, options.width, options.height, picture.get());
    picture->pts = frames;
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 0)
    picture->duration = 1;
#else
    picture->pkt_duration = 1;
#endif
    code = avcodec_send_frame(codec.get(), picture.get());
    if (code < 0) km::fail(KM_INTERNAL, km::with_log("encoding failed: " + km::text_of(code), log));
    frames++;
    receive();
  }

  void receive() {
    for (;;) {
      int code = avcodec_receive_packet(codec.get(), packet.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
      if (code < 0) km::fail(KM_INTERNAL, km::with_log("encoding failed: " + km::text_of(code), log));
      packet->stream_index = stream->index;
      if (packet->duration == 0) packet->duration = 1;
      av_packet_rescale_ts(packet.get(), codec->time_base, stream->time_base);
      check(av_interleaved_write_frame(format, packet.get()), "writing failed");
    }
  }

  void finish() {
    km::LogScope scope(&log);
    if (frames == 0) km::fail(KM_INVALID_ARGUMENT, "a clip needs at least one frame");
    int code = avcodec_send_frame(codec.get(), nullptr);
    if (code < 0 && code != AVERROR_EOF) km::fail(KM_INTERNAL, km::with_log("encoding failed: " + km::text_of(code), log));
    receive();
    check(av_write_trailer(format), "completing the file failed");
    avio_flush(format->pb);
    check(0, "completing the file failed");
    code = avio_closep(&format->pb);
    if (code < 0) km::fail_av(code, "closing the file failed", KM_IO);
  }
};

extern "C" {

km_status km_writer_open(const char* path, const km_writer_options* options, const char* const* keys, const char* const* values, int32_t count, km_writer** out) {
  return km::guarded([&]() -> km_status {
    if (!path || !options || !out || count < 0 || (count > 0 && (!keys || !values))) km::fail(KM_INVALID_ARGUMENT, "km_writer_open: null argument");
    *out = nullptr;
    if (options->width < 1 || options->height < 1 || options->rate_num < 1 || options->rate_den < 1) km::fail(KM_INVALID_ARGUMENT, "km_writer_open: empty size or rate");
    auto writer = std::make_unique<km_writer>();
    writer->options = *options;
    writer->options.preset[sizeof writer->options.preset - 1] = 0;
    writer->open(path, keys, values, count);
    *out = writer.release();
    return KM_OK;
  });
}

km_status km_writer_write(km_writer* writer, const uint8_t* rgb, int64_t size) {
  return km::guarded([&]() -> km_status {
    if (!writer || !rgb) km::fail(KM_INVALID_ARGUMENT, "km_writer_write: null argument");
    if (size != static_cast<int64_t>(writer->options.width) * writer->options.height * 3) km::fail(KM_INVALID_ARGUMENT, "km_writer_write: the picture has the wrong size");
    writer->write(rgb);
    return KM_OK;
  });
}

km_status km_writer_finish(km_writer* writer) {
  return km::guarded([&]() -> km_status {
    if (!writer) km::fail(KM_INVALID_ARGUMENT, "km_writer_finish: null argument");
    writer->finish();
    return KM_OK;
  });
}

void km_writer_close(km_writer* writer) {
  km::guarded([&]() -> km_status {
    delete writer;
    return KM_OK;
  });
}

}  // extern "C"
