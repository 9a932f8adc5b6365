import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { messageOf, TerminalError, TransientError, UnreadableRecordError } from '../../ports/errors.ts';
import type { Script } from './scripts.ts';

/** Sends commands and scripts, bounded, with errors in our own words. */
export interface RedisCalls {
  /** @throws TransientError, or UnreadableRecordError where a key holds another type of value */
  call<Answer>(what: string, send: () => Promise<Answer>): Promise<Answer>;
  /** Runs a script by its digest, with its text where the server does not know it yet. Throws as `call`. */
  run(what: string, script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  close(): Promise<void>;
}

const inFlightMax = 10_000;
const closeMs = 1_000;
const known = new WeakMap<Redis, RedisCalls>();

/** The calls of one client: store and signals on the same client share its bounds. */
export function redisCalls(redis: Redis): RedisCalls {
  const calls = known.get(redis) ?? newCalls(redis);
  known.set(redis, calls);
  return calls;
}

function newCalls(redis: Redis): RedisCalls {
  let inFlight = 0;
  let isClosed = false;
  let lastTrouble: string | null = null;
  // Without a listener the client prints errors by itself. Each command that suffers is rejected too, so here is only
  // kept why: the rejection alone says no more than that it was tried too often.
  redis.on('error', (error: Error) => {
    lastTrouble = withoutSecrets(redis, messageOf(error));
  });
  redis.on('ready', () => {
    lastTrouble = null;
  });
  const call = async <Answer>(what: string, send: () => Promise<Answer>): Promise<Answer> => {
    if (isClosed) throw new TerminalError(`redis: ${what}: the store is closed`);
    if (inFlight >= inFlightMax)
      throw new TransientError(`redis: ${what}: ${inFlightMax} commands are waiting already`);
    inFlight += 1;
    try {
      return await send();
    } catch (error) {
      throw translated(redis, what, error, lastTrouble);
    } finally {
      inFlight -= 1;
    }
  };
  return {
    call,
    run: (what, { sha, lua }, keys, args) =>
      call(what, async () => {
        try {
          return await redis.evalsha(sha, keys.length, ...keys, ...args);
        } catch (error) {
          if (!messageOf(error).startsWith('NOSCRIPT')) throw error;
          return redis.eval(lua, keys.length, ...keys, ...args);
        }
      }),
    close: async () => {
      isClosed = true;
      await closeClient(redis);
    },
  };
}

/** No cause is kept: the client's errors carry the arguments of the command, a password among them. */
function translated(redis: Redis, what: string, error: unknown, lastTrouble: string | null): Error {
  const message = withoutSecrets(redis, messageOf(error));
  if (message.includes('WRONGTYPE')) {
    return new UnreadableRecordError(`redis: ${what}: a key of it holds another type of value; it is left as it is`);
  }
  const why = lastTrouble === null || lastTrouble === message ? '' : ` (${lastTrouble})`;
  return new TransientError(`redis: ${what}: ${shorter(message)}${why}`);
}

function shorter(message: string): string {
  return message.startsWith('Reached the max retries per request limit') ? 'no connection' : message;
}

function withoutSecrets(redis: Redis, message: string): string {
  const { password, username } = redis.options;
  // A server that does not know AUTH quotes its arguments.
  let text = message.replace(/,? with args beginning with:.*/s, '').replace(/rediss?:\/\/\S*/g, 'redis://…');
  for (const secret of [password, username]) if (secret) text = text.replaceAll(secret, '…');
  return text.slice(0, 300);
}

async function closeClient(redis: Redis): Promise<void> {
  // Between two attempts to connect there is nothing whose end could be waited for.
  const isIdle = ['wait', 'reconnecting', 'end'].includes(redis.status);
  if (isIdle) return redis.disconnect();
  const isOver = new AbortController();
  redis.once('end', () => isOver.abort());
  // QUIT lets the answers on their way arrive; a server that does not answer is not waited for.
  if (redis.status === 'ready') redis.quit().catch(() => redis.disconnect());
  else redis.disconnect();
  await wait(closeMs, undefined, { signal: isOver.signal }).catch(() => undefined);
  if (!isOver.signal.aborted) redis.disconnect();
}
