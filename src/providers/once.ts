/** A value computed when it is first asked for, and kept. */
export function once<T>(compute: () => T): () => T {
  let value: T;
  let known = false;
  return () => {
    if (!known) {
      value = compute();
      known = true;
    }
    return value;
  };
}
