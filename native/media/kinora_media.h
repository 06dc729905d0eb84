/* C boundary of libkinora_media.so over libavformat, libavcodec, libswscale and libavutil.
 *
 * Every function that can fail returns a km_status; km_last_error() then gives the text for the calling thread.
 * No exception leaves the library. Handles belong to one thread at a time; different handles may be used in parallel.
 * The only process-wide effect is libav's log callback, installed on the first open, so that decoders do not write to
 * stderr: their last lines end up in the error text of the handle they belong to.
 *
 * Shapes    pictures are rows of R,G,B bytes without padding
 * Units     times are in the stream's time base, km_stream_info.time_base seconds each, unless stated
 */
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KM_API __attribute__((visibility("default")))

/* Raised with every change of a signature or struct below; the caller refuses another value. */
#define KM_ABI_VERSION 1

#define KM_NO_TIME INT64_MIN

typedef int32_t km_status;
enum {
  KM_OK = 0,
  KM_END = 1,              /* no further frame or tag */
  KM_NOT_FOUND = 2,
  KM_ACCESS_DENIED = 3,
  KM_NOT_MEDIA = 4,        /* unknown format, or no video in it */
  KM_TRUNCATED = 5,
  KM_CORRUPT = 6,
  KM_INVALID_ARGUMENT = 7,
  KM_MISSING_CODEC = 8,
  KM_DISK_FULL = 9,
  KM_IO = 10,
  KM_OUT_OF_MEMORY = 11,
  KM_INTERNAL = 12
};

typedef struct km_reader km_reader;
typedef struct km_writer km_writer;
typedef struct km_meter km_meter;

typedef struct km_reader_options {
  int32_t stream_index;    /* -1: best video stream */
  int32_t threads;         /* 0: automatic */
  int32_t motion_vectors;  /* 1: export */
  int32_t reserved;
} km_reader_options;

typedef struct km_stream_info {
  int64_t start_time;      /* KM_NO_TIME when unknown */
  int64_t duration;        /* KM_NO_TIME when unknown */
  int64_t frame_count;     /* 0 when unknown */
  int64_t bit_rate;        /* bits per second, 0 when unknown */
  int32_t frame_count_exact;
  int32_t width, height;   /* coded, before rotation */
  int32_t sar_num, sar_den;
  int32_t rotation;        /* degrees clockwise: 0, 90, 180, 270 */
  int32_t mirrored;        /* left to right, before the rotation */
  int32_t avg_rate_num, avg_rate_den;
  int32_t real_rate_num, real_rate_den;
  int32_t time_base_num, time_base_den;
  int32_t bit_depth;
  int32_t has_alpha;
  int32_t has_audio;
  int32_t video_streams;
  int32_t stream_index;
  char container[64], codec[32], pixel_format[32];
  char color_range[32], color_space[32], color_primaries[32], color_transfer[32];
} km_stream_info;

typedef struct km_frame {
  int64_t pts;             /* presentation time */
  int64_t duration;        /* 0 when unknown */
  int32_t width, height;   /* coded, before rotation */
  int32_t key_frame;
  int32_t motion_vectors;  /* how many this frame has */
} km_frame;

/* AVMotionVector widened to 32 bits; positions in coded pixels, displacement in 1/motion_scale pixel. */
typedef struct km_motion_vector {
  int32_t source, width, height, src_x, src_y, dst_x, dst_y, motion_x, motion_y, motion_scale;
} km_motion_vector;

/* Of the 8-bit luma plane. What compares two frames is 0 for the first. */
typedef struct km_luma_measures {
  double mean;                 /* 0..255 */
  double dark_share;           /* of samples in the lowest tenth of the range, 0..1 */
  double difference;           /* mean absolute difference, 0..255 */
  double spatial_information;  /* ITU-T P.910 */
  double temporal_information; /* ITU-T P.910 */
  double motion;               /* VMAF motion */
  int32_t has_previous;
  int32_t reserved;
} km_luma_measures;

enum { KM_BICUBIC = 0, KM_AREA = 1, KM_BILINEAR = 2, KM_LANCZOS = 3 };
enum { KM_MP4 = 1, KM_WEBM = 2 };

typedef struct km_writer_options {
  int32_t format;          /* KM_MP4: H.264, KM_WEBM: VP9 */
  int32_t width, height;
  int32_t rate_num, rate_den; /* frames per second */
  int32_t quality;         /* CRF */
  int32_t lossless;
  int32_t cpu_used;        /* VP9 effort, 0 slowest to 8 fastest */
  char preset[16];         /* x264 effort */
} km_writer_options;

KM_API int32_t km_abi_version(void);
/* Text of the last failure on this thread; valid until the next call on this thread. */
KM_API const char* km_last_error(void);
/* One line with the versions of the libav libraries loaded; valid until the next call on this thread. */
KM_API const char* km_build_info(void);
/* 1 when libavcodec has the named encoder. */
KM_API int32_t km_has_encoder(const char* name);

/* Only the content of this one file or buffer is ever opened: playlists cannot reach further. */
KM_API km_status km_reader_open_file(const char* path, const km_reader_options* options, km_reader** out);
/* The bytes must stay where they are until km_reader_close. */
KM_API km_status km_reader_open_memory(const uint8_t* data, int64_t size, const km_reader_options* options, km_reader** out);
KM_API void km_reader_close(km_reader* reader);
KM_API km_status km_reader_info(km_reader* reader, km_stream_info* out);
/* Tag number `index` of the container followed by those of the stream; KM_END past the last. Valid until close. */
KM_API km_status km_reader_tag(km_reader* reader, int32_t index, const char** key, const char** value);
/* Decodes the next frame in order of presentation and makes it current. After damage: the good frames first, then KM_TRUNCATED or KM_CORRUPT. */
KM_API km_status km_reader_advance(km_reader* reader, km_frame* out);
/* Times of the frame that km_reader_advance would give; the current frame stays. KM_END also before damage, which advance then reports. */
KM_API km_status km_reader_peek(km_reader* reader, km_frame* out);
/* The next km_reader_advance gives the frame on screen at `pts`: the last one not after it, or the first of all. */
KM_API km_status km_reader_seek(km_reader* reader, int64_t pts);
/* What km_reader_copy_packets wrote; no frames where the range has no key frame: then there is no file. */
typedef struct { int64_t first_pts, last_pts; int32_t frames, reserved; } km_copied;
/* Writes the packets of [start, end) without decoding, from the first key frame on, as MP4 beginning at 0. The reader must be opened anew afterwards. */
KM_API km_status km_reader_copy_packets(km_reader* reader, int64_t start, int64_t end, const char* path, km_copied* out);
/* The current frame as RGB of width x height (after rotation when `rotate`); capacity in bytes. */
KM_API km_status km_reader_pixels(km_reader* reader, int32_t width, int32_t height, int32_t filter, int32_t rotate, uint8_t* rgb, int64_t capacity);
/* The current frame's coded picture (no rotation) shrunk bilinearly to rows of B, G, R without padding, for measuring: see analysis.cpp. */
KM_API km_status km_reader_small_bgr(km_reader* reader, int32_t width, int32_t height, uint8_t* bgr, int64_t capacity);
/* The current frame's 8-bit luma at coded size, rows without padding. */
KM_API km_status km_reader_luma(km_reader* reader, uint8_t* luma, int64_t capacity);
/* Measures consecutive frames of one clip; a change of size starts anew. meter.cpp has the definitions. */
KM_API km_status km_meter_open(km_meter** out);
KM_API void km_meter_close(km_meter* meter);
/* The reader's current frame, compared with the frame measured before. */
KM_API km_status km_meter_measure(km_meter* meter, km_reader* reader, km_luma_measures* out);
KM_API km_status km_reader_motion_vectors(km_reader* reader, km_motion_vector* out, int32_t capacity, int32_t* count);

KM_API km_status km_scale_rgb(const uint8_t* source, int32_t source_width, int32_t source_height, uint8_t* target, int32_t target_width, int32_t target_height, int32_t filter);

/* A PNG file of an RGB picture in memory; release with km_free. */
KM_API km_status km_png_encode(const uint8_t* rgb, int32_t width, int32_t height, uint8_t** out, int64_t* size);
KM_API void km_free(uint8_t* buffer);

/* The same frames and options give the same bytes on every machine with the same libraries. */
KM_API km_status km_writer_open(const char* path, const km_writer_options* options, const char* const* keys, const char* const* values, int32_t count, km_writer** out);
KM_API km_status km_writer_write(km_writer* writer, const uint8_t* rgb, int64_t size);
/* Flushes the encoder and completes the file. Without it the file is not playable. */
KM_API km_status km_writer_finish(km_writer* writer);
KM_API void km_writer_close(km_writer* writer);

/* fsync of a file or a directory. */
KM_API km_status km_sync(const char* path);

#ifdef __cplusplus
}
#endif
