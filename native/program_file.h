// A program with all that one run needs, in a file: what `replay` runs without Node.js.
//
// Little-endian; every section starts at a multiple of 8 bytes, padded with zeros.
//   header     8 uint32: magic "ANRF", version 1, program words, storages, externals, repeat, slot bytes, 0
//   program    the words, as session.load() takes them
//   storages   for each, in the order of the program's storage indices: uint64 bytes, then the bytes
//   externals      likewise, in the order of their indices (outputs too: their bytes are what they start from)
//   slots      the slot bytes: repeat * slots words * 4
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace anneal {

constexpr uint32_t kProgramFileMagic = 0x46524E41;  // "ANRF" in little-endian bytes
constexpr uint32_t kProgramFileVersion = 1;

struct ProgramFile {
  std::vector<uint32_t> words;
  std::vector<std::vector<char>> storages, externals;
  std::vector<char> slots;
  uint32_t repeat = 1;
};

// Throw Error(Code::internal, "program file: ...") for bytes that are not such a file. The program itself is verify()'s
// to judge.
ProgramFile parse_program_file(const char* bytes, size_t count);
ProgramFile read_program_file(const std::string& path);

std::vector<char> serialize(const ProgramFile& file);

}  // namespace anneal
