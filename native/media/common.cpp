// Errors, captured logs, and what belongs to no handle.
#include "internal.h"

#include <cerrno>
#include <cstring>
#include <unordered_set>

#include <fcntl.h>
#include <unistd.h>

namespace km {

std::string& last_error() {
  thread_local std::string text;
  return text;
}

void fail(km_status status, std::string text) { throw Error{status, std::move(text)}; }

km_status status_of_errno(int code, km_status otherwise) {
  switch (code) {
    case ENOENT: case ENOTDIR: return KM_NOT_FOUND;
    case EACCES: case EPERM: case EROFS: return KM_ACCESS_DENIED;
    case ENOSPC: case EDQUOT: case EFBIG: return KM_DISK_FULL;
    case ENOMEM: return KM_OUT_OF_MEMORY;
    case EIO: case EISDIR: case EBADF: case EMFILE: case ENFILE: case ENAMETOOLONG: return KM_IO;
    case EINVAL: return KM_INVALID_ARGUMENT;
    default: return otherwise;
  }
}

std::string text_of(int av_code) {
  char buffer[AV_ERROR_MAX_STRING_SIZE] = {0};
  av_strerror(av_code, buffer, sizeof buffer);
  return buffer;
}

void fail_av(int code, const std::string& what, km_status otherwise) {
  km_status status = otherwise;
  if (code == AVERROR_INVALIDDATA) status = KM_CORRUPT;
  else if (code == AVERROR_DECODER_NOT_FOUND || code == AVERROR_ENCODER_NOT_FOUND) status = KM_MISSING_CODEC;
  else status = status_of_errno(AVUNERROR(code), otherwise);
  fail(status, what + ": " + text_of(code));
}

// ---- logs: a line is traced to its handle through the `opaque` field of the codec or format context it is about; codec
// worker threads work on copies that keep the field. The registry makes a stray or stale pointer harmless.

namespace {
struct Registry {
  std::mutex mutex;
  std::unordered_set<const void*> sinks;
};
Registry& registry() {
  static Registry* r = new Registry();  // never destroyed: libav threads may log during exit
  return *r;
}
thread_local LogSink* current_sink = nullptr;

void on_log(void* object, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_WARNING) return;
  try {
    char buffer[512];
    int prefix = 1;
    av_log_format_line2(object, level, format, arguments, buffer, sizeof buffer, &prefix);
    std::string line(buffer);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    // "[h264 @ 0x55d6dab6d7c0]": the same damage gives the same text.
    size_t address = line.find(" @ 0x");
    if (address != std::string::npos) line.erase(address, line.find_first_not_of("0123456789abcdefx", address + 3) - address);
    if (line.empty()) return;
    const void* opaque = nullptr;
    if (object != nullptr) {
      const AVClass* type = *static_cast<AVClass**>(object);
      if (type == avcodec_get_class()) opaque = static_cast<AVCodecContext*>(object)->opaque;
      else if (type == avformat_get_class()) opaque = static_cast<AVFormatContext*>(object)->opaque;
    }
    Registry& r = registry();
    std::lock_guard<std::mutex> lock(r.mutex);
    if (opaque != nullptr && r.sinks.count(opaque) != 0) {
      static_cast<LogSink*>(const_cast<void*>(opaque))->add(std::move(line));
    } else if (current_sink != nullptr) {
      current_sink->add(std::move(line));
    }
  } catch (...) {
    // A line that cannot be stored is lost; a log callback has nowhere to report.
  }
}
}  // namespace

LogSink::LogSink() {
  static std::once_flag installed;
  std::call_once(installed, [] { av_log_set_callback(on_log); });
  Registry& r = registry();
  std::lock_guard<std::mutex> lock(r.mutex);
  r.sinks.insert(this);
}

LogSink::~LogSink() {
  Registry& r = registry();
  std::lock_guard<std::mutex> lock(r.mutex);
  r.sinks.erase(this);
}

void LogSink::add(std::string line) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!lines_.empty() && lines_.back() == line) return;
  lines_.push_back(std::move(line));
  if (lines_.size() > 4) lines_.pop_front();
}

std::string LogSink::lines() {
  std::lock_guard<std::mutex> lock(mutex_);
  std::string all;
  for (const auto& line : lines_) {
    if (!all.empty()) all += "; ";
    all += line;
  }
  return all;
}

void LogSink::clear() {
  std::lock_guard<std::mutex> lock(mutex_);
  lines_.clear();
}

LogScope::LogScope(LogSink* sink) : previous_(current_sink) { current_sink = sink; }
LogScope::~LogScope() { current_sink = previous_; }

std::string with_log(std::string text, LogSink& sink) {
  std::string lines = sink.lines();
  return lines.empty() ? text : text + " (libav: " + lines + ")";
}

FramePtr new_frame() {
  FramePtr frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  return frame;
}

PacketPtr new_packet() {
  PacketPtr packet(av_packet_alloc());
  if (!packet) throw std::bad_alloc();
  return packet;
}

}  // namespace km

extern "C" {

int32_t km_abi_version(void) { return KM_ABI_VERSION; }

const char* km_last_error(void) { return km::last_error().c_str(); }

const char* km_build_info(void) {
  thread_local char text[160];
  auto part = [](unsigned v, int shift) { return static_cast<int>((v >> shift) & 0xff); };
  unsigned f = avformat_version(), c = avcodec_version(), s = swscale_version(), u = avutil_version();
  snprintf(text, sizeof text, "libavformat %d.%d.%d, libavcodec %d.%d.%d, libswscale %d.%d.%d, libavutil %d.%d.%d",
           part(f, 16), part(f, 8), part(f, 0), part(c, 16), part(c, 8), part(c, 0),
           part(s, 16), part(s, 8), part(s, 0), part(u, 16), part(u, 8), part(u, 0));
  return text;
}

int32_t km_has_encoder(const char* name) {
  return name != nullptr && avcodec_find_encoder_by_name(name) != nullptr ? 1 : 0;
}

km_status km_sync(const char* path) {
  return km::guarded([&]() -> km_status {
    if (path == nullptr) km::fail(KM_INVALID_ARGUMENT, "km_sync: path is null");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) km::fail(km::status_of_errno(errno, KM_IO), std::string("open: ") + strerror(errno));
    int result = fsync(fd);
    int code = errno;
    close(fd);
    // Some network file systems do not sync directories; that is not a failure of the write.
    if (result != 0 && code != EINVAL && code != ENOTSUP) km::fail(km::status_of_errno(code, KM_IO), std::string("fsync: ") + strerror(code));
    return KM_OK;
  });
}

}  // extern "C"
