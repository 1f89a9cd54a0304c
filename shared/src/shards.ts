import murmurhash from 'murmurhash';

/** The shard of a queue that a job belongs to: the same wherever it is asked. */
export function shardOf(jobId: string, shards: number): number {
  return murmurhash.v3(jobId) % shards;
}

/** One of something per shard. */
export function perShard<T>(shards: number, open: (shard: number) => T): T[] {
  return Array.from({ length: shards }, (_, shard) => open(shard));
}

/** A whole divided among the shards, rounded up. */
export function shareOf(whole: number, shards: number): number {
  return Math.ceil(whole / shards);
}
