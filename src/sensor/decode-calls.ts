// Records of system calls that rules name: bytes -> CallRecord. Called by decode.ts, whose rules hold here.

import { readText } from './decode-fields.ts';
import type { Frame } from './frame.ts';
import { CALL, CALL_NUMBER, FIELD } from './layout.ts';
import type { CallRecord } from './record.ts';

const CALLS = new Map<number, CallRecord['call']>(
  Object.entries(CALL_NUMBER).map(([name, number]) => [number, name as CallRecord['call']]),
);

/** undefined: the record has no facts of a call, or of one that this version does not know. */
export function readCall(
  frame: Frame,
): Omit<CallRecord, 'kind' | 'bootNs' | 'task' | 'truncated' | 'unreadable'> | undefined {
  if (!frame.has(FIELD.call)) return undefined;
  const { view } = frame;
  const at = frame.start(FIELD.call);
  const call = CALLS.get(view.getUint32(at + CALL.call, true));
  if (call === undefined) return undefined;
  const name = readText(frame, FIELD.name);
  return {
    call,
    tid: view.getUint32(at + CALL.tid, true),
    args: Array.from({ length: CALL.argCount }, (_, i) => view.getBigUint64(at + CALL.args + 8 * i, true)),
    result: view.getInt32(at + CALL.result, true),
    ...(name !== undefined && { name }),
  };
}
