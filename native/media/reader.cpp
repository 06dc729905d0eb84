// Reading: one file or buffer, one video stream, frames in order of presentation.
//
// Damage is found in two ways: the container's own framing is compared with the size of the file (structure.cpp), and the
// demuxer and decoder mark packets and frames they could not complete. Good frames are always handed out first.
#include "analysis.h"
#include "internal.h"
#include "structure.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace km {

// Random access to the bytes of a file or a buffer.
class Source final : public ByteSource {
 public:
  static std::unique_ptr<Source> file(const char* path) {
    int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail(status_of_errno(errno, KM_IO), strerror(errno));
    auto source = std::unique_ptr<Source>(new Source());
    source->fd_ = fd;
    struct stat facts {};
    if (fstat(fd, &facts) != 0) fail(status_of_errno(errno, KM_IO), strerror(errno));
    if (S_ISDIR(facts.st_mode)) fail(KM_IO, "it is a folder");
    if (!S_ISREG(facts.st_mode)) fail(KM_IO, "it is not a regular file");
    source->size_ = facts.st_size;
    return source;
  }

  static std::unique_ptr<Source> memory(const uint8_t* data, int64_t size) {
    auto source = std::unique_ptr<Source>(new Source());
    source->data_ = data;
    source->size_ = size;
    return source;
  }

  ~Source() override {
    if (fd_ >= 0) ::close(fd_);
  }

  int64_t size() const override { return size_; }

  int read_at(int64_t position, uint8_t* out, int count) override {
    if (position < 0 || position >= size_) return 0;
    if (data_ != nullptr) {
      int n = static_cast<int>(std::min<int64_t>(count, size_ - position));
      memcpy(out, data_ + position, static_cast<size_t>(n));
      return n;
    }
    for (;;) {
      ssize_t n = ::pread(fd_, out, static_cast<size_t>(count), position);
      if (n >= 0) return static_cast<int>(n);
      if (errno != EINTR) return AVERROR(errno);
    }
  }

  int64_t position = 0;

 private:
  Source() = default;
  int fd_ = -1;
  const uint8_t* data_ = nullptr;
  int64_t size_ = 0;
};

namespace {

// A header may claim any size: larger pictures than 16K (15360 x 8640) are refused before they are allocated.
constexpr int64_t kMaxPixels = 15360LL * 8640;

int read_callback(void* opaque, uint8_t* out, int count) {
  auto* source = static_cast<Source*>(opaque);
  int n = source->read_at(source->position, out, count);
  if (n < 0) return n;
  if (n == 0) return AVERROR_EOF;
  source->position += n;
  return n;
}

int64_t seek_callback(void* opaque, int64_t offset, int whence) {
  auto* source = static_cast<Source*>(opaque);
  whence &= ~AVSEEK_FORCE;
  if (whence == AVSEEK_SIZE) return source->size();
  int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? source->position : whence == SEEK_END ? source->size() : INT64_MIN;
  if (base == INT64_MIN || base + offset < 0) return AVERROR(EINVAL);
  return source->position = base + offset;
}

// Demuxers may ask for further files (playlists, segments, external references): refused, always.
int refuse_open(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) { return AVERROR(EPERM); }

void copy_name(char (&target)[32], const char* text) { snprintf(target, sizeof target, "%s", text != nullptr ? text : "unknown"); }

const int32_t* display_matrix(const AVStream* stream) {
  const uint8_t* data = nullptr;
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 0)
  const AVPacketSideData* side = av_packet_side_data_get(stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
  if (side != nullptr && side->size >= 9 * sizeof(int32_t)) data = side->data;
#else
  size_t size = 0;
  data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (size < 9 * sizeof(int32_t)) data = nullptr;
#endif
  return reinterpret_cast<const int32_t*>(data);
}

int64_t duration_of(const AVFrame* frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 0)
  return frame->duration;
#else
  return frame->pkt_duration;
#endif
}

bool is_key(const AVFrame* frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 29, 100)
  return (frame->flags & AV_FRAME_FLAG_KEY) != 0;
#else
  return frame->key_frame != 0;
#endif
}

}  // namespace
}  // namespace km

struct km_reader {
  std::unique_ptr<km::LogSink> log = std::make_unique<km::LogSink>();
  std::unique_ptr<km::Source> source;
  km_reader_options options{};
  AVIOContext* io = nullptr;
  AVFormatContext* format = nullptr;
  km::CodecPtr codec;
  AVStream* stream = nullptr;
  km::PacketPtr packet = km::new_packet();
  km::FramePtr current;                  // last frame handed out
  std::deque<km::FramePtr> queue;        // decoded, not yet handed out
  km::Orientation orientation;
  km::Converter converter;
  km::Analyzer analyzer;
  km::Structure structure;
  int64_t next_pts = 0;                  // for streams without time stamps
  bool drained = false;                  // end of file was signalled to the decoder
  km_status failure = KM_OK;             // reported after the remaining good frames
  std::string failure_text;
  bool still = false;                    // the container holds images, not a timeline

  ~km_reader() { close_input(); }

  void close_input() {
    codec.reset();
    stream = nullptr;
    if (format != nullptr) avformat_close_input(&format);
    if (io != nullptr) {
      av_freep(&io->buffer);
      avio_context_free(&io);
    }
  }

  // `what` failed with a libav code while opening: damage by truncation explains more than the demuxer can.
  // A code of 0: what was found says it all.
  [[noreturn]] void fail_open(int code, const std::string& what) {
    if (structure.truncated) km::fail(KM_TRUNCATED, km::with_log(structure.text, *log));
    km_status status = status_of_content(code);
    if (code == 0 || code == AVERROR_INVALIDDATA || code == AVERROR_EOF) status = KM_NOT_MEDIA;
    km::fail(status, km::with_log(code == 0 ? what : what + ": " + km::text_of(code), *log));
  }

  void open_input() {
    close_input();
    queue.clear();
    current.reset();
    drained = false;
    failure = KM_OK;
    failure_text.clear();
    next_pts = 0;
    log->clear();
    source->position = 0;

    constexpr int buffer_size = 64 * 1024;
    auto* buffer = static_cast<uint8_t*>(av_malloc(buffer_size));
    if (buffer == nullptr) throw std::bad_alloc();
    io = avio_alloc_context(buffer, buffer_size, 0, source.get(), km::read_callback, nullptr, km::seek_callback);
    if (io == nullptr) {
      av_free(buffer);
      throw std::bad_alloc();
    }
    format = avformat_alloc_context();
    if (format == nullptr) throw std::bad_alloc();
    format->opaque = log.get();
    format->pb = io;
    format->io_open = km::refuse_open;
    format->flags |= AVFMT_FLAG_CUSTOM_IO;
    int code = avformat_open_input(&format, nullptr, nullptr, nullptr);
    if (code < 0) fail_open(code, "it is not a clip or image that libavformat knows");
    code = avformat_find_stream_info(format, nullptr);
    if (code < 0) fail_open(code, "its streams cannot be identified");

    const AVCodec* decoder = nullptr;
    int index = options.stream_index;
    if (index >= 0) {
      if (index >= static_cast<int>(format->nb_streams) || format->streams[index]->codecpar->codec_type != AVMEDIA_TYPE_VIDEO) km::fail(KM_INVALID_ARGUMENT, "stream " + std::to_string(index) + " is not a video stream; the container has " + std::to_string(format->nb_streams) + " streams");
    } else {
      index = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
      if (index < 0) fail_open(0, "it holds no video stream");
    }
    stream = format->streams[index];
    for (unsigned i = 0; i < format->nb_streams; i++) format->streams[i]->discard = static_cast<int>(i) == index ? AVDISCARD_DEFAULT : AVDISCARD_ALL;

    decoder = avcodec_find_decoder(stream->codecpar->codec_id);
    if (decoder == nullptr) km::fail(KM_MISSING_CODEC, std::string("this build of libavcodec has no decoder for ") + avcodec_get_name(stream->codecpar->codec_id));
    codec.reset(avcodec_alloc_context3(decoder));
    if (!codec) throw std::bad_alloc();
    code = avcodec_parameters_to_context(codec.get(), stream->codecpar);
    if (code < 0) km::fail_av(code, "codec parameters");
    codec->opaque = log.get();
    codec->pkt_timebase = stream->time_base;
    codec->thread_count = options.threads;
    codec->max_pixels = km::kMaxPixels;
    codec->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER;
    if (options.motion_vectors != 0) {
      codec->flags2 |= AV_CODEC_FLAG2_EXPORT_MVS;
      // With a thread for each frame these two export the vectors of a frame that another thread may still be decoding: other numbers on every run.
      if (decoder->id == AV_CODEC_ID_H264 || decoder->id == AV_CODEC_ID_MPEG4) codec->thread_type = FF_THREAD_SLICE;
    }
    code = avcodec_open2(codec.get(), decoder, nullptr);
    if (code < 0) km::fail_av(code, std::string("decoder ") + decoder->name);

    orientation = km::Orientation::from_matrix(km::display_matrix(stream));
    const char* name = format->iformat->name;
    still = strstr(name, "_pipe") != nullptr || strstr(name, "image2") != nullptr;
  }

  void open() {
    structure = km::examine(*source);
    km::LogScope scope(log.get());
    open_input();
    if (!still) return;
    // Images state their orientation and format with the picture itself; a broken image has no good part worth handing out.
    if (structure.truncated) km::fail(KM_TRUNCATED, structure.text);
    km::FramePtr first = decode();
    if (!first) km::fail(failure != KM_OK ? failure : KM_CORRUPT, failure != KM_OK ? failure_text : km::with_log("no picture could be decoded", *log));
    queue.push_back(std::move(first));
  }

  // Only the byte layer's own error is one of the system; any other, "out of memory" included, comes from what the content claims.
  km_status status_of_content(int code) const {
    if (code == AVERROR_DECODER_NOT_FOUND) return KM_MISSING_CODEC;
    return io != nullptr && io->error < 0 && io->error != AVERROR_EOF ? km::status_of_errno(AVUNERROR(io->error), KM_IO) : KM_CORRUPT;
  }

  void note_failure(km_status status, const std::string& text) {
    if (failure != KM_OK) return;
    failure = status;
    failure_text = km::with_log(text, *log);
  }

  void drain() {
    drained = true;
    avcodec_send_packet(codec.get(), nullptr);
  }

  // Reads packets until one of our stream was given to the decoder, or the end was.
  void feed() {
    for (;;) {
      int code = av_read_frame(format, packet.get());
      if (code < 0) {
        if (code != AVERROR_EOF) note_failure(structure.truncated ? KM_TRUNCATED : status_of_content(code), "reading a packet failed: " + km::text_of(code));
        else if (structure.truncated) note_failure(KM_TRUNCATED, structure.text);
        else if (io->error < 0) note_failure(km::status_of_errno(AVUNERROR(io->error), KM_IO), "reading failed: " + km::text_of(io->error));
        drain();
        return;
      }
      if (packet->stream_index != stream->index) {
        av_packet_unref(packet.get());
        continue;
      }
      if ((packet->flags & AV_PKT_FLAG_CORRUPT) != 0) {
        av_packet_unref(packet.get());
        note_failure(structure.truncated ? KM_TRUNCATED : KM_CORRUPT, structure.truncated ? structure.text : "a packet is incomplete");
        drain();
        return;
      }
      code = avcodec_send_packet(codec.get(), packet.get());
      av_packet_unref(packet.get());
      if (code < 0 && code != AVERROR(EAGAIN)) {
        note_failure(status_of_content(code), "decoding failed: " + km::text_of(code));
        drain();
      }
      return;
    }
  }

  // The next frame from the decoder, or null at the end; then `failure` says whether the end was clean.
  km::FramePtr decode() {
    km::FramePtr frame = km::new_frame();
    for (;;) {
      int code = avcodec_receive_frame(codec.get(), frame.get());
      if (code == AVERROR(EAGAIN)) {
        if (drained) return nullptr;
        feed();
        continue;
      }
      if (code == AVERROR_EOF) {
        if (!drained) drain();
        return nullptr;
      }
      if (code < 0) {
        note_failure(status_of_content(code), "decoding failed: " + km::text_of(code));
        if (drained) return nullptr;
        drain();
        continue;
      }
      if ((frame->flags & AV_FRAME_FLAG_CORRUPT) != 0 || frame->decode_error_flags != 0) {
        note_failure(structure.truncated ? KM_TRUNCATED : KM_CORRUPT, "a frame could not be decoded completely");
        drained = true;
        avcodec_flush_buffers(codec.get());
        avcodec_send_packet(codec.get(), nullptr);
        return nullptr;
      }
      int64_t step = km::duration_of(frame.get());
      if (step <= 0) {
        AVRational rate = stream->avg_frame_rate.num > 0 ? stream->avg_frame_rate : stream->r_frame_rate;
        step = rate.num > 0 ? av_rescale_q(1, av_inv_q(rate), stream->time_base) : 1;
      }
      int64_t pts = frame->best_effort_timestamp;
      if (pts == AV_NOPTS_VALUE) pts = next_pts;
      frame->pts = pts;
      next_pts = pts + (step > 0 ? step : 1);
      if (const AVFrameSideData* side = av_frame_get_side_data(frame.get(), AV_FRAME_DATA_DISPLAYMATRIX)) {
        if (side->size >= 9 * sizeof(int32_t)) orientation = km::Orientation::from_matrix(reinterpret_cast<const int32_t*>(side->data));
      }
      return frame;
    }
  }

  km_status advance(km_frame* out) {
    km::LogScope scope(log.get());
    km::FramePtr frame;
    if (!queue.empty()) {
      frame = std::move(queue.front());
      queue.pop_front();
    } else {
      frame = decode();
    }
    if (!frame) {
      if (failure != KM_OK) km::fail(failure, failure_text);
      return KM_END;
    }
    current = std::move(frame);
    describe(current.get(), out);
    return KM_OK;
  }

  static void describe(const AVFrame* frame, km_frame* out) {
    out->pts = frame->pts;
    out->duration = km::duration_of(frame);
    out->width = frame->width;
    out->height = frame->height;
    out->key_frame = km::is_key(frame) ? 1 : 0;
    const AVFrameSideData* side = av_frame_get_side_data(frame, AV_FRAME_DATA_MOTION_VECTORS);
    out->motion_vectors = side != nullptr ? static_cast<int32_t>(side->size / sizeof(AVMotionVector)) : 0;
  }

  km_status peek(km_frame* out) {
    km::LogScope scope(log.get());
    if (queue.empty()) {
      km::FramePtr frame = decode();
      if (!frame) return KM_END;
      queue.push_back(std::move(frame));
    }
    describe(queue.front().get(), out);
    return KM_OK;
  }

  // Whether decoding on from the current frame reaches `pts` without passing a key frame that would be a better start.
  bool within_reach(int64_t pts) {
    if (!current || failure != KM_OK || current->pts > pts) return false;
    const AVIndexEntry* entry = avformat_index_get_entry_from_timestamp(stream, pts, AVSEEK_FLAG_BACKWARD);
    return entry != nullptr && entry->timestamp <= current->pts;
  }

  // Writes the packets of [start, end) as they are, from the first key frame that is not before `start`, as MP4. Frames shown before
  // that key frame but stored behind it are left out, and so is everything from the first packet on that is shown at `end` or later:
  // what is written decodes by itself, but begins later and may end a few frames earlier than asked for.
  void copy_packets(int64_t start, int64_t end, const char* path, km_copied* out) {
    km::LogScope scope(log.get());
    *out = km_copied{};
    if (!jump(start)) open_input();
    struct Muxer {
      AVFormatContext* format = nullptr;
      ~Muxer() {
        if (format == nullptr) return;
        if (format->pb != nullptr) avio_closep(&format->pb);
        avformat_free_context(format);
      }
    } muxer;
    AVStream* target = nullptr;
    bool started = false;
    for (;;) {
      av_packet_unref(packet.get());
      int code = av_read_frame(format, packet.get());
      if (code == AVERROR_EOF) break;
      if (code < 0) km::fail(status_of_content(code), km::with_log("reading packets failed: " + km::text_of(code), *log));
      if (packet->stream_index != stream->index || packet->pts == AV_NOPTS_VALUE || (packet->flags & AV_PKT_FLAG_DISCARD) != 0) continue;
      if (packet->pts >= end) {
        if (started || (packet->dts != AV_NOPTS_VALUE && packet->dts >= end)) break;
        continue;
      }
      if (!started) {
        if ((packet->flags & AV_PKT_FLAG_KEY) == 0 || packet->pts < start) continue;
        started = true;
        out->first_pts = packet->pts;
        std::string url = std::string("file:") + path;
        code = avformat_alloc_output_context2(&muxer.format, nullptr, "mp4", url.c_str());
        if (code < 0) km::fail_av(code, "muxer mp4", KM_MISSING_CODEC);
        muxer.format->flags |= AVFMT_FLAG_BITEXACT;
        target = avformat_new_stream(muxer.format, nullptr);
        if (target == nullptr) throw std::bad_alloc();
        code = avcodec_parameters_copy(target->codecpar, stream->codecpar);
        if (code < 0) km::fail_av(code, "codec parameters");
        target->codecpar->codec_tag = 0;
        target->time_base = stream->time_base;
        target->avg_frame_rate = stream->avg_frame_rate;
        target->sample_aspect_ratio = stream->sample_aspect_ratio;
#if LIBAVCODEC_VERSION_INT < AV_VERSION_INT(60, 31, 0)
        if (const int32_t* matrix = km::display_matrix(stream)) {
          uint8_t* side = av_stream_new_side_data(target, AV_PKT_DATA_DISPLAYMATRIX, 9 * sizeof(int32_t));
          if (side == nullptr) throw std::bad_alloc();
          memcpy(side, matrix, 9 * sizeof(int32_t));
        }
#endif
        code = avio_open(&muxer.format->pb, url.c_str(), AVIO_FLAG_WRITE);
        if (code < 0) km::fail_av(code, "cannot create the file", KM_IO);
        AVDictionary* flags = nullptr;
        av_dict_set(&flags, "movflags", "+faststart", 0);
        code = avformat_write_header(muxer.format, &flags);
        av_dict_free(&flags);
        if (code < 0) km::fail(KM_MISSING_CODEC, km::with_log(std::string("MP4 cannot hold ") + avcodec_get_name(stream->codecpar->codec_id) + ": " + km::text_of(code), *log));
      }
      if (packet->pts < out->first_pts) continue;
      out->last_pts = std::max(out->last_pts, packet->pts);
      out->frames++;
      packet->pts -= out->first_pts;
      if (packet->dts != AV_NOPTS_VALUE) packet->dts -= out->first_pts;
      packet->stream_index = 0;
      packet->pos = -1;
      av_packet_rescale_ts(packet.get(), stream->time_base, target->time_base);
      code = av_interleaved_write_frame(muxer.format, packet.get());
      if (code < 0) km::fail(km::status_of_errno(AVUNERROR(code), KM_IO), "writing failed: " + km::text_of(code));
    }
    if (!started) return;
    int code = av_write_trailer(muxer.format);
    if (code < 0) km::fail(km::status_of_errno(AVUNERROR(code), KM_IO), "completing the file failed: " + km::text_of(code));
    code = avio_closep(&muxer.format->pb);
    if (code < 0) km::fail_av(code, "closing the file failed", KM_IO);
  }

  // Positions the demuxer at or before `pts`; false when only the start of the file is possible.
  bool jump(int64_t pts) {
    if (still || strcmp(format->iformat->name, "gif") == 0 || strcmp(format->iformat->name, "apng") == 0) return false;
    if (av_seek_frame(format, stream->index, pts, AVSEEK_FLAG_BACKWARD) < 0) return false;
    avcodec_flush_buffers(codec.get());
    queue.clear();
    current.reset();
    drained = false;
    failure = KM_OK;
    failure_text.clear();
    return true;
  }

  void seek(int64_t pts) {
    km::LogScope scope(log.get());
    km::FramePtr previous;
    int64_t aim = pts;
    int64_t back = std::max<int64_t>(1, av_rescale_q(1, AVRational{1, 1}, stream->time_base));
    bool at_start = false;
    if (within_reach(pts)) {
      previous = std::move(current);
      while (!queue.empty() && queue.front()->pts <= pts) {
        previous = std::move(queue.front());
        queue.pop_front();
      }
      if (!queue.empty()) {
        queue.push_front(std::move(previous));
        return;
      }
    } else if (!jump(aim)) {
      open_input();
      at_start = true;
    }
    for (;;) {
      km::FramePtr frame;
      if (!queue.empty()) {
        frame = std::move(queue.front());
        queue.pop_front();
      } else {
        frame = decode();
      }
      if (frame && frame->pts <= pts) {
        previous = std::move(frame);
        continue;
      }
      if (frame && !previous && !at_start) {
        // The key frame found lies after the wanted time (decode order against presentation order, or a wrong index).
        int64_t first = stream->start_time != AV_NOPTS_VALUE ? stream->start_time : 0;
        if (aim <= first) {
          open_input();
          at_start = true;
        } else {
          aim = std::max(first, aim - back);
          back *= 4;
          if (!jump(aim)) {
            open_input();
            at_start = true;
          }
        }
        continue;
      }
      if (!frame && !previous && !at_start && failure == KM_OK) {
        open_input();
        at_start = true;
        continue;
      }
      if (previous) queue.push_back(std::move(previous));
      if (frame) queue.push_back(std::move(frame));
      current.reset();
      return;
    }
  }

  void info(km_stream_info* out) {
    memset(out, 0, sizeof *out);
    const AVCodecParameters* p = stream->codecpar;
    const AVFrame* first = still && !queue.empty() ? queue.front().get() : still ? current.get() : nullptr;
    out->start_time = stream->start_time != AV_NOPTS_VALUE ? stream->start_time : KM_NO_TIME;
    out->duration = KM_NO_TIME;
    if (stream->duration != AV_NOPTS_VALUE && stream->duration > 0) out->duration = stream->duration;
    else if (format->duration != AV_NOPTS_VALUE && format->duration > 0) out->duration = av_rescale_q(format->duration, AVRational{1, AV_TIME_BASE}, stream->time_base);
    out->frame_count = stream->nb_frames > 0 ? stream->nb_frames : 0;
    out->frame_count_exact = out->frame_count > 0;
    if (still) {
      out->frame_count = 1;
      out->frame_count_exact = 1;
    }
    if (out->frame_count == 0 && out->duration != KM_NO_TIME && stream->avg_frame_rate.num > 0) out->frame_count = av_rescale_q(out->duration, stream->time_base, av_inv_q(stream->avg_frame_rate));
    out->bit_rate = format->bit_rate;
    out->width = first ? first->width : p->width;
    out->height = first ? first->height : p->height;
    AVRational sar = stream->sample_aspect_ratio.num > 0 ? stream->sample_aspect_ratio : p->sample_aspect_ratio;
    if (sar.num <= 0 || sar.den <= 0) sar = AVRational{1, 1};
    out->sar_num = sar.num;
    out->sar_den = sar.den;
    out->rotation = orientation.rotation();
    out->mirrored = orientation.mirrored() ? 1 : 0;
    out->avg_rate_num = stream->avg_frame_rate.num;
    out->avg_rate_den = stream->avg_frame_rate.den;
    out->real_rate_num = stream->r_frame_rate.num;
    out->real_rate_den = stream->r_frame_rate.den;
    out->time_base_num = stream->time_base.num;
    out->time_base_den = stream->time_base.den;
    auto pixel_format = static_cast<AVPixelFormat>(first ? first->format : p->format);
    const AVPixFmtDescriptor* d = av_pix_fmt_desc_get(pixel_format);
    out->bit_depth = d != nullptr ? d->comp[0].depth : 0;
    out->has_alpha = km::has_alpha(pixel_format) ? 1 : 0;
    for (unsigned i = 0; i < format->nb_streams; i++) {
      AVMediaType type = format->streams[i]->codecpar->codec_type;
      if (type == AVMEDIA_TYPE_AUDIO) out->has_audio = 1;
      if (type == AVMEDIA_TYPE_VIDEO) out->video_streams++;
    }
    out->stream_index = stream->index;
    snprintf(out->container, sizeof out->container, "%s", format->iformat->name);
    km::copy_name(out->codec, avcodec_get_name(p->codec_id));
    km::copy_name(out->pixel_format, d != nullptr ? d->name : nullptr);
    km::copy_name(out->color_range, av_color_range_name(first ? first->color_range : p->color_range));
    km::copy_name(out->color_space, av_color_space_name(first ? first->colorspace : p->color_space));
    km::copy_name(out->color_primaries, av_color_primaries_name(first ? first->color_primaries : p->color_primaries));
    km::copy_name(out->color_transfer, av_color_transfer_name(first ? first->color_trc : p->color_trc));
  }

  const AVDictionaryEntry* tag(int32_t index) const {
    for (AVDictionary* tags : {format->metadata, stream->metadata}) {
      const AVDictionaryEntry* entry = nullptr;
      while ((entry = av_dict_get(tags, "", entry, AV_DICT_IGNORE_SUFFIX)) != nullptr) {
        if (index-- == 0) return entry;
      }
    }
    return nullptr;
  }
};

const AVFrame* km::current_frame(const km_reader* reader) { return reader->current.get(); }

namespace {

km_status open_reader(std::unique_ptr<km::Source> source, const km_reader_options* options, km_reader** out) {
  auto reader = std::make_unique<km_reader>();
  reader->source = std::move(source);
  reader->options = *options;
  reader->open();
  *out = reader.release();
  return KM_OK;
}

void need(bool condition, const char* what) {
  if (!condition) km::fail(KM_INVALID_ARGUMENT, what);
}

}  // namespace

extern "C" {

km_status km_reader_open_file(const char* path, const km_reader_options* options, km_reader** out) {
  return km::guarded([&] {
    need(path && options && out, "km_reader_open_file: null argument");
    *out = nullptr;
    return open_reader(km::Source::file(path), options, out);
  });
}

km_status km_reader_open_memory(const uint8_t* data, int64_t size, const km_reader_options* options, km_reader** out) {
  return km::guarded([&] {
    need(data && size >= 0 && options && out, "km_reader_open_memory: null argument");
    *out = nullptr;
    return open_reader(km::Source::memory(data, size), options, out);
  });
}

void km_reader_close(km_reader* reader) {
  km::guarded([&]() -> km_status {
    delete reader;
    return KM_OK;
  });
}

km_status km_reader_info(km_reader* reader, km_stream_info* out) {
  return km::guarded([&]() -> km_status {
    need(reader && out, "km_reader_info: null argument");
    reader->info(out);
    return KM_OK;
  });
}

km_status km_reader_tag(km_reader* reader, int32_t index, const char** key, const char** value) {
  return km::guarded([&]() -> km_status {
    need(reader && key && value && index >= 0, "km_reader_tag: null argument");
    const AVDictionaryEntry* entry = reader->tag(index);
    if (entry == nullptr) return KM_END;
    *key = entry->key;
    *value = entry->value;
    return KM_OK;
  });
}

km_status km_reader_advance(km_reader* reader, km_frame* out) {
  return km::guarded([&]() -> km_status {
    need(reader && out, "km_reader_advance: null argument");
    return reader->advance(out);
  });
}

km_status km_reader_peek(km_reader* reader, km_frame* out) {
  return km::guarded([&]() -> km_status {
    need(reader && out, "km_reader_peek: null argument");
    return reader->peek(out);
  });
}

km_status km_reader_copy_packets(km_reader* reader, int64_t start, int64_t end, const char* path, km_copied* out) {
  return km::guarded([&]() -> km_status {
    need(reader && path && out, "km_reader_copy_packets: null argument");
    reader->copy_packets(start, end, path, out);
    return KM_OK;
  });
}

km_status km_reader_seek(km_reader* reader, int64_t pts) {
  return km::guarded([&]() -> km_status {
    need(reader != nullptr, "km_reader_seek: null argument");
    reader->seek(pts);
    return KM_OK;
  });
}

km_status km_reader_pixels(km_reader* reader, int32_t width, int32_t height, int32_t filter, int32_t rotate, uint8_t* rgb, int64_t capacity) {
  return km::guarded([&]() -> km_status {
    need(reader && rgb && width > 0 && height > 0, "km_reader_pixels: null buffer or empty size");
    need(capacity >= static_cast<int64_t>(width) * height * 3, "km_reader_pixels: the buffer is too small");
    need(reader->current != nullptr, "km_reader_pixels: there is no current frame");
    km::LogScope scope(reader->log.get());
    reader->converter.to_rgb(reader->current.get(), rotate ? reader->orientation : km::Orientation{}, width, height, filter, rgb);
    return KM_OK;
  });
}

km_status km_reader_small_bgr(km_reader* reader, int32_t width, int32_t height, uint8_t* bgr, int64_t capacity) {
  return km::guarded([&]() -> km_status {
    need(reader && bgr && width > 0 && height > 0, "km_reader_small_bgr: null buffer or empty size");
    need(capacity >= static_cast<int64_t>(width) * height * 3, "km_reader_small_bgr: the buffer is too small");
    need(reader->current != nullptr, "km_reader_small_bgr: there is no current frame");
    km::LogScope scope(reader->log.get());
    reader->analyzer.small_bgr(reader->current.get(), width, height, bgr);
    return KM_OK;
  });
}

km_status km_reader_luma(km_reader* reader, uint8_t* luma, int64_t capacity) {
  return km::guarded([&]() -> km_status {
    need(reader && luma, "km_reader_luma: null argument");
    need(reader->current != nullptr, "km_reader_luma: there is no current frame");
    need(capacity >= static_cast<int64_t>(reader->current->width) * reader->current->height, "km_reader_luma: the buffer is too small");
    km::LogScope scope(reader->log.get());
    reader->analyzer.luma(reader->current.get(), luma);
    return KM_OK;
  });
}

km_status km_reader_motion_vectors(km_reader* reader, km_motion_vector* out, int32_t capacity, int32_t* count) {
  return km::guarded([&]() -> km_status {
    need(reader && count && (out || capacity == 0), "km_reader_motion_vectors: null argument");
    *count = 0;
    if (!reader->current) return KM_OK;
    const AVFrameSideData* side = av_frame_get_side_data(reader->current.get(), AV_FRAME_DATA_MOTION_VECTORS);
    if (side == nullptr) return KM_OK;
    int available = static_cast<int>(side->size / sizeof(AVMotionVector));
    int n = std::min(available, capacity);
    const auto* vectors = reinterpret_cast<const AVMotionVector*>(side->data);
    for (int i = 0; i < n; i++) {
      const AVMotionVector& v = vectors[i];
      out[i] = km_motion_vector{v.source, v.w, v.h, v.src_x, v.src_y, v.dst_x, v.dst_y, v.motion_x, v.motion_y, v.motion_scale};
    }
    *count = n;
    return KM_OK;
  });
}

}  // extern "C"
