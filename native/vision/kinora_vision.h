/* C boundary of libkinora_vision.so over OpenCV.
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
#define KV_ABI_VERSION 1

typedef int32_t kv_status;
enum {
  KV_OK = 0,
  KV_INVALID_ARGUMENT = 1,
  KV_OUT_OF_MEMORY = 2,
  KV_INTERNAL = 3
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
/* Versions of the libraries that are loaded, for people. */
KV_API const char* kv_build_info(void);

/* Flow from a to b, both width*height; flow has 2*width*height floats. */
KV_API kv_status kv_flow_farneback(const uint8_t* a, const uint8_t* b, int32_t width, int32_t height, const kv_farneback* options, float* flow);
/* preset: 0 ultrafast, 1 fast, 2 medium. Sides of at least 16 pixels. */
KV_API kv_status kv_flow_dis(const uint8_t* a, const uint8_t* b, int32_t width, int32_t height, int32_t preset, float* flow);

#ifdef __cplusplus
}
#endif
