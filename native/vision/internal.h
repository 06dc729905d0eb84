// What the sources of libkinora_vision share: errors and the guard around every export.
#pragma once
#include <new>
#include <string>

#include <opencv2/core.hpp>

#include "kinora_vision.h"

namespace kv {

std::string& last_error();

struct Error {
  kv_status status;
  std::string text;
};

[[noreturn]] void fail(kv_status status, std::string text);

// One thread, once: results must not depend on the number of cores, and the caller's threads are busy.
void prepare();

// ", Tesseract x.y.z", or nothing.
std::string ocr_version();

template <typename F>
kv_status guarded(F&& body) noexcept {
  try {
    last_error().clear();
    prepare();
    body();
    return KV_OK;
  } catch (const Error& e) {
    last_error() = e.text;
    return e.status;
  } catch (const std::bad_alloc&) {
    last_error() = "out of memory";
    return KV_OUT_OF_MEMORY;
  } catch (const cv::Exception& e) {
    last_error() = e.what();
    return e.code == cv::Error::StsNoMem ? KV_OUT_OF_MEMORY : KV_INTERNAL;
  } catch (const std::exception& e) {
    last_error() = e.what();
    return KV_INTERNAL;
  } catch (...) {
    last_error() = "unknown failure";
    return KV_INTERNAL;
  }
}

}  // namespace kv
