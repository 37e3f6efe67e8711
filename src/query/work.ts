// What predicates did, of all queries of this process. steps: characters of texts looked at, at most: what tests hold the bounds by.
// skipped: predicates that did not look at all combinations of values; detect/evaluate-query.ts and correlate/sequence.ts count them.

export const work = { steps: 0, skipped: 0 };
