// Dense optical flow by OpenCV.
#include "internal.h"

#include <opencv2/video/tracking.hpp>

namespace {

void check(const void* a, const void* b, const void* flow, int32_t width, int32_t height, int32_t least) {
  if (a == nullptr || b == nullptr || flow == nullptr) kv::fail(KV_INVALID_ARGUMENT, "flow: a picture or the result is null");
  if (width < least || height < least || static_cast<int64_t>(width) * height > (int64_t{1} << 28))
    kv::fail(KV_INVALID_ARGUMENT, "flow: sides of at least " + std::to_string(least) + " pixels are needed, got " + std::to_string(width) + "x" + std::to_string(height));
}

cv::Mat gray(const uint8_t* picture, int32_t width, int32_t height) { return cv::Mat(height, width, CV_8UC1, const_cast<uint8_t*>(picture)); }

}  // namespace

extern "C" {

kv_status kv_flow_farneback(const uint8_t* a, const uint8_t* b, int32_t width, int32_t height, const kv_farneback* o, float* flow) {
  return kv::guarded([&] {
    check(a, b, flow, width, height, 2);
    if (o == nullptr || !(o->pyramid_scale > 0 && o->pyramid_scale < 1) || o->levels < 1 || o->window < 2 || o->iterations < 1 || (o->poly_n != 5 && o->poly_n != 7) || !(o->poly_sigma > 0))
      kv::fail(KV_INVALID_ARGUMENT, "farneback: scale in 0..1, at least one level and iteration, a window of at least 2, a neighborhood of 5 or 7 and a positive sigma are needed");
    cv::Mat result(height, width, CV_32FC2, flow);
    cv::calcOpticalFlowFarneback(gray(a, width, height), gray(b, width, height), result, o->pyramid_scale, o->levels, o->window, o->iterations, o->poly_n, o->poly_sigma,
                                 o->gaussian != 0 ? cv::OPTFLOW_FARNEBACK_GAUSSIAN : 0);
    if (result.ptr<float>() != flow) result.copyTo(cv::Mat(height, width, CV_32FC2, flow));
  });
}

kv_status kv_flow_dis(const uint8_t* a, const uint8_t* b, int32_t width, int32_t height, int32_t preset, float* flow) {
  return kv::guarded([&] {
    check(a, b, flow, width, height, 16);
    if (preset < cv::DISOpticalFlow::PRESET_ULTRAFAST || preset > cv::DISOpticalFlow::PRESET_MEDIUM)
      kv::fail(KV_INVALID_ARGUMENT, "dis: presets are 0, 1 and 2, got " + std::to_string(preset));
    cv::Mat result;
    cv::DISOpticalFlow::create(preset)->calc(gray(a, width, height), gray(b, width, height), result);
    result.copyTo(cv::Mat(height, width, CV_32FC2, flow));
  });
}

}  // extern "C"
