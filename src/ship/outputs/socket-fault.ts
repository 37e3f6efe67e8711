// What went wrong on a connection of our own (syslog, Kafka) -> the verdict: what an operator must put right is held, what may
// pass by itself is tried again. Pure. If you change which codes are held, also change transport-http.ts.

import { reasonOf } from '../../errors.ts';
import type { Verdict } from '../output.ts';
import { oneLine } from './bulk-reason.ts';

/** Certificates, TLS versions, keys; a server that closes as soon as it has seen who we are. */
const OPERATOR =
  /^(CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|FB_SHIP_KEY|FB_SHIP_NOT_ACCEPTED)/;

export function verdictOfFault(error: unknown): Extract<Verdict, { is: 'retry' | 'hold' }> {
  const fault = causeOf(error);
  const code = codeOf(fault);
  const reason = reasonOf(fault);
  return { is: OPERATOR.test(code) ? 'hold' : 'retry', reason: oneLine(reason === '' ? code : reason) };
}

/** Where a name has several addresses, the fault of the first. */
function causeOf(error: unknown): unknown {
  return error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}
