import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { Admission } from '../../src/hub/admission.ts';

class FakeConnection extends EventEmitter {
  open = true;

  destroy(): void {
    if (!this.open) return;
    this.open = false;
    this.emit('close');
  }
}

function entered(admission: Admission, ...names: string[]): FakeConnection[] {
  return names.map((name) => {
    const connection = new FakeConnection();
    admission.enter(name, connection);
    return connection;
  });
}

const states = (connections: readonly FakeConnection[]) => connections.map(({ open }) => open);

it('lets the oldest of those go that have shown no credential', () => {
  const admission = new Admission(3);
  const [a, b, c] = entered(admission, 'a', 'b', 'c');
  admission.prove('a');
  const [d, e] = entered(admission, 'd', 'e');
  expect(states([a!, b!, c!, d!, e!])).toEqual([true, false, false, true, true]);
});

it('takes no more where all are known, until one leaves', () => {
  const admission = new Admission(2);
  const [a] = entered(admission, 'a', 'b');
  for (const name of ['a', 'b']) admission.prove(name);
  expect(states(entered(admission, 'c'))).toEqual([false]);
  a!.destroy();
  expect(states(entered(admission, 'd'))).toEqual([true]);
});

it('a name that is used again is the new connection', () => {
  const admission = new Admission(2);
  const [first] = entered(admission, 'a');
  const [second] = entered(admission, 'a');
  first!.destroy();
  const [third, fourth] = entered(admission, 'b', 'c');
  expect(states([second!, third!, fourth!])).toEqual([false, true, true]);
});
