// What predicates did, of all queries of this process. steps: characters of texts looked at, at most: what tests hold the bounds by.
// skipped: evaluations that did not look at all combinations of values; the detector counts them and sets it back.

export const work = { steps: 0, skipped: 0 };
