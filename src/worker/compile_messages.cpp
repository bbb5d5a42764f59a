#include "worker/compile_messages.hpp"

#include "cache/bytes.hpp"

namespace ak {

std::string encode(const CompilerSetUp& set_up) {
  ByteWriter writer;
  writer.put(set_up.cpu_seconds), writer.put(std::string_view(set_up.nvrtc));
  return writer.bytes();
}

std::optional<CompilerSetUp> decode_set_up(std::string_view frame) {
  ByteReader reader(frame);
  CompilerSetUp set_up;
  set_up.cpu_seconds = reader.real(), set_up.nvrtc = reader.text();
  return reader.whole(std::move(set_up));
}

std::string encode(const CompileRequest& request) {
  ByteWriter writer;
  writer.put(request.number), writer.put(request.niceness), writer.put(request.contraction == Contraction::off);
  writer.put(std::string_view(request.arch)), writer.put(std::string_view(request.source));
  return writer.bytes();
}

std::optional<CompileRequest> decode_compile_request(std::string_view frame) {
  ByteReader reader(frame);
  CompileRequest request;
  request.number = reader.get<std::uint64_t>(), request.niceness = reader.get<int>();
  request.contraction = reader.flag() ? Contraction::off : Contraction::on;
  request.arch = reader.text(), request.source = reader.text();
  return reader.whole(std::move(request));
}

std::string encode(const CompileReply& reply) {
  const Compiled& compiled = reply.compiled;
  ByteWriter writer;
  writer.put(reply.number), writer.put(std::string_view(reply.version)), writer.put(std::string_view(reply.missing));
  writer.put(std::string_view(compiled.cubin)), writer.put(std::string_view(compiled.log));
  writer.put(std::string_view(compiled.failure)), writer.put(compiled.registers), writer.put(compiled.spill_bytes);
  writer.put(compiled.degraded), writer.put(compiled.seconds);
  return writer.bytes();
}

std::optional<CompileReply> decode_compile_reply(std::string_view frame) {
  ByteReader reader(frame);
  CompileReply reply;
  reply.number = reader.get<std::uint64_t>(), reply.version = reader.text(), reply.missing = reader.text();
  Compiled& compiled = reply.compiled;
  compiled.cubin = reader.text(), compiled.log = reader.text(), compiled.failure = reader.text();
  compiled.registers = reader.get<int>(), compiled.spill_bytes = reader.get<int>();
  compiled.degraded = reader.flag(), compiled.seconds = reader.real();
  return reader.whole(std::move(reply));
}

}  // namespace ak
