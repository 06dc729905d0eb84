// The outermost framing of container and image formats, walked without decoding anything.
//
// Sources  ISO/IEC 14496-12 4.2 (boxes), RFC 8794 (EBML), PNG 5.3, ITU-T T.81 annex B (JPEG markers), GIF89a,
//          RIFF (AVI, WebP), BMP file header.
#include "structure.h"

#include <cstring>
#include <vector>

namespace km {
namespace {

uint64_t big(const uint8_t* p, int bytes) {
  uint64_t v = 0;
  for (int i = 0; i < bytes; i++) v = v << 8 | p[i];
  return v;
}

uint32_t little32(const uint8_t* p) { return p[0] | p[1] << 8 | p[2] << 16 | static_cast<uint32_t>(p[3]) << 24; }

Structure whole() { return {}; }

Structure cut(const std::string& what, uint64_t expected, int64_t size) {
  return {true, "it is truncated: " + what + " should end at byte " + std::to_string(expected) + ", the file has " + std::to_string(size)};
}

Structure cut(const std::string& what) { return {true, "it is truncated: " + what}; }

Structure boxes(ByteSource& s) {
  const int64_t size = s.size();
  int64_t at = 0;
  bool movie = false, media = false;
  while (at < size) {
    uint8_t h[16];
    if (s.read_at(at, h, 16) < 8) return cut("a box header breaks off at byte " + std::to_string(at));
    std::string type(reinterpret_cast<char*>(h) + 4, 4);
    for (char& c : type) if (c < 32 || c > 126) return whole();  // not boxes any more: trailing foreign bytes
    uint64_t length = big(h, 4);
    if (length == 1) length = big(h + 8, 8);
    else if (length == 0) length = static_cast<uint64_t>(size - at);
    if (length < 8) return whole();
    movie |= type == "moov" || type == "moof";
    media |= type == "mdat";
    if (length > static_cast<uint64_t>(size - at)) return cut("box '" + type + "'", static_cast<uint64_t>(at) + length, size);
    at += static_cast<int64_t>(length);
  }
  if (media && !movie) return cut("it has media data but no index ('moov')");
  return whole();
}

Structure matroska(ByteSource& s) {
  int64_t at = 0;
  for (int element = 0; element < 2; element++) {
    uint8_t h[16] = {0};
    int n = s.read_at(at, h, 16);
    if (n < 5) return cut("the EBML header breaks off");
    int id_length = 1;
    while (id_length <= 4 && !(h[0] & (0x80 >> (id_length - 1)))) id_length++;
    if (id_length > 4) return whole();
    uint8_t first = h[id_length];
    int length_length = 1;
    while (length_length <= 8 && !(first & (0x80 >> (length_length - 1)))) length_length++;
    if (length_length > 8) return whole();
    uint64_t mask = (1ULL << (7 * length_length)) - 1;
    uint64_t length = big(h + id_length, length_length) & mask;
    if (length == mask) return whole();  // unknown size: a live stream
    uint64_t end = static_cast<uint64_t>(at) + id_length + length_length + length;
    if (end > static_cast<uint64_t>(s.size())) return cut(element == 0 ? "the EBML header" : "the segment", end, s.size());
    at = static_cast<int64_t>(end);
  }
  return whole();
}

Structure png(ByteSource& s) {
  int64_t at = 8;
  for (;;) {
    uint8_t h[8];
    if (s.read_at(at, h, 8) < 8) return cut("the image ends before its IEND chunk");
    uint64_t end = static_cast<uint64_t>(at) + 12 + big(h, 4);
    if (end > static_cast<uint64_t>(s.size())) return cut("chunk '" + std::string(reinterpret_cast<char*>(h) + 4, 4) + "'", end, s.size());
    if (memcmp(h + 4, "IEND", 4) == 0) return whole();
    at = static_cast<int64_t>(end);
  }
}

Structure jpeg(ByteSource& s) {
  const int64_t size = s.size();
  int64_t at = 2;
  // Marker segments up to the first scan; thumbnails with their own markers are inside APP segments and skipped with them.
  for (;;) {
    uint8_t h[4];
    if (s.read_at(at, h, 4) < 4) return cut("the image ends before its first scan");
    if (h[0] != 0xff) return whole();
    if (h[1] == 0xff) { at++; continue; }
    if (h[1] == 0xd9) return whole();
    if (h[1] == 0x01 || (h[1] >= 0xd0 && h[1] <= 0xd8)) { at += 2; continue; }
    at += 2 + static_cast<int64_t>(big(h + 2, 2));
    if (h[1] == 0xda) break;
  }
  std::vector<uint8_t> block(64 * 1024);
  bool marker = false;
  while (at < size) {
    int n = s.read_at(at, block.data(), static_cast<int>(block.size()));
    if (n <= 0) break;
    for (int i = 0; i < n; i++) {
      if (marker && block[i] == 0xd9) return whole();
      marker = block[i] == 0xff;
    }
    at += n;
  }
  return cut("the image ends before its end marker");
}

Structure gif(ByteSource& s) {
  uint8_t h[13];
  if (s.read_at(0, h, 13) < 13) return cut("the GIF header breaks off");
  int64_t at = 13 + ((h[10] & 0x80) ? 3LL << ((h[10] & 7) + 1) : 0);
  for (;;) {
    uint8_t b[10];
    if (s.read_at(at, b, 1) < 1) return cut("the GIF ends before its trailer");
    if (b[0] == 0x3b) return whole();
    if (b[0] == 0x21) {
      at += 2;
    } else if (b[0] == 0x2c) {
      if (s.read_at(at, b, 10) < 10) return cut("a GIF image descriptor breaks off");
      at += 11 + ((b[9] & 0x80) ? 3LL << ((b[9] & 7) + 1) : 0);
    } else {
      return whole();  // not a block: the decoder decides
    }
    for (;;) {
      if (s.read_at(at, b, 1) < 1) return cut("a GIF block breaks off");
      at += 1 + b[0];
      if (b[0] == 0) break;
    }
  }
}

}  // namespace

Structure examine(ByteSource& s) {
  uint8_t h[16] = {0};
  const int64_t size = s.size();
  if (size == 0) return cut("it is empty");
  int n = s.read_at(0, h, 16);
  if (n < 4) return whole();
  if (memcmp(h, "\x89PNG\r\n\x1a\n", 8) == 0) return png(s);
  if (h[0] == 0xff && h[1] == 0xd8 && h[2] == 0xff) return jpeg(s);
  if (memcmp(h, "GIF8", 4) == 0) return gif(s);
  if (memcmp(h, "\x1a\x45\xdf\xa3", 4) == 0) return matroska(s);
  if (memcmp(h, "RIFF", 4) == 0) {
    uint64_t end = 8ULL + little32(h + 4);
    if (end > static_cast<uint64_t>(size)) return cut("the RIFF chunk", end, size);
    return whole();
  }
  if (h[0] == 'B' && h[1] == 'M' && n >= 14) {
    uint64_t end = little32(h + 2);
    if (h[6] == 0 && h[7] == 0 && h[8] == 0 && h[9] == 0 && end > static_cast<uint64_t>(size)) return cut("the bitmap", end, size);
    return whole();
  }
  if (n >= 8 && (memcmp(h + 4, "ftyp", 4) == 0 || memcmp(h + 4, "moov", 4) == 0 || memcmp(h + 4, "mdat", 4) == 0 || memcmp(h + 4, "wide", 4) == 0 || memcmp(h + 4, "styp", 4) == 0)) return boxes(s);
  return whole();
}

}  // namespace km
