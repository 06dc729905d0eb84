// Where a picture looks like text: shapes that differ from their neighborhood by one color, have the fill and stroke of letters, and stand in a row.
//
//   1. Shapes: connected pixels that are brighter (or darker) than the mean around them by a little, and by much; at the picture's size and, for large letters,
//      at half of it.
//   2. Letters: shapes of a letter's aspect and fill, inside the picture, of one gray level.
//   3. Rows: letters of like height, gray level and stroke that overlap vertically and stand close. A row of three letters on one base line is a line.
#include "internal.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <opencv2/imgproc.hpp>

namespace {

constexpr int kWindow = 31, kContrasts[] = {28, 72}, kLeastHeight = 6, kLeastLetters = 3, kMostLetters = 3000;
constexpr float kLeastFill = 0.15f, kMostFill = 0.92f, kWidest = 2.2f, kMostSpread = 0.6f, kHeightRatio = 2.0f, kGapHeights = 1.1f, kGrayStep = 0.35f, kLeastGrayStep = 24, kStrokeRatio = 2.2f;

struct Letter {
  float left, top, right, bottom, gray, contrast, stroke;
  float height() const { return bottom - top; }
};

struct Row {
  cv::Rect2f box;
  bool bright;
  float letters;
};

std::vector<Letter> letters_of(const cv::Mat& gray, const cv::Mat& mean, bool bright, int contrast) {
  cv::Mat shapes, labels, stats, centers;
  if (bright) cv::compare(gray, mean + contrast, shapes, cv::CMP_GT);
  else cv::compare(gray, mean - contrast, shapes, cv::CMP_LT);
  const int n = cv::connectedComponentsWithStats(shapes, labels, stats, centers, 8, CV_32S);
  const int height = gray.rows, width = gray.cols;
  std::vector<int> kept(n, -1);
  std::vector<Letter> letters;
  for (int i = 1; i < n && static_cast<int>(letters.size()) < kMostLetters; i++) {
    const int* s = stats.ptr<int>(i);
    const int x = s[cv::CC_STAT_LEFT], y = s[cv::CC_STAT_TOP], w = s[cv::CC_STAT_WIDTH], h = s[cv::CC_STAT_HEIGHT], area = s[cv::CC_STAT_AREA];
    const float fill = static_cast<float>(area) / (w * h);
    if (h < kLeastHeight || h > height / 2 || w > kWidest * h || fill < kLeastFill || (fill > kMostFill && w > h / 3)) continue;
    if (x <= 0 || y <= 0 || x + w >= width || y + h >= height) continue;
    kept[i] = static_cast<int>(letters.size());
    letters.push_back({static_cast<float>(x), static_cast<float>(y), static_cast<float>(x + w), static_cast<float>(y + h), 0, 0, 0});
  }
  // Gray level and its spread over each letter; its stroke is twice its area over its outline.
  std::vector<double> sum(letters.size()), squares(letters.size()), ground(letters.size()), area(letters.size()), outline(letters.size());
  for (size_t k = 0, i = 1; i < kept.size(); i++) {
    if (kept[i] < 0) continue;
    const int* s = stats.ptr<int>(static_cast<int>(i));
    for (int y = s[cv::CC_STAT_TOP]; y < s[cv::CC_STAT_TOP] + s[cv::CC_STAT_HEIGHT]; y++) {
      const int* label = labels.ptr<int>(y);
      const int *above = labels.ptr<int>(y - 1), *below = labels.ptr<int>(y + 1);
      const uint8_t *row = gray.ptr(y), *around = mean.ptr(y);
      for (int x = s[cv::CC_STAT_LEFT]; x < s[cv::CC_STAT_LEFT] + s[cv::CC_STAT_WIDTH]; x++) {
        const int id = static_cast<int>(i);
        if (label[x] != id) continue;
        area[k]++;
        sum[k] += row[x];
        ground[k] += around[x];
        squares[k] += row[x] * row[x];
        outline[k] += (label[x - 1] != id) + (label[x + 1] != id) + (above[x] != id) + (below[x] != id);
      }
    }
    k++;
  }
  std::vector<Letter> uniform;
  for (size_t k = 0; k < letters.size(); k++) {
    const double mean_gray = sum[k] / area[k], stands_out = std::abs(mean_gray - ground[k] / area[k]), spread = std::sqrt(std::max(0.0, squares[k] / area[k] - mean_gray * mean_gray));
    letters[k].gray = static_cast<float>(mean_gray);
    letters[k].contrast = static_cast<float>(stands_out);
    // An outline of edges is longer than one of arcs by about 4/π.
    letters[k].stroke = static_cast<float>(2 * area[k] / (outline[k] * 0.785));
    if (spread <= kMostSpread * stands_out && letters[k].stroke <= 0.6f * letters[k].height()) uniform.push_back(letters[k]);
  }
  return uniform;
}

bool joins(const Letter& a, const Letter& b) {
  const float ha = a.height(), hb = b.height(), low = std::min(ha, hb), high = std::max(ha, hb);
  const float overlap = std::min(a.bottom, b.bottom) - std::max(a.top, b.top), gap = std::max(a.left, b.left) - std::min(a.right, b.right);
  return high <= kHeightRatio * low && overlap >= 0.6f * low && gap <= kGapHeights * low && std::abs(a.gray - b.gray) <= std::max(kLeastGrayStep, kGrayStep * std::min(a.contrast, b.contrast)) &&
         std::max(a.stroke, b.stroke) <= kStrokeRatio * std::min(a.stroke, b.stroke);
}

void rows_of(std::vector<Letter> letters, bool bright, float scale, std::vector<Row>& rows) {
  std::sort(letters.begin(), letters.end(), [](const Letter& a, const Letter& b) { return a.left != b.left ? a.left < b.left : a.top < b.top; });
  std::vector<int> parent(letters.size());
  std::iota(parent.begin(), parent.end(), 0);
  auto root = [&](int i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
  };
  float widest = 0, tallest = 0;
  for (const auto& l : letters) widest = std::max(widest, l.right - l.left), tallest = std::max(tallest, l.height());
  for (size_t i = 0; i < letters.size(); i++) {
    for (size_t j = i + 1; j < letters.size() && letters[j].left <= letters[i].right + kGapHeights * letters[i].height(); j++)
      if (joins(letters[i], letters[j])) parent[root(static_cast<int>(j))] = root(static_cast<int>(i));
  }
  std::vector<std::vector<int>> groups(letters.size());
  for (size_t i = 0; i < letters.size(); i++) groups[root(static_cast<int>(i))].push_back(static_cast<int>(i));
  for (const auto& group : groups) {
    if (static_cast<int>(group.size()) < kLeastLetters) continue;
    float left = 1e9f, top = 1e9f, right = 0, bottom = 0, height = 0;
    std::vector<float> bases;
    for (int i : group) {
      const Letter& l = letters[i];
      left = std::min(left, l.left), top = std::min(top, l.top), right = std::max(right, l.right), bottom = std::max(bottom, l.bottom);
      height += l.height() / group.size();
      bases.push_back(l.bottom);
    }
    // Most letters of a line stand on one base line; a heap of leaves does not. The line is as tall as its letters.
    std::nth_element(bases.begin(), bases.begin() + bases.size() / 2, bases.end());
    const float base = bases[bases.size() / 2];
    const auto on_base = std::count_if(group.begin(), group.end(), [&](int i) { return std::abs(letters[i].bottom - base) <= 0.15f * height + 1; });
    if (on_base < 0.6 * group.size() || bottom - top > 2.2f * height || right - left < 1.5f * height) continue;
    rows.push_back({cv::Rect2f(left * scale, top * scale, (right - left) * scale, (bottom - top) * scale), bright, static_cast<float>(on_base)});
  }
}

void find(const cv::Mat& gray, float scale, std::vector<Row>& rows) {
  cv::Mat mean;
  cv::blur(gray, mean, cv::Size(kWindow, kWindow), cv::Point(-1, -1), cv::BORDER_REPLICATE);
  // Bright letters on a bright spot are apart only at a high contrast, faint ones stand out only at a low one.
  for (int contrast : kContrasts)
    for (bool bright : {true, false}) rows_of(letters_of(gray, mean, bright, contrast), bright, scale, rows);
}

}  // namespace

extern "C" {

kv_status kv_text_find(const uint8_t* picture, int32_t width, int32_t height, kv_line* lines, int32_t capacity, int32_t* count) {
  return kv::guarded([&] {
    if (picture == nullptr || lines == nullptr || count == nullptr || width < 1 || height < 1 || capacity < 0 || static_cast<int64_t>(width) * height > (int64_t{1} << 28))
      kv::fail(KV_INVALID_ARGUMENT, "kv_text_find: an argument is null or a size is impossible");
    *count = 0;
    const cv::Mat gray(height, width, CV_8UC1, const_cast<uint8_t*>(picture));
    std::vector<Row> rows;
    find(gray, 1, rows);
    if (width >= 2 * kWindow && height >= 2 * kWindow) {
      cv::Mat half;
      cv::resize(gray, half, cv::Size(width / 2, height / 2), 0, 0, cv::INTER_AREA);
      find(half, 2, rows);
    }
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.letters != b.letters ? a.letters > b.letters : a.box.y != b.box.y ? a.box.y < b.box.y : a.box.x < b.box.x; });
    std::vector<Row> kept;
    for (const Row& row : rows) {
      // The same line at another size or contrast, a part of it, or its shadow; a heap of shapes around it is another thing.
      const bool known = std::any_of(kept.begin(), kept.end(), [&](const Row& k) {
        return (k.box & row.box).area() > 0.5f * std::min(k.box.area(), row.box.area()) && std::max(k.box.height, row.box.height) < 1.6f * std::min(k.box.height, row.box.height);
      });
      if (!known) kept.push_back(row);
    }
    for (const Row& row : kept) {
      if (*count == capacity) break;
      const int x = std::max(0, static_cast<int>(std::floor(row.box.x))), y = std::max(0, static_cast<int>(std::floor(row.box.y)));
      const int right = std::min(width, static_cast<int>(std::ceil(row.box.br().x))), bottom = std::min(height, static_cast<int>(std::ceil(row.box.br().y)));
      lines[(*count)++] = {x, y, right - x, bottom - y, row.bright ? 1 : 0, row.letters};
    }
  });
}

}  // extern "C"
