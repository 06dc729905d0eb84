// What the files of this library share: error handling at the C boundary and tensor handles.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/function.h>
#include <torch/version.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "kinora_torch.h"

#define KN_TORCH_GE(major, minor) (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

// Text of the last error of this thread.
std::string& kn_error_text();

// Every export is a function-try block: no exception crosses the C boundary.
#define KN_TRY try
#define KN_CATCH(failed)                            \
  catch (const c10::Error& e) {                     \
    kn_error_text() = e.what_without_backtrace();   \
    return failed;                                  \
  }                                                 \
  catch (const std::bad_alloc&) {                   \
    kn_error_text() = "out of host memory";         \
    return failed;                                  \
  }                                                 \
  catch (const std::exception& e) {                 \
    kn_error_text() = e.what();                     \
    return failed;                                  \
  }                                                 \
  catch (...) {                                     \
    kn_error_text() = "unknown C++ exception";      \
    return failed;                                  \
  }

#define KN_REQUIRE(condition, what)                                                                             \
  do {                                                                                                          \
    if (!(condition)) throw std::invalid_argument(std::string(__func__) + ": " + (what) + " must not be null"); \
  } while (0)

// A handle is a c10::TensorImpl* that owns one reference.
using kn_impl_ptr = c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;

// A new reference; the handle stays the caller's.
inline at::Tensor kn_borrow_copy(kn_tensor handle) {
  return at::Tensor(kn_impl_ptr::unsafe_reclaim_from_nonowning((c10::TensorImpl*)handle));
}

// The same for an argument that must be there.
inline at::Tensor kn_required(kn_tensor handle, const char* name) {
  if (!handle) throw std::invalid_argument(std::string("tensor ") + name + " is null");
  return kn_borrow_copy(handle);
}

// Takes over the caller's reference.
inline at::Tensor kn_adopt(kn_tensor handle) { return at::Tensor(kn_impl_ptr::reclaim((c10::TensorImpl*)handle)); }

// Passes the reference out; an undefined tensor is null.
inline kn_tensor kn_release_handle(at::Tensor&& t) { return t.defined() ? (kn_tensor)t.unsafeReleaseTensorImpl() : nullptr; }

// autograd::Node is held by shared_ptr in libtorch 1.13 and most of 2.x and by intrusive_ptr later (pytorch#181782). The type of
// Edge::function tells which.
using kn_node_ptr = decltype(torch::autograd::Edge::function);

template <class N, class P = kn_node_ptr> auto kn_make_node() {
  if constexpr (std::is_same_v<P, std::shared_ptr<torch::autograd::Node>>) return std::shared_ptr<N>(new N(), [](auto* n) { deleteNode(n); });
  else return c10::make_intrusive<N>();
}
