/**
 * Opens streams that stay silent, and keeps them. Each message of the parent says how many there are to be; the answer
 * comes when all of them have had their first token.
 */
import { Agent, request as httpRequest } from 'node:http';
import { encodeRequest, TOKEN_MARK } from '../answer-plan.ts';

const [, , url = '', openerCount = '32'] = process.argv;
const agent = new Agent({ keepAlive: false, maxSockets: Infinity });
const body = encodeRequest({ tokens: 1, rate: 0, isEndless: true });
const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
let held = 0;

process.once('disconnect', () => process.exit(0));
process.on('message', (streams: number) => {
  let asked = held;
  const open = async () => {
    while (asked < streams) {
      asked += 1;
      await openOne();
      held += 1;
    }
  };
  const openers = Array.from({ length: Number(openerCount) }, open);
  void Promise.all(openers).then(
    () => process.send?.({ type: 'held', streams: held }),
    (error: unknown) => process.send?.({ type: 'failed', reason: String(error) }),
  );
});

/** Resolves when something of the answer is there. */
function openOne(): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: 'POST', agent, headers }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
      response.once('close', () => reject(new Error('a held stream ended')));
      response.on('data', (bytes: Buffer) => bytes.includes(TOKEN_MARK) && resolve());
    });
    request.once('error', reject);
    request.end(body);
  });
}
