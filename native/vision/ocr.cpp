// Reading a line of text by Tesseract's LSTM.
#include "internal.h"

#include <cstring>
#include <memory>

#ifdef KV_TESSERACT
#include <omp.h>
#include <tesseract/baseapi.h>
#include <tesseract/resultiterator.h>

struct kv_ocr {
  tesseract::TessBaseAPI api;
  std::string folder;
  ~kv_ocr() { api.End(); }
};

namespace {

// Tesseract's parallel loops are slower than one thread on pictures of a line. They name their number of threads, so what is set is that no level of parallelism is
// active; the setting is the calling thread's, which may be the engine's.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_active_levels()) { omp_set_max_active_levels(0); }
  ~OneThread() { omp_set_max_active_levels(before_); }

 private:
  int before_;
};

}  // namespace

std::string kv::ocr_version() { return std::string(", Tesseract ") + tesseract::TessBaseAPI::Version(); }
#else
struct kv_ocr {};
std::string kv::ocr_version() { return ""; }
#endif

extern "C" {

kv_status kv_ocr_open(const char* folder, const char* language, kv_ocr** ocr) {
  return kv::guarded([&] {
    if (language == nullptr || ocr == nullptr) kv::fail(KV_INVALID_ARGUMENT, "kv_ocr_open: the language or the result is null");
#ifdef KV_TESSERACT
    OneThread one;
    auto handle = std::make_unique<kv_ocr>();
    handle->api.SetVariable("debug_file", "/dev/null");
    if (handle->api.Init(folder, language, tesseract::OEM_LSTM_ONLY) != 0)
      kv::fail(KV_MISSING_DATA, std::string("Tesseract found no usable data of language ") + language);
    handle->api.SetPageSegMode(tesseract::PSM_SINGLE_LINE);
    handle->folder = handle->api.GetDatapath();
    *ocr = handle.release();
#else
    (void)folder;
    kv::fail(KV_NOT_BUILT, "the vision library was built without Tesseract");
#endif
  });
}

void kv_ocr_close(kv_ocr* ocr) { delete ocr; }

const char* kv_ocr_folder(const kv_ocr* ocr) {
#ifdef KV_TESSERACT
  return ocr == nullptr ? "" : ocr->folder.c_str();
#else
  (void)ocr;
  return "";
#endif
}

kv_status kv_ocr_line(kv_ocr* ocr, const uint8_t* gray, int32_t width, int32_t height, kv_word* words, int32_t capacity, int32_t* count) {
  return kv::guarded([&] {
    if (ocr == nullptr || gray == nullptr || words == nullptr || count == nullptr || width < 1 || height < 1 || capacity < 0) kv::fail(KV_INVALID_ARGUMENT, "kv_ocr_line: an argument is null or a size is not positive");
    *count = 0;
#ifdef KV_TESSERACT
    OneThread one;
    ocr->api.SetImage(gray, width, height, 1, width);
    ocr->api.SetSourceResolution(150);
    if (ocr->api.Recognize(nullptr) != 0) kv::fail(KV_INTERNAL, "Tesseract could not read a line");
    std::unique_ptr<tesseract::ResultIterator> at(ocr->api.GetIterator());
    if (at != nullptr) {
      do {
        std::unique_ptr<char[]> text(at->GetUTF8Text(tesseract::RIL_WORD));
        int left, top, right, bottom;
        if (text == nullptr || !at->BoundingBox(tesseract::RIL_WORD, &left, &top, &right, &bottom)) continue;
        if (*count == capacity) break;
        kv_word& word = words[(*count)++];
        word = {left, top, right - left, bottom - top, at->Confidence(tesseract::RIL_WORD), {0}};
        size_t n = std::strlen(text.get());
        if (n >= sizeof word.text) {
          n = sizeof word.text - 1;
          while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xc0) == 0x80) n--;
        }
        std::memcpy(word.text, text.get(), n);
      } while (at->Next(tesseract::RIL_WORD));
    }
    ocr->api.Clear();
#endif
  });
}

}  // extern "C"
