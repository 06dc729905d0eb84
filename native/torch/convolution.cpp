// kinora::conv2d and kinora::conv3d: ATen's convolutions, except that inference of 3×3 filters on the CPU runs by minimal filtering
// (kernels/winograd.h) where that is faster.
//
// Layouts   results of the fast form are channels-last; input that is not is copied into that form first.
// Numerics  the fast form rounds differently: on float32 its error is a few times that of the definition, about 1e-6 of the largest
//           result; on bf16 it is smaller, because sums and products are float32.

#include <ATen/core/Tensor.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <torch/library.h>

#include "cpu_level.h"

namespace {

using at::Tensor;
using OptionalTensor = c10::optional<Tensor>;
using Ints = c10::IntArrayRef;

constexpr int64_t kStep = 4;                        // pixels of a tile's side
constexpr int64_t kPoints = 36;                     // products of a tile
constexpr int64_t kTilesOfUnit = 96;                // tiles multiplied by one thread at once
constexpr int64_t kTransformedTiles = 24 << 20;     // bytes of V held at once, about
constexpr int64_t kTransformedFilters = 12 << 20;   // bytes of U held at once, about, when every tile is multiplied with them at once
constexpr int64_t kReusedFilters = 48 << 20;        // the same when they serve several batches of tiles
constexpr int64_t kFewestTiles = 24;                // with fewer, transforming the filters costs more than is saved

bool is(const Ints& values, int64_t first, int64_t others) {
  for (size_t i = 0; i < values.size(); i++)
    if (values[i] != (i == 0 ? first : others)) return false;
  return true;
}

int64_t tiles_across(int64_t extent) { return (extent + kStep - 1) / kStep; }

struct Geometry {
  int64_t samples, x_frames, frames, x_height, x_width, height, width;
};

// Whether the fast form serves; x [B, C, H, W] or [B, C, F, H, W], padding of rows and columns equal and 0 or 1, none of frames.
bool is_fast(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, Ints stride, Ints padding, Ints dilation, int64_t groups, int doublings, Geometry& g) {
  const int64_t n = x.dim() - 2;
  if (!x.device().is_cpu() || x.layout() != at::kStrided || (n != 2 && n != 3) || weight.dim() != x.dim() || groups != 1) return false;
  if (x.scalar_type() != weight.scalar_type() || (x.scalar_type() != at::kFloat && x.scalar_type() != at::kBFloat16)) return false;
  const bool has_bias = bias && bias->defined();
  if (c10::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad() || (has_bias && bias->requires_grad()))) return false;
  if ((int64_t)padding.size() != n || !is(stride, 1, 1) || !is(dilation, 1, 1)) return false;
  const int64_t pad = padding[n - 1];
  if (pad < 0 || pad > 1 || padding[n - 2] != pad || (n == 3 && padding[0] != 0)) return false;
  if (weight.size(-1) != 3 || weight.size(-2) != 3 || weight.size(1) != x.size(1) || weight.size(0) % 16 != 0 || x.size(1) % 16 != 0) return false;
  if (has_bias && (bias->dim() != 1 || bias->size(0) != weight.size(0))) return false;
  const int64_t taps = n == 3 ? weight.size(2) : 1;
  g.samples = x.size(0);
  g.x_frames = n == 3 ? x.size(2) : 1;
  g.frames = g.x_frames - taps + 1;
  g.x_height = x.size(-2) << doublings;
  g.x_width = x.size(-1) << doublings;
  g.height = g.x_height + 2 * pad - 2;
  g.width = g.x_width + 2 * pad - 2;
  if (g.samples < 1 || g.frames < 1 || g.height < 1 || g.width < 1) return false;
  const int64_t tiles = g.samples * g.frames * tiles_across(g.height) * tiles_across(g.width);
  // Edges that no tile fits waste products: 36 of a tile against 9 of a result.
  return tiles >= kFewestTiles && tiles * kPoints * 3 < g.samples * g.frames * g.height * g.width * 9 * 2;
}

Tensor run(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, int64_t padding, int doublings, const Geometry& g) {
  at::AutoDispatchBelowADInplaceOrView below;
  const bool clip = x.dim() == 5;
  Tensor xd = x.stride(1) == 1 ? x : x.contiguous(clip ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::ChannelsLast);
  Tensor w = weight.contiguous(), b = bias && bias->defined() ? bias->to(at::kFloat).contiguous() : Tensor();
  const int64_t filters = w.size(0);
  Tensor y = at::empty({g.samples, g.frames, g.height, g.width, filters}, x.options());
  kn_winograd_args a{};
  a.channels = x.size(1);
  a.filters = filters;
  a.taps = clip ? w.size(2) : 1;
  a.height = g.height;
  a.width = g.width;
  a.frames_per_sample = g.frames;
  a.x_height = g.x_height;
  a.x_width = g.x_width;
  a.padding = padding;
  a.doublings = doublings;
  a.x_sample = xd.stride(0);
  a.x_frame = clip ? xd.stride(2) : 0;
  a.x_row = xd.stride(-2);
  a.x_pixel = xd.stride(-1);
  a.x_bf16 = x.scalar_type() == at::kBFloat16;
  a.weight_bf16 = w.scalar_type() == at::kBFloat16;
  a.x = xd.data_ptr();
  a.weight = w.data_ptr();
  a.bias = b.defined() ? b.data_ptr<float>() : nullptr;
  Tensor zeros = at::zeros({a.channels}, x.options());
  a.zeros = zeros.data_ptr();
  a.y = y.data_ptr();

  const auto& kernels = kn_active_kernels();
  const int64_t inner = a.taps * a.channels, tiles = g.samples * g.frames * tiles_across(g.height) * tiles_across(g.width);
  // All that is held is cut to about the size of the last-level cache: a batch of tiles, and a batch of groups of filters.
  const int64_t tile_bytes = kPoints * inner * (int64_t)sizeof(float);
  int64_t batch = std::max(2 * kTilesOfUnit, kTransformedTiles / tile_bytes / kTilesOfUnit * kTilesOfUnit);
  batch = std::min(tiles, batch);
  a.v_point = batch * inner + 16;      // off a multiple of the cache's stride
  Tensor v = at::empty({kPoints * a.v_point}, at::kFloat);
  const int64_t group_width = kernels.winograd_filter_group, groups = (filters + group_width - 1) / group_width;
  const int64_t group_floats = kernels.winograd_group_floats(&a), held_filters = batch < tiles ? kReusedFilters : kTransformedFilters;
  const int64_t group_batch = std::max<int64_t>(1, std::min(groups, held_filters / (group_floats * (int64_t)sizeof(float))));
  Tensor u = at::empty({group_batch * group_floats}, at::kFloat);
  float *pv = v.data_ptr<float>(), *pu = u.data_ptr<float>();
  int64_t held = -1;                   // first group in u
  for (int64_t tile = 0; tile < tiles; tile += batch) {
    const int64_t count = std::min(batch, tiles - tile), few = 8;
    kn_parallel_units((count + few - 1) / few, [&](int64_t i) { kernels.winograd_tiles(&a, tile, tile + i * few, tile + std::min(count, (i + 1) * few), pv); });
    for (int64_t group = 0; group < groups; group += group_batch) {
      const int64_t some = std::min(group_batch, groups - group), steps = a.channels / 16;
      float* base = pu - group * group_floats;
      if (held != group) kn_parallel_units(some * steps, [&](int64_t i) { kernels.winograd_filters(&a, group + i / steps, i % steps * 16, base); });
      held = group;
      const int64_t units = (count + kTilesOfUnit - 1) / kTilesOfUnit;
      kn_parallel_units(units * some, [&](int64_t i) {
        const int64_t first = i / some * kTilesOfUnit, last = std::min(count, first + kTilesOfUnit);
        float* scratch = (float*)kn_thread_scratch(kernels.winograd_scratch_floats(last - first) * (int64_t)sizeof(float));
        kernels.winograd_products(&a, group + i % some, tile, tile + first, tile + last, pv, base, scratch);
      });
    }
  }
  return clip ? y.permute({0, 4, 1, 2, 3}) : y.squeeze(1).permute({0, 3, 1, 2});
}

Tensor conv2d(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, Ints stride, Ints padding, Ints dilation, int64_t groups, bool doubled) {
  Geometry g;
  if (is_fast(x, weight, bias, stride, padding, dilation, groups, doubled, g)) return run(x, weight, bias, padding[0], doubled, g);
  return at::conv2d(doubled ? at::upsample_nearest2d(x, Ints({2 * x.size(2), 2 * x.size(3)})) : x, weight, bias, stride, padding, dilation, groups);
}

Tensor conv3d(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, Ints stride, Ints padding, Ints dilation, int64_t groups) {
  Geometry g;
  if (is_fast(x, weight, bias, stride, padding, dilation, groups, 0, g)) return run(x, weight, bias, padding[1], 0, g);
  return at::conv3d(x, weight, bias, stride, padding, dilation, groups);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(kinora, m) {
  m.def("conv2d(Tensor x, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] dilation=1, int groups=1, bool doubled=False) -> Tensor");
  m.def("conv3d(Tensor x, Tensor weight, Tensor? bias=None, int[3] stride=1, int[3] padding=0, int[3] dilation=1, int groups=1) -> Tensor");
}

TORCH_LIBRARY_IMPL(kinora, CompositeImplicitAutograd, m) {
  m.impl("conv2d", conv2d);
  m.impl("conv3d", conv3d);
}
