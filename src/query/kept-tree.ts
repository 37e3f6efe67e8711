// A syntax tree is needed when rules are loaded and when one is explained; in between it would take more memory than what runs. In: a
// tree, how to make it anew; out: what gives it. Called by the compilers.

/** out: the tree, made anew when it is gone: as it was. */
export function keptTree<T extends object>(tree: T, anew: () => T): () => T {
  let kept = new WeakRef(tree);
  return () => {
    const known = kept.deref();
    if (known !== undefined) return known;
    const made = anew();
    kept = new WeakRef(made);
    return made;
  };
}
