/* C boundary of libkinora_vision.so over OpenCV and Tesseract.
 *
 * Every function that can fail returns a kv_status; kv_last_error() then gives the text for the calling thread.
 * No exception leaves the library. OpenCV runs on the calling thread alone: DIS divides its work by threads, and its result with it.
 *
 * Shapes    pictures are rows of 8-bit gray without padding; flow is dx, dy of each pixel, float32, in pixels
 */
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KV_API __attribute__((visibility("default")))

/* Raised with every change of a signature or struct below; the caller refuses another value. */
#define KV_ABI_VERSION 2

typedef int32_t kv_status;
enum {
  KV_OK = 0,
  KV_INVALID_ARGUMENT = 1,
  KV_OUT_OF_MEMORY = 2,
  KV_INTERNAL = 3,
  KV_MISSING_DATA = 4,     /* the language's data of Tesseract */
  KV_NOT_BUILT = 5         /* the library was built without Tesseract */
};

typedef struct kv_farneback {
  double pyramid_scale;    /* size of a level relative to the one below, 0..1 */
  double poly_sigma;       /* width of the Gaussian that smooths derivatives */
  int32_t levels;          /* pyramid levels, the picture included */
  int32_t window;          /* averaging window, pixels */
  int32_t iterations;      /* on each level */
  int32_t poly_n;          /* neighborhood of the polynomials: 5 or 7 */
  int32_t gaussian;        /* 1: a Gaussian window instead of a box */
  int32_t reserved;
} kv_farneback;

KV_API int32_t kv_abi_version(void);
KV_API const char* kv_last_error(void);
/* Versions of the libraries that are loaded, such as "OpenCV 4.6.0, Tesseract 5.3.0". */
KV_API const char* kv_build_info(void);

/* Flow from a to b, both width*height; flow has 2*width*height floats. */
KV_API kv_status kv_flow_farneback(const uint8_t* a, const uint8_t* b, int32_t width, int32_t height, const kv_farneback* options, float* flow);
/* preset: 0 ultrafast, 1 fast, 2 medium. Sides of at least 16 pixels. */
KV_API kv_status kv_flow_dis(const uint8_t* a, const uint8_t* b, int32_t width, int32_t height, int32_t preset, float* flow);

typedef struct kv_line {
  int32_t x, y, width, height;
  int32_t bright;          /* 1: brighter than what is around it */
  float letters;           /* how many shapes in it look like letters */
} kv_line;

/* Lines that look like text: rows of shapes of one color, height and stroke. The strongest first; count is how many were written. */
KV_API kv_status kv_text_find(const uint8_t* gray, int32_t width, int32_t height, kv_line* lines, int32_t capacity, int32_t* count);

typedef struct kv_ocr kv_ocr;

typedef struct kv_word {
  int32_t x, y, width, height;
  float confidence;        /* 0..100 */
  char text[64];           /* UTF-8, cut at 63 bytes */
} kv_word;

/* folder: where <language>.traineddata lies; null = Tesseract's own place. One thread at a time. */
KV_API kv_status kv_ocr_open(const char* folder, const char* language, kv_ocr** ocr);
KV_API void kv_ocr_close(kv_ocr* ocr);
/* The folder that the data came from; lives as long as the handle. */
KV_API const char* kv_ocr_folder(const kv_ocr* ocr);
/* Reads one line of dark text on bright ground. */
KV_API kv_status kv_ocr_line(kv_ocr* ocr, const uint8_t* gray, int32_t width, int32_t height, kv_word* words, int32_t capacity, int32_t* count);

#ifdef __cplusplus
}
#endif
