// Streams, captures, events, graphs.
#include <algorithm>

#include "fake_gpu.hpp"

using namespace fake;

namespace {

CUresult broken(Stream& stream) {
  invalidate(*stream.capture);
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

// The legacy stream waits for every blocking one: while one of those captures, using it would tie the two.
bool implicit(CUstream handle) {
  if (handle && handle != CU_STREAM_LEGACY) return false;
  bool any = false;
  for (const auto& capture : state().captures)
    if (capture->blocking) invalidate(*capture), any = true;
  return any;
}

CUstreamCaptureStatus status_of(const Stream& stream) {
  if (!stream.capture) return CU_STREAM_CAPTURE_STATUS_NONE;
  return stream.capture->valid ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_INVALIDATED;
}

void gone(fake::Graph& graph) {
  graph.alive = false;
  graph.held.clear();
}

void leave(const std::shared_ptr<Capture>& capture) {
  std::erase(state().captures, capture);
  for (Object* object : state().objects)
    if (auto* stream = dynamic_cast<Stream*>(object); stream && stream->capture == capture) stream->capture = nullptr;
}

}  // namespace

#define FAKE_STREAM(handle)                    \
  Stream* const stream = frame.stream(handle); \
  if (!stream) return frame(frame.failure)
#define FAKE_EVENT(handle)                                             \
  Event* const event = frame.find<Event>(handle, "its event is gone"); \
  if (!event) return frame(frame.failure)

extern "C" {

CUresult cuCtxGetStreamPriorityRange(int* least, int* most) {
  FAKE_FRAME("cuCtxGetStreamPriorityRange");
  if (!frame.context()) return frame(frame.failure);
  *least = 0, *most = -5;
  return frame(CUDA_SUCCESS);
}

CUresult cuStreamCreateWithPriority(CUstream* out, unsigned flags, int) {
  FAKE_FRAME("cuStreamCreateWithPriority");
  Context* const context = frame.context();
  if (!context) return frame(frame.failure);
  auto* stream = made<Stream>(context);
  stream->id = state().next_id++;
  stream->blocking = !(flags & CU_STREAM_NON_BLOCKING);
  *out = reinterpret_cast<CUstream>(stream);
  return frame(CUDA_SUCCESS);
}

CUresult cuStreamDestroy(CUstream handle) {
  FAKE_FRAME("cuStreamDestroy", handle);
  FAKE_STREAM(handle);
  return stream->alive = false, frame(CUDA_SUCCESS);
}

CUresult cuStreamSynchronize(CUstream handle) {
  FAKE_FRAME("cuStreamSynchronize", handle);
  FAKE_STREAM(handle);
  if (stream->capture) return frame(broken(*stream));
  return frame(frame.forbidden() ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS);
}

CUresult cuStreamQuery(CUstream handle) {
  FAKE_FRAME("cuStreamQuery", handle);
  FAKE_STREAM(handle);
  if (stream->capture) return frame(broken(*stream));
  if (frame.forbidden()) return frame(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  return frame(stream->runs() ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS);
}

CUresult cuStreamGetCtx(CUstream handle, CUcontext* context) {
  FAKE_FRAME("cuStreamGetCtx", handle);
  FAKE_STREAM(handle);
  return *context = reinterpret_cast<CUcontext>(stream->context), frame(CUDA_SUCCESS);
}

// Measured: on a stream that captures it fails, and the capture is lost.
CUresult cuStreamGetId(CUstream handle, unsigned long long* id) {
  FAKE_FRAME("cuStreamGetId", handle);
  FAKE_STREAM(handle);
  if (implicit(handle)) return frame(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  if (stream->capture) return frame(broken(*stream));
  return *id = stream->id, frame(CUDA_SUCCESS);
}

CUresult cuStreamWaitEvent(CUstream handle, CUevent awaited, unsigned) {
  FAKE_FRAME("cuStreamWaitEvent", handle, number(awaited));
  FAKE_STREAM(handle);
  FAKE_EVENT(awaited);
  if (stream->capture && event->capture != stream->capture) {
    invalidate(*stream->capture);
    return frame(CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
  }
  if (event->capture) stream->capture = event->capture;  // it joins the capture
  return frame(CUDA_SUCCESS);
}

// --- captures --------------------------------------------------------------------------------------------------------

CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  FAKE_FRAME("cuThreadExchangeStreamCaptureMode", nullptr, static_cast<std::uint64_t>(*mode));
  std::swap(*mode, thread().mode);
  return frame(CUDA_SUCCESS);
}

CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) {
  FAKE_FRAME("cuStreamIsCapturing", handle);
  FAKE_STREAM(handle);
  if ((!handle || handle == CU_STREAM_LEGACY) && std::ranges::any_of(state().captures, &Capture::blocking))
    return frame(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  return *status = status_of(*stream), frame(CUDA_SUCCESS);
}

CUresult cuStreamGetCaptureInfo(CUstream handle, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph,
                                const CUgraphNode**, const CUgraphEdgeData**, size_t*) {
  FAKE_FRAME("cuStreamGetCaptureInfo", handle);
  FAKE_STREAM(handle);
  if ((!handle || handle == CU_STREAM_LEGACY) && std::ranges::any_of(state().captures, &Capture::blocking))
    return frame(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  *status = status_of(*stream);
  if (*status != CU_STREAM_CAPTURE_STATUS_ACTIVE) return frame(CUDA_SUCCESS);
  *id = stream->capture->id;
  if (graph) *graph = reinterpret_cast<CUgraph>(stream->capture->graph);
  return frame(CUDA_SUCCESS);
}

CUresult cuStreamBeginCapture(CUstream handle, CUstreamCaptureMode mode) {
  FAKE_FRAME("cuStreamBeginCapture", handle, static_cast<std::uint64_t>(mode));
  FAKE_STREAM(handle);
  if (!handle || handle == CU_STREAM_LEGACY) return frame(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  if (stream->capture) return frame(CUDA_ERROR_ILLEGAL_STATE);
  stream->capture = std::make_shared<Capture>(
      Capture{state().next_id++, mode, thread().number, true, stream->blocking, made<fake::Graph>(stream->context)});
  stream->origin = true;
  state().captures.push_back(stream->capture);
  return frame(CUDA_SUCCESS);
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph* graph) {
  FAKE_FRAME("cuStreamEndCapture", handle);
  FAKE_STREAM(handle);
  *graph = nullptr;
  const auto capture = stream->capture;
  if (!capture) return frame(CUDA_ERROR_ILLEGAL_STATE);
  if (!stream->origin) return frame(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != thread().number)
    return frame(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
  leave(capture);
  stream->origin = false;
  if (!capture->valid) return gone(*capture->graph), frame(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  *graph = reinterpret_cast<CUgraph>(capture->graph);
  return frame(CUDA_SUCCESS);
}

// --- events ----------------------------------------------------------------------------------------------------------

CUresult cuEventCreate(CUevent* out, unsigned) {
  FAKE_FRAME("cuEventCreate");
  Context* const context = frame.context();
  if (!context) return frame(frame.failure);
  return *out = reinterpret_cast<CUevent>(made<Event>(context)), frame(CUDA_SUCCESS);
}

CUresult cuEventDestroy(CUevent handle) {
  FAKE_FRAME("cuEventDestroy", nullptr, number(handle));
  FAKE_EVENT(handle);
  return event->alive = false, frame(CUDA_SUCCESS);
}

CUresult cuEventRecord(CUevent handle, CUstream on) {
  FAKE_FRAME("cuEventRecord", on, number(handle));
  FAKE_STREAM(on);
  FAKE_EVENT(handle);
  event->stream = stream, event->capture = stream->capture;
  return frame(CUDA_SUCCESS);
}

CUresult cuEventQuery(CUevent handle) {
  FAKE_FRAME("cuEventQuery", nullptr, number(handle));
  FAKE_EVENT(handle);
  if (event->capture) return frame(CUDA_ERROR_CAPTURED_EVENT);
  if (frame.forbidden()) return frame(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  return frame(event->stream && event->stream->runs() ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS);
}

CUresult cuEventSynchronize(CUevent handle) {
  FAKE_FRAME("cuEventSynchronize", nullptr, number(handle));
  FAKE_EVENT(handle);
  if (event->capture) return frame(CUDA_ERROR_CAPTURED_EVENT);
  return frame(frame.forbidden() ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS);
}

// The form that every driver has, which cuda.h may have renamed.
#undef cuEventElapsedTime
CUresult cuEventElapsedTime(float* ms, CUevent, CUevent) {
  FAKE_FRAME("cuEventElapsedTime");
  return *ms = state().elapsed_ms[state().elapsed_asked++ % state().elapsed_ms.size()], frame(CUDA_SUCCESS);
}

// --- graphs ----------------------------------------------------------------------------------------------------------

CUresult cuGraphCreate(CUgraph* graph, unsigned) {
  FAKE_FRAME("cuGraphCreate");
  Context* const context = frame.context();
  if (!context) return frame(frame.failure);
  return *graph = reinterpret_cast<CUgraph>(made<Graph>(context)), frame(CUDA_SUCCESS);
}

CUresult cuGraphDestroy(CUgraph handle) {
  FAKE_FRAME("cuGraphDestroy", nullptr, number(handle));
  auto* graph = frame.find<fake::Graph>(handle, "its graph is gone");
  if (!graph) return frame(frame.failure);
  return gone(*graph), frame(CUDA_SUCCESS);
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec* out, CUgraph handle, unsigned long long) {
  FAKE_FRAME("cuGraphInstantiate", nullptr, number(handle));
  auto* graph = frame.find<fake::Graph>(handle, "its graph is gone");
  if (!graph) return frame(frame.failure);
  auto* const exec = made<fake::Graph>(graph->context);
  exec->held = graph->held;
  return *out = reinterpret_cast<CUgraphExec>(exec), frame(CUDA_SUCCESS);
}

CUresult cuGraphUpload(CUgraphExec, CUstream on) {
  FAKE_FRAME("cuGraphUpload", on);
  FAKE_STREAM(on);
  return frame(CUDA_SUCCESS);
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream on) {
  FAKE_FRAME("cuGraphLaunch", on, number(handle));
  FAKE_STREAM(on);
  if (!frame.find<fake::Graph>(handle, "its graph is gone")) return frame(frame.failure);
  return frame(CUDA_SUCCESS);
}

CUresult cuGraphExecDestroy(CUgraphExec handle) {
  FAKE_FRAME("cuGraphExecDestroy", nullptr, number(handle));
  auto* graph = frame.find<fake::Graph>(handle, "its graph is gone");
  if (!graph) return frame(frame.failure);
  return gone(*graph), frame(CUDA_SUCCESS);
}

// One reference, which a graph takes over.
CUresult cuUserObjectCreate(CUuserObject* out, void* pointer, CUhostFn destroy, unsigned references, unsigned flags) {
  FAKE_FRAME("cuUserObjectCreate");
  if (references != 1 || flags != CU_USER_OBJECT_NO_DESTRUCTOR_SYNC) return frame(CUDA_ERROR_INVALID_VALUE);
  *out = reinterpret_cast<CUuserObject>(new std::shared_ptr<UserObject>(std::make_shared<UserObject>(destroy, pointer)));
  return frame(CUDA_SUCCESS);
}

CUresult cuUserObjectRelease(CUuserObject object, unsigned) {
  FAKE_FRAME("cuUserObjectRelease");
  delete reinterpret_cast<std::shared_ptr<UserObject>*>(object);
  return frame(CUDA_SUCCESS);
}

CUresult cuGraphRetainUserObject(CUgraph handle, CUuserObject object, unsigned count, unsigned flags) {
  FAKE_FRAME("cuGraphRetainUserObject", nullptr, number(handle));
  auto* graph = frame.find<fake::Graph>(handle, "its graph is gone");
  if (!graph) return frame(frame.failure);
  if (count != 1 || flags != CU_GRAPH_USER_OBJECT_MOVE) return frame(CUDA_ERROR_INVALID_VALUE);
  auto* const held = reinterpret_cast<std::shared_ptr<UserObject>*>(object);
  graph->held.push_back(*held);
  delete held;
  return frame(CUDA_SUCCESS);
}

}  // extern "C"
