#include <cublasLt.h>

#include <cstring>
#include <mutex>
#include <utility>

#include "fake_cublaslt.hpp"

namespace {

std::mutex mutex;
std::vector<fake::Product>& made() {
  static auto& all = *new std::vector<fake::Product>;
  return all;
}

std::function<void(const fake::Product&)>& multiplying() {
  static auto& how = *new std::function<void(const fake::Product&)>;
  return how;
}

std::vector<std::uint64_t>& rows_asked() {
  static auto& all = *new std::vector<std::uint64_t>;
  return all;
}

int refused = 0;
cublasStatus_t refusal = CUBLAS_STATUS_SUCCESS;

// An algorithm's first word is its workspace, a preference's first the most that is allowed.
cublasLtMatmulHeuristicResult_t heuristic(std::size_t workspace) {
  cublasLtMatmulHeuristicResult_t result{};
  result.algo.data[0] = workspace;
  result.workspaceSize = workspace;
  result.state = CUBLAS_STATUS_SUCCESS;
  result.wavesCount = 1;
  return result;
}

// What a layout's opaque words are here.
struct Layout {
  std::uint64_t type, rows, columns;
  std::int64_t ld;
};
static_assert(sizeof(Layout) <= sizeof(cublasLtMatrixLayoutOpaque_t));

}  // namespace

std::vector<fake::Product> fake::products() {
  const std::lock_guard lock(mutex);
  return std::exchange(made(), {});
}

void fake::multiply(std::function<void(const Product&)> how) {
  const std::lock_guard lock(mutex);
  multiplying() = std::move(how);
}

void fake::refuse(int times, int status) {
  const std::lock_guard lock(mutex);
  refused = times, refusal = static_cast<cublasStatus_t>(status);
}

std::vector<std::uint64_t> fake::asked() {
  const std::lock_guard lock(mutex);
  return std::exchange(rows_asked(), {});
}

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = reinterpret_cast<cublasLtHandle_t>(1);
  return CUBLAS_STATUS_SUCCESS;
}

size_t cublasLtGetVersion() { return 130100; }
const char* cublasLtGetStatusName(cublasStatus_t) { return "a scripted status"; }

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t, const void* alpha, const void* first,
                              cublasLtMatrixLayout_t, const void* second, cublasLtMatrixLayout_t, const void* beta, const void*,
                              cublasLtMatrixLayout_t, void* d, cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t*,
                              void* workspace, size_t bytes, cudaStream_t stream) {
  Layout l;
  std::memcpy(&l, d_layout->data, sizeof l);
  const std::lock_guard lock(mutex);
  made().push_back({reinterpret_cast<CUstream>(stream), workspace, bytes, *static_cast<const float*>(alpha),
                    *static_cast<const float*>(beta), first, second, d, static_cast<cudaDataType_t>(l.type), l.rows, l.columns,
                    l.ld});
  if (multiplying()) multiplying()(made().back());
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int limit,
                                              cublasLtMatmulHeuristicResult_t* results, int* count) {
  Layout l;
  std::memcpy(&l, d->data, sizeof l);
  const std::lock_guard lock(mutex);
  rows_asked().push_back(l.columns);
  if (refused > 0 && refused-- > 0) return refusal;
  *count = 0;
  for (const std::size_t workspace : {fake::kVendorWorkspace, std::size_t{0}})
    if (*count < limit && workspace <= preference->data[0]) results[(*count)++] = heuristic(workspace);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                       cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, const cublasLtMatmulAlgo_t* algo,
                                       cublasLtMatmulHeuristicResult_t* result) {
  *result = heuristic(algo->data[0]);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t*, cublasLtMatmulAlgoConfigAttributes_t,
                                                    void* value, size_t bytes, size_t* written) {
  std::memset(value, 0, bytes);
  *written = bytes;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t layout, size_t, cudaDataType type, uint64_t rows,
                                                 uint64_t columns, int64_t ld) {
  const Layout l{static_cast<std::uint64_t>(type), rows, columns, ld};
  std::memcpy(layout->data, &l, sizeof l);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t, size_t, cublasComputeType_t, cudaDataType_t) {
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t, cublasLtMatmulDescAttributes_t, const void*, size_t) {
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t preference, size_t bytes) {
  std::memset(preference, 0, bytes);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value, size_t) {
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) std::memcpy(&preference->data[0], value, sizeof(uint64_t));
  return CUBLAS_STATUS_SUCCESS;
}

}  // extern "C"
