// A libcuda.so.1 of CUDA 12.2: it lacks what came later.
extern "C" {

int cuInit(unsigned) { return 0; }
int cuDriverGetVersion(int* version) { return *version = 12020, 0; }

}  // extern "C"
