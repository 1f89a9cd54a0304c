/**
 * Outlives a supervisor that is killed and then ends what it left, in the right order. The supervisor holds the other
 * end of standard input, which closes with it, however it goes.
 */
import { endRun, readRunRecord, removeRunRecord } from './run-record.ts';

const [dataDir] = process.argv.slice(2);
if (!dataDir) throw new Error('guard.ts takes the data folder as its argument.');

for await (const _ of process.stdin);

// An orderly end removes the record before it lets go of this process.
const record = readRunRecord(dataDir);
if (record) {
  await endRun(record);
  removeRunRecord(dataDir);
}
