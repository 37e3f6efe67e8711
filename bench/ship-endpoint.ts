// The endpoint of bench/ship.ts: takes _bulk, inflates, says yes to each document by its id. Parses no document: it shares two CPUs with
// what is measured.

import { createServer } from 'node:http';
import { gunzipSync } from 'node:zlib';

const NEWLINE = 10;
let count = 0;

/** The ids of the action lines, every second line. */
function idsOf(body: Buffer): string[] {
  const ids: string[] = [];
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf(NEWLINE, at);
    ids.push(/"_id":"([^"]+)"/.exec(body.toString('latin1', at, end))?.[1] ?? '');
    at = body.indexOf(NEWLINE, end + 1) + 1;
  }
  return ids;
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request
    .on('data', (chunk: Buffer) => chunks.push(chunk))
    .on('end', () => {
      const raw = Buffer.concat(chunks);
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
      const ids = idsOf(body);
      const items = ids.map((id) => `{"create":{"_id":"${id}","status":201}}`).join();
      response.writeHead(200, { 'content-type': 'application/json' }).end(`{"errors":false,"items":[${items}]}`);
      count += ids.length;
      process.send?.({ count });
    });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }));
