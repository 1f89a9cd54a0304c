import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLogger, withWorkContext } from './logger.ts';

function capture() {
  const lines: string[] = [];
  const logger = createLogger({
    service: 'test',
    level: 'info',
    destination: { write: (line) => void lines.push(line) },
  });
  return { logger, lines };
}

describe('logger', () => {
  it('puts the context of the work into each line, across await', async () => {
    const { logger, lines } = capture();
    await withWorkContext({ request_id: 'r1', tenant: 'default', job_id: 'j1' }, async () => {
      await Promise.resolve();
      logger.info({ own: 'of this line' }, 'inside');
      logger.info('also inside');
    });
    logger.info('outside');
    const [inside, alsoInside, outside] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      [inside?.['request_id'], inside?.['tenant'], inside?.['job_id']],
      ['r1', 'default', 'j1'],
    );
    assert.deepEqual([alsoInside?.['request_id'], alsoInside?.['own']], ['r1', undefined]);
    assert.equal(outside?.['request_id'], undefined);
    assert.equal(inside?.['level'], 'info');
  });

  it('keeps secrets out, also below the top', () => {
    const { logger, lines } = capture();
    const headers = { authorization: 'Bearer s3cret', cookie: 's3cret' };
    logger.info(
      { apiKey: 's3cret', headers, request: { headers }, settings: { OPENAI_API_KEY: 's3cret' } },
      'x',
    );
    assert.ok(!lines.join('').includes('s3cret'), lines.join(''));
  });
});
