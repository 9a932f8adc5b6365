import { crc32 } from 'node:zlib';
import { TerminalError } from '../../ports/errors.ts';
import { checkName } from '../memory/stored-record.ts';

/** Where in Redis everything lies: docs/redis.md. Keys of one shard share one hash tag, so that one script may use them. */
export interface RedisKeys {
  readonly shards: number;
  shardOf(name: string): number;
  record(name: string): string;
  history(name: string): string;
  signals(name: string): string;
  alerts(name: string): string;
  due(shard: number): string;
  names(shard: number): string;
  readonly claims: string;
  lease(thing: string): string;
}

/** @throws TerminalError on options that give no safe keys */
export function redisKeys({ shards = 1, prefix = 'sluice' }: { shards?: number; prefix?: string }): RedisKeys {
  if (!Number.isInteger(shards) || shards < 1 || shards > 1024) {
    throw new TerminalError(`${shards} shards; 1 to 1024 are allowed`);
  }
  // A brace in the prefix would move the hash tag.
  if (!/^[\w.:-]{1,64}$/.test(prefix))
    throw new TerminalError('prefix of the keys: letters, digits and _.:- are allowed');
  const shardOf = (name: string) => {
    checkName(name);
    return crc32(name) % shards;
  };
  const keyOf = (kind: string, name: string) => `${prefix}:{s${shardOf(name)}}:${kind}:${name}`;
  return {
    shards,
    shardOf,
    record: (name) => keyOf('record', name),
    history: (name) => keyOf('history', name),
    signals: (name) => keyOf('signals', name),
    alerts: (name) => keyOf('alerts', name),
    due: (shard) => `${prefix}:{s${shard}}:due`,
    names: (shard) => `${prefix}:{s${shard}}:names`,
    claims: `${prefix}:{claims}:held`,
    lease: (thing) => `${prefix}:{claims}:lease:${thing}`,
  };
}
