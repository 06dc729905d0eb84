// Pictures of a decoded frame that detectors and scorers measure.
#pragma once
#include "internal.h"

#include <vector>

namespace km {

class Analyzer {
 public:
  // Writes the coded picture (no rotation) as width x height rows of B, G, R.
  void small_bgr(const AVFrame* frame, int width, int height, uint8_t* bgr);
  // Writes the 8-bit luma plane at coded size; deeper samples lose their low bits.
  void luma(const AVFrame* frame, uint8_t* out);
  // Whether the frame's first plane is already that.
  static bool luma_is_plane(const AVFrame* frame);

 private:
  Converter converter_;
  std::vector<uint8_t> rgb_;
};

// The frame that km_reader_advance handed out last; null before the first.
const AVFrame* current_frame(const km_reader* reader);

}  // namespace km
