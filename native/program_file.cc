#include "program_file.h"

#include <cstdio>
#include <cstring>
#include <memory>

#include "error.h"

namespace anneal {

namespace {

constexpr size_t kHeaderWords = 8, kSectionAlignment = 8;

constexpr size_t padded(size_t bytes) {
  return (bytes + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment;
}

[[noreturn]] void reject(const std::string& text) { throw Error(Code::internal, "program file: " + text); }

class Reader {
 public:
  Reader(const char* bytes, size_t count) : bytes_(bytes), count_(count) {}

  const char* take(uint64_t bytes) {
    if (bytes > count_ || padded(size_t(bytes)) > count_ - at_) reject("truncated at byte " + std::to_string(at_));
    const char* start = bytes_ + at_;
    at_ += padded(size_t(bytes));
    return start;
  }

  std::vector<char> block() {
    uint64_t bytes;
    std::memcpy(&bytes, take(sizeof bytes), sizeof bytes);
    const char* start = take(bytes);
    return {start, start + bytes};
  }

  bool at_end() const { return at_ == count_; }

 private:
  const char* bytes_;
  size_t count_, at_ = 0;
};

void append(std::vector<char>& to, const void* bytes, size_t count) {
  const char* start = static_cast<const char*>(bytes);
  to.insert(to.end(), start, start + count);
  to.resize(padded(to.size()));
}

void append_block(std::vector<char>& to, const std::vector<char>& block) {
  const uint64_t bytes = block.size();
  append(to, &bytes, sizeof bytes);
  append(to, block.data(), block.size());
}

}  // namespace

ProgramFile parse_program_file(const char* bytes, size_t count) {
  Reader reader(bytes, count);
  uint32_t header[kHeaderWords];
  std::memcpy(header, reader.take(sizeof header), sizeof header);
  if (header[0] != kProgramFileMagic || header[1] != kProgramFileVersion) reject("not a program file of this version");
  ProgramFile file;
  const char* words = reader.take(uint64_t{header[2]} * 4);
  file.words.resize(header[2]);
  if (header[2] > 0) std::memcpy(file.words.data(), words, file.words.size() * 4);
  for (uint32_t i = 0; i < header[3]; i++) file.storages.push_back(reader.block());
  for (uint32_t i = 0; i < header[4]; i++) file.externals.push_back(reader.block());
  file.repeat = header[5];
  const char* slots = reader.take(header[6]);
  file.slots.assign(slots, slots + header[6]);
  if (!reader.at_end()) reject("bytes behind its end");
  return file;
}

ProgramFile read_program_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) reject("cannot open " + path);
  std::vector<char> bytes;
  char block[1 << 16];
  for (size_t n; (n = std::fread(block, 1, sizeof block, file.get())) > 0;) bytes.insert(bytes.end(), block, block + n);
  return parse_program_file(bytes.data(), bytes.size());
}

std::vector<char> serialize(const ProgramFile& file) {
  std::vector<char> bytes;
  const uint32_t header[kHeaderWords] = {kProgramFileMagic,
                                         kProgramFileVersion,
                                         uint32_t(file.words.size()),
                                         uint32_t(file.storages.size()),
                                         uint32_t(file.externals.size()),
                                         file.repeat,
                                         uint32_t(file.slots.size()),
                                         0};
  append(bytes, header, sizeof header);
  append(bytes, file.words.data(), file.words.size() * 4);
  for (const auto& storage : file.storages) append_block(bytes, storage);
  for (const auto& external : file.externals) append_block(bytes, external);
  append(bytes, file.slots.data(), file.slots.size());
  return bytes;
}

}  // namespace anneal
