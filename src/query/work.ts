// What predicates did, of all queries of this process. steps: characters of texts looked at, at most: what tests hold the bounds by.
// skipped: evaluations that did not look at all combinations of values; detect/evaluate-query.ts counts them.

export const work = { steps: 0, skipped: 0 };
