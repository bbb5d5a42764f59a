// i:reduce(+work)
float total_work(int n, const float force[n], const float way[n]) {
  float work = 0.0f;
  for (int i = 0; i < n; i++) work += force[i] * way[i];
  return work;
}
