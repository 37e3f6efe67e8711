// Which outputs send a key over the network in the clear: the sentence that warns of it. In: outputs as they are configured. Called
// where outputs are begun (ship/lanes.ts) and by the commands that try or judge them.

import type { OutputConfig } from './outputs.ts';

/** in: outputs; out: a sentence for each whose key, token or password anybody on the way can read. Alerts alone warn of nothing. */
export function clearTextWarnings(outputs: readonly OutputConfig[]): string[] {
  return outputs.flatMap((output) => {
    const secret = secretOf(output);
    const far = plainHosts(output).find((host) => !isLoopback(host));
    if (secret === undefined || far === undefined) return [];
    const remedy = 'url' in output ? 'take https://' : 'take tls = true';
    return [
      `output ${output.name}: its ${secret} goes to ${far} in the clear, for anybody on the way to read: ${remedy}`,
    ];
  });
}

/** Of SCRAM no password travels. */
function secretOf(output: OutputConfig): string | undefined {
  switch (output.type) {
    case 'elasticsearch':
      if (output.api_key_file !== null) return 'API key';
      return output.password_file === null ? undefined : 'password';
    case 'hub':
    case 'otlp':
      return output.token_file === null ? undefined : 'token';
    case 'kafka':
      return output.password_file !== null && output.mechanism === 'plain' ? 'password' : undefined;
    default:
      return undefined;
  }
}

/** Of its addresses without TLS. */
function plainHosts(output: OutputConfig): string[] {
  if ('url' in output) return output.url.startsWith('http:') ? [new URL(output.url).hostname] : [];
  if (output.type !== 'kafka' || output.tls) return [];
  return output.brokers.map((broker) => broker.slice(0, broker.lastIndexOf(':')));
}

function isLoopback(host: string): boolean {
  return /^(127(\.\d+){3}|\[?::1\]?|(.+\.)?localhost)$/i.test(host);
}
