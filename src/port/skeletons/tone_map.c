// i:parallel
void tone_map(int n, float white, const float light[n], float shade[n]) {
  for (int i = 0; i < n; i++) shade[i] = light[i] / (light[i] + white);
}
