// One event of each list, no event twice: what makes a sample of the events that match each of its stages. In polynomial time
// (augmenting paths), where trying all ways takes factorial time on lists that hold the same few. Called by sample.ts.

/**
 * in: lists of candidates; out: one of each, in order, all different: of all ways the one that takes the earliest of the first
 * list, then of the second and so on. undefined: there is none.
 */
export function chooseDistinct<T>(lists: readonly (readonly T[])[]): T[] | undefined {
  let owners: Map<T, number> = new Map();
  for (const i of lists.keys()) if (!place(lists, owners, i, 0, new Set())) return undefined;
  const chosen: T[] = [];
  for (const [i, list] of lists.entries()) {
    for (const candidate of list) {
      const moved = withChoice(lists, owners, i, candidate);
      if (moved === undefined) continue;
      owners = moved;
      chosen.push(candidate);
      break;
    }
  }
  return chosen;
}

/** The owners where list i takes the candidate and those before i keep theirs; undefined where the rest finds no way. */
function withChoice<T>(lists: readonly (readonly T[])[], owners: Map<T, number>, i: number, candidate: T) {
  const owner = owners.get(candidate);
  if (owner === i) return owners;
  if (owner !== undefined && owner < i) return undefined;
  const moved = new Map([...owners].filter(([, list]) => list !== i)).set(candidate, i);
  return owner === undefined || place(lists, moved, owner, i + 1, new Set()) ? moved : undefined;
}

/** Finds a candidate for the list, moving others as needed, but none of the lists before `free`. */
function place<T>(
  lists: readonly (readonly T[])[],
  owners: Map<T, number>,
  list: number,
  free: number,
  seen: Set<T>,
): boolean {
  for (const candidate of lists[list]!) {
    if (seen.has(candidate)) continue;
    seen.add(candidate);
    const owner = owners.get(candidate);
    if (owner !== undefined && (owner < free || !place(lists, owners, owner, free, seen))) continue;
    owners.set(candidate, list);
    return true;
  }
  return false;
}
