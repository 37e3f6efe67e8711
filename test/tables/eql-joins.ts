// What sequences and samples of EQL find, in small sets of events. Answers by the definition that Elasticsearch's documentation and
// sources give (SequenceMatcher, TumblingWindow, SampleIterator; the module itself is not in Maven Central); those of sequences
// without `!`, and where no event is `until` and a stage at once, are those of PyPI's `eql` 1.0.1 too, which was asked on
// 1,659 random streams.
//
// An event is written `A3:x`: categories, second, key k (`x,y`: two values, none: no key). In a query `[A]` is `[A where true]`.

export interface JoinAnswer {
  readonly why: string;
  readonly query: string;
  readonly events: string;
  /** Sequences apart by ` | `, each the events as they are written, without keys. */
  readonly found: string;
}

const rows = (text: string): JoinAnswer[] =>
  text
    .trim()
    .split('\n\n')
    .map((block) => {
      const [why, query, events, found = ''] = block.split('\n').map((line) => line.trim()) as [string, string, string];
      return { why, query, events, found };
    });

export const SEQUENCES: readonly JoinAnswer[] = rows(`
one after the other
sequence [A] [B]
A1 B2 A3 B4
A1 B2 | A3 B4

a later first event replaces the earlier
sequence [A] [B]
A1 A2 B3 B4
A2 B3

the stage before goes on while later ones wait
sequence [A] [B] [C]
A1 B2 A3 C4 B5 C6
A1 B2 C4 | A3 B5 C6

the latest of each stage goes on, not the oldest
sequence [A] [B] [C]
A1 B2 A3 B4 C5
A3 B4 C5

an event completes one sequence and begins the next
sequence [A] [A]
A1 A2 A3
A1 A2 | A2 A3

an event takes no place twice in one sequence
sequence [A] [B]
AB1 AB2
AB1 AB2

each key apart
sequence by k [A] [B]
A1:x A2:y B3:y B4:x B5:z
A2 B3 | A1 B4

keys of each stage
sequence [A] by k [B] by o
A1:x B2:y:x B3:x:y
A1 B2

an event without its key takes no part
sequence by k [A] [B]
A1 B2 A3:x B4:x
A3 B4

no value is a value of an optional key
sequence by ?k [A] [B]
A1 A2:x B3 B4:x
A1 B3 | A2 B4

several values: a sequence for each
sequence by k [A] [B]
A1:x,y B2:y B3:x,z
A1 B2 | A1 B3

maxspan is inclusive
sequence with maxspan=2s [A] [B]
A1 B3 A4 B7
A1 B3

maxspan counts from the first event
sequence with maxspan=3s [A] [B] [C]
A1 B3 C5 A6 B8 C9
A6 B8 C9

what is too late ends the sequence, and the one before it too
sequence with maxspan=2s [A] [B]
A1 A2 B5 B6

runs
sequence [A] with runs=3 [B]
A1 A2 B3 A4 B5
A1 A2 A4 B5

runs overlap
sequence [A] with runs=2
A1 A2 A3
A1 A2 | A2 A3

until ends what is in progress
sequence [A] [B] until [U]
A1 U2 B3 A4 B5 U6
A4 B5

until of another key ends nothing
sequence by k [A] [B] until [U]
A1:x U2:y B3:x
A1 B3

an event that completes a sequence wins over until
sequence [A] [B] until [U]
A1 BU2
A1 BU2

an event that begins a sequence and is until ends it
sequence [A] [B] until [U]
C0 A1 AU2 B3

until between any two events
sequence [A] [B] [C] until [U]
A1 B2 U3 C4 A5 B6 C7
A5 B6 C7

events of one time are in the order in which they came
sequence [A] [B]
B1 A1 B1 C1
A1 B1
`);

export const MISSING: readonly JoinAnswer[] = rows(`
nothing between
sequence with maxspan=10s [A] ![M] [B]
A1 B2 A3 M4 B5
A1 B2

at the very time of either it is not between
sequence with maxspan=10s [A] ![M] [B]
A1 M1 M2 B2
A1 B2

and what was at the time of one event is nothing to the next
sequence with maxspan=10s [A] ![M] [B] [C]
A1 M2 B2 C3
A1 B2 C3

of another key it is not there
sequence by k with maxspan=10s [A] ![M] [B]
A1:x M2:y B3:x
A1 B3

what saw it still takes the place of another
sequence with maxspan=10s [A] ![M] [B] [C]
A1 B2 A3 M4 B5 C6

only between its neighbours
sequence with maxspan=10s [A] [B] ![M] [C]
A1 M2 B3 C4
A1 B3 C4

nothing after, within maxspan of the first
sequence with maxspan=5s [A] ![M]
A1 M7 A8 M13
A1

at the end nothing is there
sequence with maxspan=5s [A] [B] ![M]
A1 B2 M3 A4 B5
A4 B5

several wait for what does not come
sequence with maxspan=5s [A] ![M]
A1 A2 M3 A4 A5
A4 | A5

nothing before, within maxspan of the last
sequence with maxspan=5s ![M] [A] [B]
M1 A2 B6 A7 B8
A7 B8

before at the same time is not before
sequence with maxspan=5s ![M] [A]
M1 A1 A2
A1

nothing before and nothing after: maxspan around them
sequence with maxspan=5s ![M] [A] ![M]
M0 A3 M5 A6 M9 A12 M15
A12

long before or long after is enough
sequence with maxspan=5s ![M] [A] ![M]
A1 M2 M8 A12 M13
A1

what is decided later stands where its last event is
sequence by k with maxspan=5s ![M] [A] ![M]
M0:x A1:x A2:y C9:z
A1 | A2

two missing, either of them
sequence with maxspan=10s [A] ![M] ![N] [B]
A1 N2 B3 A4 M5 B6 A7 B8
A7 B8

missing runs are one as many
sequence with maxspan=10s [A] ![M] with runs=2 [B]
A1 M2 B3 A4 B5
A4 B5

until does not touch what has all its events
sequence with maxspan=5s [A] ![M] until [U]
A1 U2
A1
`);

export const SAMPLES: readonly JoinAnswer[] = rows(`
in any order, in the order of the query
sample by k [A] [B]
B1:x A2:x A3:y
A2 B1

one of each key, by key
sample by k [A] [B]
A1:y B2:y A3:x B4:x A5:x B6:x
A3 B4 | A1 B2

an event stands in one place
sample by k [A] [B]
AB1:x A2:y AB3:y
A2 AB3

the first that leaves something for the others
sample by k [A] [B]
AB1:x A2:x
A2 AB1

as they come, not by time
sample by k [A] [B]
A2:x A1:x B3:x
A2 B3

several values: one for each
sample by k [A] [B]
A1:x,y B2:y,x
A1 B2 | A1 B2

no value is a value of an optional key, and the first
sample by ?k [A] [B]
A1 B2:x A3:x B4
A1 B4 | A3 B2

without its key it takes no part
sample by k [A] [B]
A1 B2
`);
