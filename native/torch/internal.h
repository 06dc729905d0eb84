#pragma once
#include "kinora_torch.h"
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <string>
#include <memory>
#include <torch/version.h>
#include <torch/csrc/autograd/function.h>
std::string& kn_err();
#define KN_TRY try
#define KN_CATCH(ret) \
  catch (const c10::Error& e) { kn_err() = e.what_without_backtrace(); return ret; } \
  catch (const std::exception& e) { kn_err() = e.what(); return ret; } \
  catch (...) { kn_err() = "unknown C++ exception"; return ret; }
using kn_iptr = c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
inline at::Tensor kn_borrow_copy(kn_tensor h) {             // +1
  auto p = kn_iptr::unsafe_reclaim_from_nonowning((c10::TensorImpl*)h); return at::Tensor(std::move(p)); }
inline at::Tensor kn_adopt(kn_tensor h) { return at::Tensor(kn_iptr::reclaim((c10::TensorImpl*)h)); }
inline kn_tensor kn_release_handle(at::Tensor&& t) { return (kn_tensor)t.unsafeReleaseTensorImpl(); }

// autograd::Node is shared_ptr-managed up to ~2.1x and intrusive_ptr-managed in newer releases: detect instead of guessing the version
using kn_node_ptr = decltype(torch::autograd::Edge::function);
template <class N, class P = kn_node_ptr> auto kn_make_node() {
  if constexpr (std::is_same_v<P, std::shared_ptr<torch::autograd::Node>>) return std::shared_ptr<N>(new N(), [](auto* n) { deleteNode(n); });
  else return c10::make_intrusive<N>();
}
template <class N, class P = kn_node_ptr> P kn_self(N* n) { if constexpr (std::is_same_v<P, std::shared_ptr<torch::autograd::Node>>) return n->shared_from_this(); else return n->getptr(); }
