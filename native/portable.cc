// Functions that the C++ library and the unwinder of this system ask of its C library, and glibc 2.28 and musl lack.
// Part of the binaries that are shipped (cmake/portable.cmake), and seen by nobody else.
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include <cstdint>

extern "C" {

// Set while a process has had one thread only, which spares atomic counts their fences.
extern char __libc_single_threaded;
char __libc_single_threaded = 0;

int __pthread_key_create(pthread_key_t* key, void (*destroy)(void*)) { return pthread_key_create(key, destroy); }

#ifdef DLFO_STRUCT_HAS_EH_DBASE

// Addresses of a loaded object's code and its table of frames.
static int find_in(dl_phdr_info* object, size_t, void* data) {
  auto& found = *static_cast<dl_find_object*>(data);
  const auto wanted = reinterpret_cast<uintptr_t>(found.dlfo_map_start);
  const ElfW(Phdr)* code = nullptr, *frames = nullptr;
  for (const ElfW(Phdr)* part = object->dlpi_phdr; part < object->dlpi_phdr + object->dlpi_phnum; part++) {
    const uintptr_t start = object->dlpi_addr + part->p_vaddr;
    if (part->p_type == PT_LOAD && wanted >= start && wanted < start + part->p_memsz) code = part;
    if (part->p_type == PT_GNU_EH_FRAME) frames = part;
  }
  if (!code || !frames) return 0;
  const uintptr_t start = object->dlpi_addr + code->p_vaddr;
  found.dlfo_map_start = reinterpret_cast<void*>(start);
  found.dlfo_map_end = reinterpret_cast<void*>(start + code->p_memsz);
  found.dlfo_eh_frame = reinterpret_cast<void*>(object->dlpi_addr + frames->p_vaddr);
  return 1;
}

// Finds the frames of an address for the unwinder, since glibc 2.35.
int _dl_find_object(void* address, dl_find_object* found) {
  *found = {};
  found->dlfo_map_start = address;
  return dl_iterate_phdr(find_in, found) == 1 ? 0 : -1;
}

#endif

}  // extern "C"
