// Errors and versions.
#include "internal.h"

#include <mutex>

#include <opencv2/core/utility.hpp>

namespace kv {

std::string& last_error() {
  thread_local std::string text;
  return text;
}

void fail(kv_status status, std::string text) { throw Error{status, std::move(text)}; }

void prepare() {
  static std::once_flag once;
  std::call_once(once, [] {
    cv::setNumThreads(1);
    // OpenCV would print what the exception says anyway.
    cv::redirectError([](int, const char*, const char*, const char*, int, void*) { return 0; });
  });
}

}  // namespace kv

extern "C" {

int32_t kv_abi_version(void) { return KV_ABI_VERSION; }

const char* kv_last_error(void) { return kv::last_error().c_str(); }

const char* kv_build_info(void) {
  static const std::string text = "OpenCV " + cv::getVersionString() + kv::ocr_version();
  return text.c_str();
}

}  // extern "C"
