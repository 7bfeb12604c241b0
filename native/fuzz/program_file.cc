// libFuzzer: arbitrary bytes as a program file. What is read can be written, and is the same when it is read again.
#include "../program_file.h"

#include <cstdlib>
#include <cstring>
#include <vector>

#include "../error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace anneal;
  std::vector<char> bytes(data, data + size);
  // These two would stop most inputs.
  if (size >= 8) {
    std::memcpy(bytes.data(), &kProgramFileMagic, 4);
    std::memcpy(bytes.data() + 4, &kProgramFileVersion, 4);
  }
  ProgramFile file;
  try {
    file = parse_program_file(bytes.data(), bytes.size());
  } catch (const Error&) {
    return 0;
  }
  const std::vector<char> written = serialize(file);
  const ProgramFile again = parse_program_file(written.data(), written.size());
  if (again.words != file.words || again.storages != file.storages || again.externals != file.externals ||
      again.slots != file.slots || again.repeat != file.repeat)
    std::abort();
  return 0;
}
