// The direct path of Converter::to_rgb.
#pragma once
#include "internal.h"

namespace km {

// Writes an 8-bit planar YUV frame as packed RGB of the same size; false (nothing written) for formats left to swscale.
bool yuv_to_rgb(const AVFrame* frame, bool full_range, uint8_t* rgb);

}  // namespace km
