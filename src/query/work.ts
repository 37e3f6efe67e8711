// Steps that predicates on texts take, of all queries: what tests hold the bounds by. A step is a character looked at, or less.

export const work = { steps: 0 };
