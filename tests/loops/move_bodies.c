// refused
struct Body {
  float x, v;
};

void move_bodies(int n, struct Body body[n], float dt) {
  for (int i = 0; i < n; i++) body[i].x += dt * body[i].v;
}
