// straight
static float blend(float a, float b, float t) { return a + t * (b - a); }

float mix_pair(const float pair[2], float t) { return blend(pair[0], pair[1], t); }
