import { Redis } from 'ioredis';
import { InvalidInputError } from '../../ports/errors.ts';

/** What a connection may need beside its URL. Times in milliseconds. */
export interface RedisConnection {
  /** Certificate (PEM) that signed the server's own, for `rediss://` where no public authority did. */
  readonly ca?: string;
  /** How long one command may take, queueing and reconnecting included. */
  readonly commandTimeoutMs?: number;
  /** How long a connection may owe an answer before it counts as dead. */
  readonly silenceMs?: number;
}

/**
 * A client for `redis://` or `rediss://[user:password@]host[:port][/database]`. It connects with the first command.
 * Commands never wait longer than their time-out; the caller decides what to try again.
 * @throws InvalidInputError when the URL is none; its text, which may hold a password, is not repeated
 */
export function connectRedis(url: string, connection: RedisConnection = {}): Redis {
  if (!isRedisUrl(url)) {
    const message = 'must look like redis://host:6379/0 or rediss://user:password@host:6379/0';
    throw new InvalidInputError([{ path: 'REDIS_URL', message }]);
  }
  return new Redis(url, {
    lazyConnect: true,
    keepAlive: 10_000,
    connectTimeout: 3_000,
    commandTimeout: connection.commandTimeoutMs ?? 5_000,
    // After a thaw the socket of a frozen instance may be dead without knowing: writes vanish, nothing closes. A
    // connection that owes an answer this long is dropped, and what it owed is sent again on a new one.
    socketTimeout: connection.silenceMs ?? 2_000,
    maxRetriesPerRequest: 3,
    retryStrategy: (attempt) => Math.min(100 * attempt, 1_000),
    // A replica that was the primary a moment ago: find the new one; the caller tries the command again.
    reconnectOnError: (error) => error.message.includes('READONLY'),
    // RESP2: proxies in front of hosted Redis do not all speak RESP3, and nothing here needs it.
    protocol: 2,
    disableClientInfo: true,
    ...(connection.ca === undefined ? {} : { tls: { ca: connection.ca } }),
  });
}

function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, search } = new URL(text);
  // Options in the query would override the ones above.
  return (
    ['redis:', 'rediss:'].includes(protocol) && hostname !== '' && search === '' && isDecodable(username, password)
  );
}

function isDecodable(...texts: readonly string[]): boolean {
  return texts.every((text) => !/%(?![0-9a-f]{2})/i.test(text));
}
