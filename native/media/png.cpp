// PNG in memory. The bytes depend on the zlib that libavcodec uses, not on the CPU.
#include "internal.h"

#include <cstring>

extern "C" {

km_status km_png_encode(const uint8_t* rgb, int32_t width, int32_t height, uint8_t** out, int64_t* size) {
  return km::guarded([&]() -> km_status {
    if (!rgb || !out || !size || width < 1 || height < 1) km::fail(KM_INVALID_ARGUMENT, "km_png_encode: null argument or empty size");
    *out = nullptr;
    *size = 0;
    km::LogSink log;
    km::LogScope scope(&log);
    const AVCodec* encoder = avcodec_find_encoder_by_name("png");
    if (encoder == nullptr) km::fail(KM_MISSING_CODEC, "this build of libavcodec has no encoder 'png'");
    km::CodecPtr codec(avcodec_alloc_context3(encoder));
    if (!codec) throw std::bad_alloc();
    codec->opaque = &log;
    codec->width = width;
    codec->height = height;
    codec->pix_fmt = AV_PIX_FMT_RGB24;
    codec->time_base = AVRational{1, 1};
    codec->thread_count = 1;
    codec->flags |= AV_CODEC_FLAG_BITEXACT;
    int code = av_opt_set(codec.get(), "pred", "mixed", AV_OPT_SEARCH_CHILDREN);
    if (code < 0) km::fail_av(code, "png predictor");
    code = avcodec_open2(codec.get(), encoder, nullptr);
    if (code < 0) km::fail(KM_INTERNAL, km::with_log("encoder png: " + km::text_of(code), log));
    km::FramePtr frame = km::new_frame();
    frame->format = AV_PIX_FMT_RGB24;
    frame->width = width;
    frame->height = height;
    code = av_frame_get_buffer(frame.get(), 64);
    if (code < 0) km::fail_av(code, "picture buffer", KM_OUT_OF_MEMORY);
    for (int y = 0; y < height; y++) memcpy(frame->data[0] + static_cast<ptrdiff_t>(y) * frame->linesize[0], rgb + static_cast<size_t>(y) * width * 3, static_cast<size_t>(width) * 3);
    km::PacketPtr packet = km::new_packet();
    code = avcodec_send_frame(codec.get(), frame.get());
    if (code >= 0) code = avcodec_send_frame(codec.get(), nullptr);
    if (code >= 0) code = avcodec_receive_packet(codec.get(), packet.get());
    if (code < 0) km::fail(KM_INTERNAL, km::with_log("encoding failed: " + km::text_of(code), log));
    auto* buffer = static_cast<uint8_t*>(av_malloc(static_cast<size_t>(packet->size)));
    if (buffer == nullptr) throw std::bad_alloc();
    memcpy(buffer, packet->data, static_cast<size_t>(packet->size));
    *out = buffer;
    *size = packet->size;
    return KM_OK;
  });
}

void km_free(uint8_t* buffer) { av_free(buffer); }

}  // extern "C"
