// Whether a value that comes from a file or from a recording that somebody sent has a form. Pure; called by saved-leaders-check.ts and
// fact-check.ts.

export type Test = (value: unknown) => boolean;

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** A count, a pid, a user's id. */
export function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function isMatch(value: unknown, form: RegExp): boolean {
  return typeof value === 'string' && form.test(value);
}

export function isOptional(value: unknown, test: Test): boolean {
  return value === undefined || test(value);
}

export function isListOf(value: unknown, test: Test): value is readonly unknown[] {
  return Array.isArray(value) && value.every(test);
}

/** in: members and what each has to be; out: a test of an object with these, and perhaps others. */
export function hasMembers(members: Readonly<Record<string, Test>>): Test {
  return (value) => typeof value === 'object' && value !== null && wrongMember(value, members) === undefined;
}

/** The first member that is not what it has to be. */
export function wrongMember(value: object, members: Readonly<Record<string, Test>>): string | undefined {
  const own = value as Readonly<Record<string, unknown>>;
  return Object.keys(members).find((name) => !members[name]!(Object.hasOwn(own, name) ? own[name] : undefined));
}
