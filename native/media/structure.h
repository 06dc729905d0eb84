// Whether a file ends before its own framing says it does.
#pragma once
#include <cstdint>
#include <string>

namespace km {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual int64_t size() const = 0;
  // Bytes read, fewer at the end, or a negative libav code.
  virtual int read_at(int64_t position, uint8_t* out, int count) = 0;
};

struct Structure {
  bool truncated = false;
  std::string text;
};

// Looks only at the outermost framing (boxes, chunks, segment sizes, end markers) of the formats that have one.
Structure examine(ByteSource& source);

}  // namespace km
