#include "gpu.hpp"

#include <nlohmann/json.hpp>

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace standin {

namespace {

constexpr std::size_t page = 4096, alignment = 256;
constexpr std::size_t most_filled = std::size_t{64} << 20U;  // of memory that nothing has written, so much is NaN

const char* running = nullptr;  // the work that runs

extern "C" void say_fault(int) {
  const auto say = [](const char* text) { static_cast<void>(!write(2, text, std::strlen(text))); };
  say("stand-in GPU: ");
  say(running != nullptr ? running : "the host");
  say(running != nullptr ? " touched memory that it does not name\n" : " touched memory of the device, or none at all\n");
  std::_Exit(139);
}

std::uintptr_t address(const void* data) { return reinterpret_cast<std::uintptr_t>(data); }

}  // namespace

Gpu& Gpu::here() {
  static auto* const gpu = new Gpu;  // never gone: others' static objects use it as they end
  return *gpu;
}

Gpu::Gpu() {
  if (const char* const seed = std::getenv("CXRNET_STANDIN_SEED")) chance_.seed(static_cast<unsigned>(std::atoi(seed)));
  const char* const path = std::getenv("CXRNET_STANDIN_GPU");
  if (path == nullptr) return;
  std::ifstream file(path);
  properties.assign(std::istreambuf_iterator<char>(file), {});
  const auto json = nlohmann::json::parse(properties);
  const std::string name = json.at("deviceName");
  std::strncpy(described.name, name.c_str(), sizeof described.name - 1);
  described.major = json.at("deviceVer").get<int>() / 100;
  described.minor = json.at("deviceVer").get<int>() / 10 % 10;
  described.multiProcessorCount = json.at("multiProcessorCount");
  described.totalGlobalMem = json.at("totalGlobalMem");
  driver = json.at("driverVer");
  std::signal(SIGSEGV, say_fault);
  mallopt(M_MMAP_THRESHOLD, 1 << 30);  // what plans work in is taken again and again
  mallopt(M_TRIM_THRESHOLD, 2147483647);
}

void* Gpu::allocate(std::size_t bytes) {
  if (bytes > free_bytes()) return nullptr;
  Block block;
  block.bytes = bytes;
  const std::size_t size = (bytes + alignment - 1) / alignment * alignment;
  block.mapped = (size + page - 1) / page * page + page;
  void* const mapping = mmap(nullptr, block.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  block.mapping = static_cast<std::byte*>(mapping);
  std::byte* const data = block.mapping + (block.mapped - page - size);
  std::memset(data, 0xFF, std::min(bytes, most_filled));
  mprotect(mapping, block.mapped, PROT_NONE);
  used_ += bytes;
  blocks_.emplace(address(data), block);
  return data;
}

bool Gpu::release(void* data) {
  const auto found = blocks_.find(address(data));
  if (found == blocks_.end()) return false;
  munmap(found->second.mapping, found->second.mapped);
  used_ -= found->second.bytes;
  blocks_.erase(found);
  return true;
}

void* Gpu::allocate_host(std::size_t bytes) {
  void* const data = std::aligned_alloc(page, (std::max<std::size_t>(bytes, 1) + page - 1) / page * page);
  if (data == nullptr) return nullptr;
  std::memset(data, 0xFF, bytes);
  host_.emplace(address(data), bytes);
  return data;
}

bool Gpu::release_host(void* data) {
  if (host_.erase(address(data)) == 0) return false;
  std::free(data);
  return true;
}

const Gpu::Block* Gpu::block_of(const void* data, std::size_t bytes) const {
  auto found = blocks_.upper_bound(address(data));
  if (found == blocks_.begin()) return nullptr;
  --found;
  return address(data) + bytes <= found->first + found->second.bytes ? &found->second : nullptr;
}
bool Gpu::on_device(const void* data, std::size_t bytes) const { return block_of(data, bytes) != nullptr; }
bool Gpu::touches_device(const void* data) const { return block_of(data, 0) != nullptr; }
bool Gpu::pinned(const void* data, std::size_t bytes) const {
  auto found = host_.upper_bound(address(data));
  return found != host_.begin() && (--found, address(data) + bytes <= found->first + found->second);
}

CUstream_st* Gpu::make_stream() { return *streams_.insert(new CUstream_st).first; }
void Gpu::end_stream(CUstream_st* stream) {
  complete(stream);
  streams_.erase(stream);  // what events say of it stays true
}

void Gpu::give(CUstream_st* stream, Work work) {
  if (stream->capture != nullptr) stream->capture->work.push_back(std::move(work));
  else give_task(stream, {.work = std::move(work)});
}
void Gpu::give_task(CUstream_st* stream, CUstream_st::Task task) {
  stream->tasks.push_back(std::move(task));
  ++stream->given;
  let_go_on();
}

void Gpu::run(CUstream_st* stream) {
  const CUstream_st::Task task = std::move(stream->tasks.front());
  stream->tasks.pop_front();
  if (task.behind != nullptr) complete(task.behind, task.until);
  if (task.work.run) run(task.work);
  if (task.reached != nullptr) {
    task.reached->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  ++stream->done;
}

void Gpu::run(const Work& work) {
  if (broken_) return;
  std::set<const Block*> touched;
  for (const Operand& operand : work.operands) {
    if (operand.bytes == 0) continue;
    const Block* const block = block_of(operand.data, operand.bytes);
    if (block == nullptr) return break_down(work.name + " touches memory that is not the device's, or no longer");
    touched.insert(block);
  }
  const auto open = [&](int protection) {
    for (const Block* block : touched) mprotect(block->mapping, block->mapped - page, protection);
  };
  open(PROT_READ | PROT_WRITE);
  running = work.name.c_str();
  work.run();
  running = nullptr;
  open(PROT_NONE);
}

void Gpu::complete(CUstream_st* stream, std::uint64_t until) {
  while (stream->done < until) run(stream);
}
void Gpu::complete_all() {
  complete(&null_);
  for (CUstream_st* stream : streams_) complete(stream);
}
void Gpu::forget(const CUevent_st* event) {
  const auto forget_in = [&](CUstream_st* stream) {
    for (CUstream_st::Task& task : stream->tasks) {
      if (task.reached == event) task.reached = nullptr;
    }
  };
  forget_in(&null_);
  for (CUstream_st* stream : streams_) forget_in(stream);
}

/// Some streams do some of their work.
void Gpu::let_go_on() {
  for (CUstream_st* stream : streams_) {
    if (chance_() % 4 == 0) complete(stream, std::min<std::uint64_t>(stream->given, stream->done + chance_() % 3));
  }
}

void Gpu::break_down(const std::string& what) {
  std::fprintf(stderr, "stand-in GPU: %s\n", what.c_str());
  broken_ = true;
}

}  // namespace standin
